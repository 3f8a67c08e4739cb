"""
`/metrics` on the dashboard's port: what the daemon measures of itself, for Prometheus, by a token of scope `read`.

    GET /metrics ──caller.require("read")──► Services.metrics() ──► text

Port 8080 has no such path: what is measured is nobody's who merely calls a trigger.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.web.caller import caller_of
from runner.web.services import Services

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""


def metrics_route(services: Services) -> Route:
    """The one path."""

    async def metrics(request: Request) -> Response:
        caller = caller_of(request)
        assert caller is not None, "the door lets nobody in whom it does not know"
        caller.require("read")
        return Response(await services.metrics(), headers={"content-type": CONTENT_TYPE})

    return Route("/metrics", metrics)
