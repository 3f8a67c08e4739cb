"""
Runs folded for people to look at, and kept while they look: a page that comes again reads only what is new.

    journal ──in slices──► Fold(timeline, notes) ──► pages         the same run asked again: from the last append on

A journal of 20,000 events takes a while to fold; between slices others have their turn. Bounded by the number of
places that are kept in memory; the run that was looked at longest ago goes first.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint

from runner.definitions.model import Workflow
from runner.engine.hindsight import is_seen
from runner.errors import StoreError
from runner.events import AnyEvent, Cancelling, Parked, Recovered, Rerun, Turn
from runner.records import RunRow
from runner.web.lookups import SearchableRecords
from runner.web.timeline import Timeline

MOST_PLACES: Final = 60_000
"""Places of all runs that are kept together; one run is kept however many it has."""

SLICE: Final = 200
"""Appends that are folded at once."""

EVENTS: Final = 500
"""Events of one append that are folded at once."""

_WHY: Final = {
    "timeout": "timed out",
    "newer": "was told to end for a newer run",
    "parent": "was told to end with its parent",
}


class Note(NamedTuple):
    """What happened to a run as a whole, and when (wall seconds)."""

    at: float
    text: str


class Fold:
    """One run as far as it was read."""

    def __init__(self, workflow: Workflow | None) -> None:
        self.timeline = Timeline(workflow)
        self.workflow = workflow
        self.notes: list[Note] = []
        self.seq = 0
        self.lock = anyio.Lock()

    def apply(self, event: AnyEvent) -> None:
        """Take one event in."""
        self.timeline.apply(event)
        note = note_of(event)
        if note is not None:
            self.notes.append(note)


class Folds:
    """The runs that people look at."""

    def __init__(self, records: SearchableRecords) -> None:
        self._records = records
        self._kept: OrderedDict[str, Fold] = OrderedDict()

    async def of(self, row: RunRow, place: str = "") -> Fold:
        """
        The run as its journal has it now, or no more of it than one place needs. Raises StoreError.

        A run that is not kept is not folded whole for an item: of the others nothing is shown on its page.
        """
        fold = self._kept.get(row.id)
        if fold is None and "[" in place:
            fold = Fold(await self._definition(row))
            await self._read(row.id, fold, place)
            return fold
        if fold is None:
            workflow = await self._definition(row)
            fold = self._kept.setdefault(row.id, Fold(workflow))
        self._kept.move_to_end(row.id)
        async with fold.lock:
            await self._read(row.id, fold)
        self._shrink()
        return fold

    async def _definition(self, row: RunRow) -> Workflow | None:
        try:
            return await self._records.definition(row.revision)
        except StoreError:
            return None

    async def _read(self, run: str, fold: Fold, place: str = "") -> None:
        while True:
            rows = await self._records.read(run, after=fold.seq, most=SLICE)
            for row in rows:
                for number, event in enumerate(row.events, 1):
                    if not place or is_seen(event, place):
                        fold.apply(event)
                    if number % EVENTS == 0 and not place:
                        await cancel_shielded_checkpoint()  # half of an append must not be taken in twice
                fold.seq = row.seq
            if len(rows) < SLICE:
                return
            await checkpoint()

    def _shrink(self) -> None:
        places = sum(len(fold.timeline.lines) for fold in self._kept.values())
        while places > MOST_PLACES and len(self._kept) > 1:
            places -= len(self._kept.popitem(last=False)[1].timeline.lines)


def note_of(event: AnyEvent) -> Note | None:
    """What an event says of the run as a whole, with who did it; None for what happened to one action."""
    match event:
        case Cancelling(scope="", why="person"):
            return Note(event.at, f"was told to end{_by(event.by)}")
        case Cancelling(scope=""):
            return Note(event.at, _WHY[event.why] + (f": {event.message}" if event.message else ""))
        case Rerun():
            where = f" from {event.place}" if event.place else ""
            return Note(event.at, f"was run again{where}{_by(event.by)}")
        case Turn():
            return Note(event.at, "had its turn after it had been queued")
        case Recovered(clean=False):
            return Note(event.at, "went on after the daemon had been cut off")
        case Parked(answer=answer) if answer is not None:
            return Note(event.at, f"was answered at {event.place}{_by(event.by)}")
        case _:
            return None


def _by(who: str) -> str:
    return f" by {who}" if who else ""
