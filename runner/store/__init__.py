"""
The store of runs and their journals: `runner.ports.Store`, built twice.

    memory.MemoryStore    for tests and models: commits and crashes on demand; `tables` is its disk
    sqlite.open_store     the real one: one file, one process, one thread that writes
                          writer → batch → appends, admissions → lanes          lookups, reads → statements

    admission, fence, bounds, journal, pending      what both share, so that they cannot differ

Events and values arrive encoded and masked; the store keeps them without looking inside. It knows nothing of plans,
actions or secrets. The composition root opens a store and hands it to the engine and to whoever lists runs.
"""
