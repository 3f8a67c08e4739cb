"""
What the store forgets when its time is over, and the space that it gives back: slices of the writer's thread.

    sweep ──► runs past retention, eight at a time; a long one is hidden first, then goes piece by piece
    forget ─► sealed values of succeeded runs, deduplication keys that have run out, schedules of long ago
    shrink ─► free pages go back to the file system

A slice is one job of `runner.store.writer`: it shares a transaction with whatever waits and ends after `SLICE` seconds,
so that nobody waits longer for a commit than that (engine, Rule 3). Called by `runner.store.sqlite`.
"""

import sqlite3
import time
from collections.abc import Sequence
from typing import Final

from runner.errors import StoreFormatError
from runner.ports import Swept
from runner.store.bounds import SCHEDULE_SECONDS
from runner.store.journal import without_sealed
from runner.store.statements import listed, load

SLICE: Final = 0.004
"""Seconds after which a slice begins nothing new."""

SEALED_SECONDS: Final = 60.0
"""How long after its end a run's sealed values are kept: whoever waited for the end still reads its answer."""

FREE_SHARE: Final = 20
"""One page of so many may stay free: the next runs take it, and the file need not grow for them."""

_LOOKED_AT: Final = 40
_TOGETHER: Final = 8
_SHORT_ROWS: Final = 64
_SHORT_BYTES: Final = 262_144
_PIECE: Final = 100
_KEYS: Final = 200


