"""
The API under `/api/v1`: one table of endpoints, from which come both the routes and the OpenAPI document.

    endpoints            what an endpoint is, how a request is read strictly, what is wrong with one
    models, run_models   what answers look like, for the document and the tests
    workflows, runs, events, secrets, administration   the endpoints by theme
    openapi              table ──► /api/openapi.json, and the page /api
    table                all of them

Who asks was found out by `runner.web.door`; here only the scope is asked for.
"""
