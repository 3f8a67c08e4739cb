"""
Ask the daemon where one runs, and the files where none does: JSON lines either way.

    ask(settings, "/runs", …) ──► the control socket's lines, or those of `otherwise()`
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runner.client import connect
from runner.settings import Settings
from runner.web.documents import lines_of

Query = Mapping[str, Any]


def ask(
    settings: Settings, path: str, otherwise: Callable[[], Iterable[object]], query: Query | None = None
) -> list[bytes]:
    """A JSON object a line. Raises RunnerError."""
    with connect(settings.sqlite.path, os.environ) as daemon:
        if daemon is not None:
            return list(daemon.lines("GET", path, query=query))
    return [line.rstrip(b"\n") for line in lines_of(otherwise())]
