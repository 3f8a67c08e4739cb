"""
Workflow tests: a run is rehearsed offline, with answers from a file in the place of the outer world.

    NAME.test.yaml ──files──► Case ──stage──► the real engine over the store in memory, stand-ins for executors,
                                              secrets and time ──► Rehearsed ──compare──► what is different
    a run's journal ──record──► Case ──files──► NAME.test.yaml

`runner test` and `runner runs record` call it. Nothing here opens a socket or reads a secret.
"""
