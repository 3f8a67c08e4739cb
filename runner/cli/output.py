"""
How everything that commands print looks: columns, times in the local zone, short durations, colour on terminals only.

    documents ──► table(), when(), span(), word() ──► lines for a person
              ──► json_lines() ──► one object a line for a program

The commands call it. Colour never stands alone: a state is always its word.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import click
import msgspec

_COLOURS: Final = {
    "succeeded": "green",
    "failed": "red",
    "broken": "red",
    "error": "red",
    "cancelled": "yellow",
    "warning": "yellow",
    "waiting": "cyan",
    "running": "blue",
    "queued": "cyan",
}
_ALMOST_A_SECOND: Final = 0.9995
_ALMOST_A_MINUTE: Final = 59.95
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def coloured() -> bool:
    """Whether standard output is a terminal whose user has not asked for none (NO_COLOR)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def word(state: str, *, width: int = 0) -> str:
    """A state's word in its colour, padded to `width`."""
    text = state.ljust(width)
    return click.style(text, fg=_COLOURS[state]) if state in _COLOURS and coloured() else text


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> Iterable[str]:
    """Aligned columns under a head; a column of states is coloured. Nothing of a cell is cut."""
    widths = [max(len(row[column]) for row in (*rows, head)) for column in range(len(head))]
    for row in (head, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if row is not head:
            cells = [word(cell, width=width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def when(iso: str | None) -> str:
    """`2026-01-31T09:00:00.000Z` as local time, `2026-01-31 10:00:00`."""
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S") if iso else ""


def span(seconds: float | None) -> str:
    """`12ms`, `1.25s`, `2m03s`, `1h04m`, `3d02h`."""
    if seconds is None:
        return ""
    if seconds < _ALMOST_A_SECOND:
        return f"{seconds * 1000:.0f}ms"
    if seconds < _ALMOST_A_MINUTE:
        return f"{seconds:.3g}s"
    seconds = max(seconds, _MINUTE)
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)}m{int(seconds % _MINUTE):02d}s"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)}h{int(seconds % _HOUR // _MINUTE):02d}m"
    return f"{int(seconds // _DAY)}d{int(seconds % _DAY // _HOUR):02d}h"


def one_line(text: str, most: int = 200) -> str:
    """A text without line ends or control characters, cut where it is long."""
    flat = " ".join(text.split())
    plain = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in flat)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def compact(value: Any, most: int = 200) -> str:
    """A JSON value on one line."""
    return one_line(msgspec.json.encode(value).decode(), most)


def json_lines(documents: Iterable[Any]) -> None:
    """One object a line. Bytes are lines already."""
    for document in documents:
        line = document if isinstance(document, bytes) else msgspec.json.encode(document)
        sys.stdout.buffer.write(line.rstrip(b"\n") + b"\n")
    sys.stdout.buffer.flush()
