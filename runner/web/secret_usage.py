"""
`/secrets/usage` of the control socket: what `runner secrets usage` shows, from the daemon's own catalog and vault.

`runner.daemon.service` adds the route; where the documents come from is not known here.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.web.json_lines import json_lines


def usage_route(documents: Callable[[], Awaitable[Iterable[Mapping[str, Any]]]]) -> Route:
    """The route, which answers one document a line."""

    async def usage(_: Request) -> Response:
        return json_lines(await documents())

    return Route("/secrets/usage", usage)
