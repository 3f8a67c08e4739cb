"""
The composition root: the one place that knows every part, opens it and hands it to the others (design, style §4).

    settings ──► secrets, store, executors, catalog, engine ──┬─► service: ports, control socket, watching, signals
                                                            └─► alone: one run, no ports, nothing recovered

    root      opens the pieces, one block inside the other
    service   what `runner start` adds: from "started" to a drained end
    alone     what `runner run` does where no daemon runs
    catalogs  the current catalog, swapped whole and kept for the next start
    retention  old runs go, in slices that nobody waits for
    doctor     what is wrong with an installation, with the cure
    backup     both databases in one file, and back again: restore, archive
    sink      events to whoever watches and to the log

The command line calls `service.start` and `alone.run_alone`; nothing else imports this package.
"""
