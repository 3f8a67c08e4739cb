"""
Whom a command asks: a daemon elsewhere, the one beside it, or where none runs the files. JSON lines every time.

    reach(settings)            ──► whoever answers, or None
    ask(settings, "/runs", …)  ──► the lines of whoever answers, or those of `otherwise()`
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from runner.cli.elsewhere import elsewhere
from runner.client import Daemon, connect
from runner.client.questions import Questions
from runner.settings import Settings

Query = Mapping[str, Any]

BY: Final = "command line"
"""Who answers, ends or reruns a run from here, as its history shows it."""


@contextmanager
def reach(settings: Settings) -> Iterator[Daemon | Questions | None]:
    """The daemon that `--url` names, else the one on this database; None where none runs. Raises RunnerError."""
    api = elsewhere()
    if api is not None:
        yield Questions(api)
        return
    with connect(settings.sqlite.path, os.environ) as daemon:
        yield daemon


def ask(
    settings: Settings, path: str, otherwise: Callable[[], Iterable[object]], query: Query | None = None
) -> list[bytes]:
    """A JSON object a line. Raises RunnerError."""
    with reach(settings) as daemon:
        if daemon is not None:
            return list(daemon.lines("GET", path, query=query))
    return [msgspec.json.encode(document) for document in otherwise()]