class Retention:
    """Slices over one database."""

    def __init__(self) -> None:
        self._sql = load("retention")
        self._unsealing: tuple[str, int] = ("", 0)
        self._ends_after = ""

    # ---------------------------------------------------------------------------------------------------------- runs

    def sweep(self, connection: sqlite3.Connection, before: float, after: str) -> Swept:
        """Delete runs that ended before `before`, in the order of their ids, those after `after`."""
        deadline = time.perf_counter() + SLICE
        swept = self._piece(connection, deadline)
        if swept is None:
            return Swept(0, after)
        bound = {"before": before, "after": after, "most": _LOOKED_AT, "rows": _SHORT_ROWS}
        looked_at = connection.execute(self._sql["candidates"], bound).fetchall()
        pile: list[tuple[str, str]] = []
        together = 0
        for run, accepted_at, is_child, revision, goes, rows, size in looked_at:
            if pile and (len(pile) == _TOGETHER or together + (size or 0) > _SHORT_BYTES):
                swept += self._delete(connection, pile)
                together = 0
                if time.perf_counter() > deadline:
                    return Swept(swept, after)
            if accepted_at >= before and not is_child:  # a child's id sorts by its parent's acceptance
                return Swept(swept + self._delete(connection, pile), None)
            if goes and (rows > _SHORT_ROWS or size > _SHORT_BYTES):
                connection.execute(self._sql["hide"], (run,))
                return Swept(swept + self._delete(connection, pile), after)
            if goes:
                pile.append((run, revision))
                together += size
            after = run
        swept += self._delete(connection, pile)
        return Swept(swept, after if len(looked_at) == _LOOKED_AT else None)

    def _delete(self, connection: sqlite3.Connection, pile: list[tuple[str, str]]) -> int:
        """Whole runs; the pile is empty after it."""
        runs, revisions = [run for run, _ in pile], {revision for _, revision in pile}
        pile.clear()
        if runs:
            connection.execute(self._sql["delete_runs"], (listed(runs),))
            connection.execute(self._sql["delete_revisions"], (listed(sorted(revisions)),))
        return len(runs)

    def _piece(self, connection: sqlite3.Connection, deadline: float) -> int | None:
        """Go on with the run that is deleted in several steps: 1 when the last of it is gone, None while more is."""
        hidden = connection.execute(self._sql["hidden"]).fetchone()
        if hidden is None:
            return 0
        run, revision = hidden
        for statement, most in (("delete_blobs", 1), ("delete_journal", _PIECE)):
            while connection.execute(self._sql[statement], (run, most)).rowcount == most:
                if time.perf_counter() > deadline:
                    return None
        return self._delete(connection, [(run, revision)])

    # ------------------------------------------------------------------------------------------- keys, sealed values

    def forget(self, connection: sqlite3.Connection, now: float) -> bool:
        """Whether more of it waits: sealed values that have served their run, keys whose time is over."""
        deadline = time.perf_counter() + SLICE
        keys = connection.execute(self._sql["delete_dedupe"], (now, _KEYS)).rowcount
        self._forget_schedules(connection, now - SCHEDULE_SECONDS, deadline)
        while time.perf_counter() < deadline:
            if not self._unseal(connection, now, deadline):
                return self._unseal_ends(connection) or keys == _KEYS
        return True

    def _forget_schedules(self, connection: sqlite3.Connection, before: float, deadline: float) -> None:
        """What is left of them goes with one of the next passes: nobody waits for it."""
        for schedule in connection.execute(self._sql["old_schedules"], (before, _KEYS)).fetchall():
            if time.perf_counter() > deadline:
                return
            connection.execute(self._sql["delete_firings"], schedule)
            connection.execute(self._sql["delete_schedule"], schedule)

    def _unseal(self, connection: sqlite3.Connection, now: float, deadline: float) -> bool:
        """Take the sealed values out of one run's journal, as far as the time goes; False where no run has any."""
        found = connection.execute(self._sql["sealed"], (now - SEALED_SECONDS,)).fetchone()
        if found is None:
            return False
        run = found[0]
        seq = self._unsealing[1] if self._unsealing[0] == run else 0
        while rows := connection.execute(self._sql["sealed_rows"], (run, seq, _TOGETHER)).fetchall():
            self._rewrite(connection, run, rows, end_too=False)
            seq = rows[-1][0]
            if time.perf_counter() > deadline:
                self._unsealing = (run, seq)
                return True
        self._mark(connection, 2, [run])
        return True

    def _unseal_ends(self, connection: sqlite3.Connection) -> bool:
        """The same for the ends of runs that neither `$last` nor a parent asks for any more; whether more follow."""
        ends = connection.execute(self._sql["sealed_ends"], (self._ends_after, _LOOKED_AT)).fetchall()
        served = [run for run, is_needed in ends if not is_needed]
        for run in served:
            rows = connection.execute(self._sql["last_row"], (run,)).fetchall()
            self._rewrite(connection, run, rows, end_too=True)
        self._mark(connection, 0, served)
        self._ends_after = ends[-1][0] if len(ends) == _LOOKED_AT else ""
        return bool(self._ends_after)

    def _rewrite(
        self, connection: sqlite3.Connection, run: str, rows: Sequence[tuple[int, bytes]], *, end_too: bool
    ) -> None:
        for seq, events in rows:
            try:
                fresh = without_sealed(run, seq, events, end_too=end_too)
            except StoreFormatError:
                continue  # what cannot be read is shown by `doctor`, and goes with its run
            if fresh != events:
                connection.execute(self._sql["rewrite"], (fresh, run, seq))

    def _mark(self, connection: sqlite3.Connection, what: int, runs: Sequence[str]) -> None:
        connection.execute(self._sql["mark_sealed"], (what, listed(runs), what))

    # --------------------------------------------------------------------------------------------------------- space

    def shrink(self, connection: sqlite3.Connection) -> int:
        """Give free pages back, but for a share of the file; how many bytes it were."""
        deadline = time.perf_counter() + SLICE
        pages, free, size = connection.execute(self._sql["pages"]).fetchone()
        given = 0
        while (free - given) * FREE_SHARE > pages - given and time.perf_counter() < deadline:
            connection.execute(self._sql["shrink"])
            given += 1
        return int(given * size)

    def truncate(self, connection: sqlite3.Connection) -> bool:
        """Empty the WAL, outside of any transaction; False where a reader was in the way. Waits for nobody."""
        (patience,) = connection.execute("pragma busy_timeout").fetchone()
        connection.execute("pragma busy_timeout = 0")
        try:
            (busy, _, _) = connection.execute(self._sql["truncate"]).fetchone()
        finally:
            connection.execute(f"pragma busy_timeout = {int(patience)}")
        return not busy
