"""
What both stores make of journal rows: decoded events, the output that `$last` means, and rows without sealed values.

The store keeps an append's events as the bytes it was given; they are looked into here alone: when somebody reads them,
and when the values that were sealed for a run's own use have served it (secrets, Redaction).
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from runner.errors import StoreFormatError
from runner.events import AnyEvent, Ended, Stored, decode, encode
from runner.ports import JournalRow

_SEALED: Final = b'"sealed":"'

GONE: Final = b""
"""What stands for a sealed value that was taken away: nobody can open it, and nobody takes the masked one for it."""


def journal_row(run: str, seq: int, boot: int, at: float, events: bytes) -> JournalRow:
    """One append as it is read back. Raises StoreFormatError where the events are none of this version's."""
    try:
        return JournalRow(seq, boot, at, decode(events))
    except msgspec.MsgspecError as error:
        message = f"run {run}: its journal cannot be read at seq {seq}: {type(error).__name__}"
        raise StoreFormatError(message) from None


def latest_end(newest_first: Iterable[JournalRow]) -> Ended | None:
    """A run's latest end."""
    for row in newest_first:
        for event in reversed(row.events):
            if isinstance(event, Ended):
                return event
    return None


def holds_sealed(events: bytes) -> bool:
    """Whether there may be a sealed value in an append's events."""
    return _SEALED in events


def without_sealed(run: str, seq: int, events: bytes, *, end_too: bool) -> bytes:
    """
    The same events with `GONE` for each sealed value; `end_too`: those of the run's end as well.

    Raises StoreFormatError.
    """
    row = journal_row(run, seq, 0, 0.0, events)
    return encode(
        tuple(event if isinstance(event, Ended) and not end_too else _unsealed(event) for event in row.events)
    )


def _unsealed(event: AnyEvent) -> Any:
    values = ((name, getattr(event, name)) for name in event.__struct_fields__)
    gone = {
        name: msgspec.structs.replace(value, sealed=GONE)
        for name, value in values
        if isinstance(value, Stored) and value.sealed is not None
    }
    return msgspec.structs.replace(event, **gone) if gone else event


def last_output(newest_first: Iterable[JournalRow]) -> Stored | None:
    """The output of a run's latest end."""
    end = latest_end(newest_first)
    return None if end is None else end.output
