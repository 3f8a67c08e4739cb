"""
Bring the WAL into the file beside the commits, so that no commit waits for it.

    commit ──► after ─┬─ the WAL is short: nothing
                      ├─ longer than START ──► a thread with a connection of its own copies, pass after pass,
                      │                        until a pass finds next to nothing ──► "near"
                      ├─ near ──► the writer copies the rest between two commits; the next one begins the WAL anew
                      └─ longer than MOST ──► the writer copies all of it: it writes faster than the thread copies

Only between two transactions of the writer can the whole WAL be in the file, and only then SQLite begins it anew; hence
the short pass of the writer. A pass waits for nobody: a reader of an older state (a backup) stops it where that state
ends, and the next one comes when the WAL has grown by RETRY. `runner.store.writer` calls it from its thread;
`runner.store.sqlite` asks for `ahead` and `truncate`. It knows no table.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Literal

from runner.store.statements import load

START: Final = 8 * 1024 * 1024
"""Bytes of a WAL that is left alone. `journal_size_limit` is the same: one that begins anew is cut back to it, so a
longer file holds as much as it is long."""

MOST: Final = 64 * 1024 * 1024
"""Bytes of a WAL from which on the commits wait for it."""

RETRY: Final = 1024 * 1024
"""Bytes that the WAL grows by before a pass is tried again that a reader, or the disk, did not let come to its end."""

_NEAR: Final = 256
"""Pages that the writer may be left with: a few milliseconds."""

_PASSES: Final = 5
"""Passes of the thread in a row: each finds what was written during the one before."""

_BUSY_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


class Checkpoints:
    """
    Of one file. `after`, `close` and the job `truncate` belong to the writer's thread, which gives its connection.

    Passes exclude each other; one that the disk refuses is told once and harms nothing: what is in the WAL is safe.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._sql = load("checkpoints")
        self._state: Literal["idle", "copying", "near"] = "idle"
        self._from = START
        self._is_failing = False
        self._is_closing = False
        self._one_pass = threading.Lock()
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runner-checkpoints", daemon=True)

    def start(self) -> None:
        """Be ready to copy."""
        self._thread.start()

    def after(self, connection: sqlite3.Connection) -> None:
        """A transaction has been committed: see to it that the WAL stays short."""
        size = self._size()
        if size <= START and self._state == "near":
            self._state = "idle"
        if size <= self._from:
            return
        if self._state == "near" or size > MOST:
            self._state = "idle"
            self._pass(connection, size)
        elif self._state == "idle":
            self._state = "copying"
            self._wanted.set()

    def ahead(self) -> None:
        """Copy what there is, from whatever thread: a `truncate` that follows finds little to do."""
        with self._connected() as connection:
            self._pass(connection, self._size())

    def truncate(self, connection: sqlite3.Connection) -> bool:
        """Empty the WAL, outside of any transaction; False where a reader was in the way. Waits for no reader."""
        with self._one_pass:
            (patience,) = connection.execute("pragma busy_timeout").fetchone()
            connection.execute("pragma busy_timeout = 0")
            try:
                (busy, _, _) = connection.execute(self._sql["truncate"]).fetchone()
            finally:
                connection.execute(f"pragma busy_timeout = {int(patience)}")
        self._from = START
        return not busy

    def close(self, connection: sqlite3.Connection) -> None:
        """End the thread, and leave no WAL behind where the disk and other programs let it."""
        self._is_closing = True
        self._wanted.set()
        self._thread.join()
        try:
            self.truncate(connection)
        except sqlite3.Error as error:
            self._failed(error)

    def _size(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError:  # nothing was written yet
            return 0

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute(self._sql["connection"])
            yield connection

    def _pass(self, connection: sqlite3.Connection, size: int) -> int | None:
        """Copy what may be copied of a WAL of `size`: the pages of it that are in the file, None where some are not."""
        try:
            with self._one_pass:
                busy, pages, copied = connection.execute(self._sql["copy"]).fetchone()
        except sqlite3.Error as error:
            self._failed(error)
            busy, pages, copied = 1, 0, 0
        else:
            self._is_failing = False
        if busy or copied < pages:
            self._from = size + RETRY
            return None
        self._from = START
        return int(copied)

    def _failed(self, error: sqlite3.Error) -> None:
        if not self._is_failing:
            log.warning("the WAL cannot be brought into the file (%s): it grows, nothing is lost", error)
        self._is_failing = True

    # ------------------------------------------------------------------------------------------ in its own thread alone

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._is_closing:
                return
            self._state = "near" if self._copy() else "idle"

    def _copy(self) -> bool:
        """Pass after pass; whether next to nothing is left to the writer."""
        before = 0
        with self._connected() as connection:
            for _ in range(_PASSES):
                copied = self._pass(connection, self._size())
                if copied is not None and copied - before <= _NEAR:
                    return True
                before = copied or before
        return False
