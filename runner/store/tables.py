"""
The memory store's disk: what the tables of the SQLite store hold, as dictionaries, with the same rules.

    Append, Admission, claim ──apply──► Tables ──► rows for lookups

Each operation either happens whole or raises and changes nothing. `runner.store.memory` decides when they happen;
nothing in here waits, and there is no crash in here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from runner.events import Parent
from runner.marks import VaultMark
from runner.ports import (
    Admission,
    Admitted,
    Append,
    Blob,
    Claimed,
    Due,
    Park,
    Queued,
    Reopening,
    RunFilter,
    RunRow,
)
from runner.records import FiringRow
from runner.store.admission import Lane, Place, Standing, decide, decide_again, lane_of, reopened
from runner.store.bounds import AT_ONCE, ENDED
from runner.store.fence import no_such_run, not_ended, old_boot, taken
from runner.store.journal import journal_row
from runner.store.memory_firings import FiringTables
from runner.store.statements import lowered


class Entry:
    """A run's row, and what lists do not show."""

    __slots__ = ("labels", "lane", "limit", "parent", "place", "row", "superseded")

    def __init__(self, asked: Admission, row: RunRow, place: Place | None) -> None:
        self.row = row
        self.parent = asked.parent
        self.labels = asked.labels
        self.lane = lane_of(asked)
        self.limit = asked.limit
        self.place: Place | None = place
        self.superseded = False

    @property
    def claimed(self) -> Claimed:
        """What who executes it has to know."""
        return Claimed(self.row.id, self.row.workflow, self.row.revision, self.parent, self.row.waiting)

    def fits(self, wanted: RunFilter) -> bool:
        """Whether a list that is so filtered holds the run."""
        row = self.row
        text = lowered(f"{row.id} {row.workflow} {row.failed_action or ''} {row.error or ''}")
        names = {each for name, value in self.labels.items() for each in (name, f"{name}={value}")}
        return (
            wanted.workflow in {None, row.workflow}
            and (not wanted.states or row.state in wanted.states)
            and wanted.parent in {None, row.parent}
            and wanted.waiting in {None, row.waiting}
            and (wanted.before is None or row.id < wanted.before)
            and (wanted.since is None or row.id >= wanted.since)
            and wanted.trigger in {None, row.trigger}
            and (wanted.label is None or wanted.label in names)
            and (wanted.text is None or lowered(wanted.text) in text)
        )


