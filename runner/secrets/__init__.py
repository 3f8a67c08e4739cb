"""
Where secrets come from and how they are kept.

    master key ──keys──► Keys ──► vault (encrypted rows)  ┐
                                  environment, NAME_FILE  ┴─► resolver ──► labelled values ──► the engine
                         Keys ──► sealer (values kept for later)
    vault, environment ──masking──► the redactor knows what to mask

`runner.daemon` and the command line open these; the engine sees only the ports. Nothing here knows runs or workflows.
"""
