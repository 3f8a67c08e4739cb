"""
`POST /workflows/{name}/pause` and `/resume` of the control socket.

    {"by": "ann"} ──► durable ──► {"name": …, "paused": {"at": …, "by": "ann"}}

`runner.web.control` has the other routes. A workflow that is gone can be resumed, not paused.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.clock import iso
from runner.records import Paused
from runner.web.json_lines import json_lines


class Pauses(Protocol):
    """Pauses and resumes the triggers of workflows, durably."""

    async def pause(self, workflow: str, by: str) -> Paused:
        """Its triggers fire no more. Raises StoreError."""

    async def resume(self, workflow: str) -> None:
        """They fire again. Raises RefusedError where it is not paused, StoreError."""


class PauseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks."""

    by: str = ""


def pause_routes(pauses: Pauses, require: Callable[[str], object]) -> list[Route]:
    """The two routes. `require` raises RefusedError for a workflow that is not there."""

    async def pause(request: Request) -> Response:
        name = request.path_params["name"]
        wanted = msgspec.json.decode(await request.body(), type=PauseRequest)
        require(name)
        paused = await pauses.pause(name, wanted.by)
        return json_lines([{"name": name, "paused": {"at": iso(paused.at), "by": paused.by}}])

    async def resume(request: Request) -> Response:
        name = request.path_params["name"]
        await pauses.resume(name)
        return json_lines([{"name": name, "paused": None}])

    return [
        Route("/workflows/{name}/pause", pause, methods=["POST"]),
        Route("/workflows/{name}/resume", resume, methods=["POST"]),
    ]