class Tables:
    """All that is on the disk. `boot` is the current one."""

    def __init__(self) -> None:
        self.boot = 1
        self.runs: dict[str, Entry] = {}
        self.journal: dict[str, dict[int, Append]] = {}
        self.blobs: dict[tuple[str, int], bytes] = {}
        self.parked: dict[tuple[str, str], Park] = {}
        self.revisions: dict[str, bytes] = {}
        self.dedupe: dict[tuple[str, str], tuple[str, float | None]] = {}
        self.last: dict[str, str] = {}
        self.failures: defaultdict[str, int] = defaultdict(int)
        self.firings = FiringTables()
        self.vault_mark: VaultMark | None = None

    # ------------------------------------------------------------------------------------------------------- appends

    def append(self, append: Append) -> None:
        """Apply one append. Raises StoreFencedError, or StoreError where there is no such run."""
        self.check_boot(f"run {append.run}", append.boot)
        entry = self.runs.get(append.run)
        if entry is None:
            raise no_such_run(append.run)
        if append.seq in self.journal[append.run]:
            raise taken(append.run, append.seq)
        self.journal[append.run][append.seq] = append
        for blob in append.blobs:
            self._keep(append.run, blob)
        for place in append.unparks:
            self.parked.pop((append.run, place), None)
        for park in append.parks:
            self._park(append.run, park)
        if append.waiting is not None:
            entry.row = msgspec.structs.replace(entry.row, waiting=append.waiting)
        if append.change is not None:
            self._change(entry, append)

    def check_boot(self, who: str, boot: int) -> None:
        """Raises StoreFencedError where `boot` is not the current one."""
        if boot != self.boot:
            raise old_boot(who, boot, self.boot)

    def _keep(self, run: str, blob: Blob) -> None:
        self.blobs[run, blob.number] = blob.data

    def _park(self, run: str, park: Park) -> None:
        child = self.runs.get(park.child) if park.child is not None else None
        if child is not None and child.row.state in ENDED:
            park = msgspec.structs.replace(park, due=AT_ONCE)
        self.parked[run, park.place] = park

    def _change(self, entry: Entry, append: Append) -> None:
        change = append.change
        assert change is not None
        before, ended = entry.row.state, change.state in ENDED
        started_at = entry.row.started_at
        entry.row = msgspec.structs.replace(
            entry.row,
            state=change.state,
            started_at=append.at if started_at is None and change.state == "running" else started_at,
            ended_at=change.ended_at,
            output=change.output,
            error=change.error,
            failed_action=change.failed_action,
            stopped_by=change.stopped_by,
            waiting=entry.row.waiting and not ended,
        )
        entry.superseded = False
        if ended:
            self._ended(entry, again=before in ENDED)
        if entry.lane is not None:
            entry.place = None if ended else "held" if change.state == "queued" else "taken"
            self._free(entry.lane)

    def _ended(self, entry: Entry, *, again: bool) -> None:
        run, workflow = entry.row.id, entry.row.workflow
        self.parked = {
            at: msgspec.structs.replace(park, due=AT_ONCE) if park.child == run else park
            for at, park in self.parked.items()
            if at[0] != run
        }
        self.firings.ended(run, workflow, entry.row.state, self.failures[workflow])
        if entry.row.state == "succeeded":
            self.last[workflow], self.failures[workflow] = run, 0
        elif entry.row.state == "failed" and not again:
            self.failures[workflow] += 1

    # ----------------------------------------------------------------------------------------------- admission, claims

    def admit(self, asked: Admission) -> Admitted:
        """Accept a run, or not. Raises StoreFencedError."""
        self.check_boot(f"run {asked.run}", asked.first.boot)
        if asked.run in self.runs:
            return Admitted("duplicate", asked.run)
        if asked.dedupe is not None:
            first, until = self.dedupe.get((asked.workflow, asked.dedupe), (None, None))
            if first is not None and (until is None or until > asked.first.at):
                return Admitted("duplicate", first)
        if asked.firing is not None and (made := self.firings.known(asked.firing)) is not None:
            return Admitted("duplicate", made)
        decision = decide(asked, self._look(asked))
        if decision.accepted:
            self._accept(asked, decision.verdict == "running", decision.place)
            self._supersede(decision.cancel)
        return decision.answer(asked.run)

    def _accept(self, asked: Admission, running: bool, place: Place | None) -> None:  # noqa: FBT001 - one caller, above
        row = RunRow(
            id=asked.run,
            workflow=asked.workflow,
            revision=asked.revision,
            state="running" if running else "queued",
            accepted_at=asked.first.at,
            started_at=asked.first.at if running else None,
            trigger=asked.trigger,
            parent=asked.parent.run if asked.parent is not None else None,
            was_queued=not running,
        )
        self.revisions.setdefault(asked.revision, asked.definition)
        self.runs[asked.run] = Entry(asked, row, place)
        self.journal[asked.run] = {}
        if asked.dedupe is not None:
            self.dedupe[asked.workflow, asked.dedupe] = (asked.run, asked.dedupe_until)
        if (firing := asked.firing) is not None:
            place_of = (firing.workflow, firing.trigger, firing.scheduled_at)
            self.firings.write(FiringRow(*place_of, asked.first.at, "fired", asked.run))
        self.append(asked.first)

    def reopen(self, asked: Reopening) -> Admitted:
        """Let an ended run go on, or not. Raises RefusedError, StoreFencedError."""
        run = asked.append.run
        entry = self.runs.get(run)
        if entry is None or entry.row.state not in ENDED:
            raise not_ended(run, None if entry is None else entry.row.state)
        decision = decide_again(asked, entry.limit, self._lane(entry.lane, entry.parent))
        if decision.accepted:
            self.append(reopened(asked, decision))
            entry.row = msgspec.structs.replace(entry.row, generation=asked.generation)
            self._supersede(decision.cancel)
        return decision.answer(run)

    def claim(self, boot: int, most: int, now: float) -> Sequence[Claimed]:
        """Mark the oldest queued runs that their limits let go as running. Raises StoreFencedError."""
        self.check_boot("a claim", boot)
        ready = [entry for entry in self._queued() if entry.place != "held"][: max(0, most)]
        for entry in ready:
            first = now if entry.row.started_at is None else entry.row.started_at
            entry.row = msgspec.structs.replace(entry.row, state="running", started_at=first)
        return [self._claimed(entry) for entry in ready]

    def _claimed(self, entry: Entry) -> Claimed:
        run, journal = entry.row.id, self.journal[entry.row.id]
        first = journal.get(1)
        if first is None or len(journal) > 1:
            return entry.claimed
        return msgspec.structs.replace(entry.claimed, only=journal_row(run, 1, first.boot, first.at, first.events))

    def _queued(self) -> list[Entry]:
        return sorted((e for e in self.runs.values() if e.row.state == "queued"), key=lambda entry: entry.row.id)

    def _in_lane(self, lane: str) -> list[Entry]:
        entries = (entry for entry in self.runs.values() if entry.place is not None and entry.lane == lane)
        return sorted(entries, key=lambda entry: (entry.row.state == "queued", entry.row.id))

    def _look(self, asked: Admission) -> Lane | None:
        return self._lane(lane_of(asked), asked.parent)

    def _lane(self, name: str | None, parent: Parent | None) -> Lane | None:
        if name is None:
            return None
        lane = self._in_lane(name)
        inside = [entry for entry in lane if entry.place == "taken"]
        inherited = any(entry in inside for entry in self._ancestors(parent))
        held = sum(entry.place == "held" and not entry.superseded for entry in lane)
        return Lane(len(inside), held, self._standing(name), inherited)

    def _standing(self, name: str) -> tuple[Standing, ...]:
        return tuple(
            Standing(entry.row.id, entry.place)
            for entry in self.runs.values()
            if entry.place is not None and entry.lane == name and not entry.superseded
        )

    def _supersede(self, runs: Iterable[str]) -> None:
        for run in runs:
            self.runs[run].superseded = True

    def _ancestors(self, parent: Parent | None) -> Iterator[Entry]:
        while parent is not None and parent.run in self.runs:
            entry = self.runs[parent.run]
            yield entry
            parent = entry.parent

    def _free(self, name: str) -> None:
        lane = self._in_lane(name)
        inside = sum(entry.place == "taken" for entry in lane)
        for entry in lane:
            if entry.place == "held" and not entry.superseded:
                if entry.limit is None or inside >= entry.limit:
                    return
                entry.place = "taken"
                inside += 1

    # ------------------------------------------------------------------------------------------------------- lookups

    def find(self, wanted: RunFilter) -> list[RunRow]:
        """Newest first."""
        rows = (entry.row for entry in self.runs.values() if entry.fits(wanted))
        return sorted(rows, key=lambda row: row.id, reverse=True)[: wanted.limit]

    def why_queued(self, run: str) -> Queued | None:
        """Why a run waits, where it is queued."""
        entry = self.runs.get(run)
        if entry is None or entry.row.state != "queued":
            return None
        held = entry.place == "held"
        waiting = self._in_lane(entry.lane) if held and entry.lane else self._queued()
        first = [each for each in waiting if (each.place == "held") == held and each.row.id < run]
        return Queued(held=held, ahead=len(first), limit=entry.limit, key=(entry.lane or "").partition(" ")[2])

    def due(self, before: float, most: int) -> list[Due]:
        """Earliest first."""
        due = sorted((park.due, *at) for at, park in self.parked.items() if park.due is not None and park.due <= before)
        return [Due(run, place, at) for at, run, place in due[: max(0, most)]]
