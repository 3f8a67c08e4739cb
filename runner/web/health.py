"""
Whether the process lives and whether it can take work: `/healthz` and `/readyz`.

    open_health_app(reasons) ──► /healthz 200 while the process answers
                                 /readyz  200, or 503 with the reasons why not

Both ports serve it (design §5); the composition root says what can be wrong.
"""

from collections.abc import Callable, Sequence

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner import __version__
from runner.web.problems import PROBLEM_HANDLERS

Reasons = Callable[[], Sequence[str]]
"""Why no work can be taken now, a sentence each; empty where it can."""


def health_app(reasons: Reasons) -> Starlette:
    """The application with the two routes; every other path is 404."""

    async def healthz(_: Request) -> Response:
        return _json({"status": "ok", "version": __version__})

    async def readyz(_: Request) -> Response:
        found = list(reasons())
        return _json({"status": "unready", "reasons": found}, 503) if found else _json({"status": "ready"})

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz)], exception_handlers=dict(PROBLEM_HANDLERS)
    )


def _json(document: object, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(document), status, headers={"cache-control": "no-store"}, media_type="application/json"
    )
