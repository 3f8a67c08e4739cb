"""
The pages of the dashboard: one module a page, templates and assets beside them, all of it in the wheel.

    frame      what every page has: templates, assets, `page()`, errors as pages
    sign_in    /login, /logout, /setup
    workflows  /, workflow_page /workflows/{name}: graph and graph_rows lay out, graph_svg draws, source highlights
    secrets    /settings/secrets
    reference  /api

A page is a function `routes(services, frame) -> list[Route]`, named in `runner.web.portal`; its template extends
`layout.html`. A form's page gives every POST form the field of `form_field`. Pages need no JavaScript.
"""
