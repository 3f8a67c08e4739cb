"""
`POST /backup` of the control socket: the running daemon makes a backup and tells of each step.

    {"path": "/srv/backups/x.tar"} ──► a document a line, as they come

`runner.web.control` has the other routes; how a backup is made is given by the composition root.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.errors import UsageError
from runner.web.json_lines import streamed

BackUp = Callable[[Path], AsyncIterator[dict[str, Any]]]
"""Makes a backup at an absolute path. Raises StoreError before its first document, or in the middle."""


class BackupRequest(msgspec.Struct, frozen=True):
    """What the command sends."""

    path: str


def backup_route(back_up: BackUp) -> Route:
    """The route."""

    async def backup(request: Request) -> Response:
        wanted = msgspec.json.decode(await request.body(), type=BackupRequest)
        if not Path(wanted.path).is_absolute():
            raise UsageError("path: expected an absolute one")
        documents = back_up(Path(wanted.path))
        return streamed(await anext(documents), documents)

    return Route("/backup", backup, methods=["POST"])
