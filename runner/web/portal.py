"""
The application of the dashboard's port: pages, API and health, behind one door.

    Services ──portal()──► Door ──► /static, pages      every error as a page
                                ──► /api, /healthz, …   every error as a problem document

`runner.daemon.service` serves it. A page or a theme of the API is a module; it is named here and nowhere else.
"""

import http
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from runner.errors import AccessError, RunnerError
from runner.web.addresses import Addresses
from runner.web.api.table import routes as api_routes
from runner.web.dashboard import (
    audit,
    live,
    questions,
    reference,
    run_list,
    run_page,
    secrets,
    settings,
    sign_in,
    tokens,
    workflow_page,
    workflows,
)
from runner.web.dashboard.frame import Frame
from runner.web.door import Door, access_problem, is_page
from runner.web.health import health_app
from runner.web.masked import MaskedProblems
from runner.web.metrics import metrics_route
from runner.web.problems import PROBLEM_HANDLERS, error_problem
from runner.web.services import Services

PAGES: Final = (
    sign_in.routes,
    workflows.routes,
    workflow_page.routes,
    live.routes,
    run_list.routes,
    run_page.routes,
    questions.routes,
    secrets.routes,
    tokens.routes,
    audit.routes,
    settings.routes,
    reference.routes,
)
"""The pages, one function each."""


_WORTH_ZIPPING: Final = 1_000
"""Bytes from which an answer is compressed. That tells nothing of a form's token by its length (BREACH): a session's
cookie is `SameSite=Strict`, so that no other site can have a page of it made."""

_ZIPPED: Final = 5
"""zlib's level: 0.5 ms for a list of runs."""


def portal(services: Services) -> ASGIApp:
    """The application."""
    frame = Frame(services.redact)

    async def refused(request: Request, error: Exception) -> Response:
        if isinstance(error, AccessError):
            answer = access_problem(error)
        elif isinstance(error, RunnerError):
            answer = error_problem(error)
        else:
            answer = await PROBLEM_HANDLERS[HTTPException if isinstance(error, HTTPException) else Exception](
                request, error
            )
        if not is_page(request):
            return answer
        return _as_page(frame, request, answer, error)

    app = Starlette(
        routes=[
            *frame.routes(),
            *(route for page in PAGES for route in page(services, frame)),
            *api_routes(services),
            *health_app(services.reasons).routes,
            metrics_route(services),
        ],
        exception_handlers={HTTPException: refused, RunnerError: refused, Exception: refused},
        middleware=[
            Middleware(GZipMiddleware, minimum_size=_WORTH_ZIPPING, compresslevel=_ZIPPED),
            Middleware(MaskedProblems, redact=services.redact),
        ],
    )
    counted = questions.counted(app, services.records.asking)
    return Door(counted, services.accounts, Addresses(services.public_url, services.trusted_proxies))


def _as_page(frame: Frame, request: Request, answer: Response, error: Exception) -> Response:
    title = http.HTTPStatus(answer.status_code).phrase
    details = {404: "There is nothing at this address.", 500: "This broke the daemon's code; the log tells where."}
    said = error.detail if isinstance(error, HTTPException) else str(error)
    page = frame.broken(request, answer.status_code, title, details.get(answer.status_code, said))
    for name in ("retry-after", "allow"):
        if name in answer.headers:
            page.headers[name] = answer.headers[name]
    return page
