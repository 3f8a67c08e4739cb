"""
What starts runs by itself: requests to port 8080, and whatever else a file's `triggers` name.

    catalog ──open_triggers()──► Triggers ─ swap(catalog)   each reload: new routes are built, then put in place at once
                                     │      answer(…)       the ASGI application of port 8080
                                     └──► Submission ──► runner.engine.dispatcher

    open         the lifetime: what the daemon opens, tells of reloads and serves
    services     what triggers are given
    firing       what a trigger's expressions see; `if`, `inputs` and `deduplicate` computed
    http         one request from its route to its answer
    routes, route, body, received, answers
                 which trigger a request means, how it is read, how it is answered
    proof, signature, tokens, keys
                 who the caller is

The composition root opens it; nothing else imports it but tests.
"""
