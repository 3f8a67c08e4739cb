"""
What both stores make of journal rows: decoded events, and the output that `$last` means.

The store keeps an append's events as the bytes it was given; they are looked into here alone, when somebody reads them.
"""

from collections.abc import Iterable

import msgspec

from runner.errors import StoreFormatError
from runner.events import Ended, Stored, decode
from runner.ports import JournalRow


def journal_row(run: str, seq: int, boot: int, at: float, events: bytes) -> JournalRow:
    """One append as it is read back. Raises StoreFormatError where the events are none of this version's."""
    try:
        return JournalRow(seq, boot, at, decode(events))
    except msgspec.MsgspecError as error:
        message = f"run {run}: its journal cannot be read at seq {seq}: {type(error).__name__}"
        raise StoreFormatError(message) from None


def last_output(newest_first: Iterable[JournalRow]) -> Stored | None:
    """The output of a run's latest end."""
    for row in newest_first:
        for event in reversed(row.events):
            if isinstance(event, Ended):
                return event.output
    return None
