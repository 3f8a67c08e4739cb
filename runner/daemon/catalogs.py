"""
The current catalog: read at the start, swapped whole whenever the folder changes, kept for the next start.

    folder ──runner.definitions.watch──► Catalog ──► current (what the engine and people see)
                                                 └─► kept beside the database (runner.daemon.kept)

Each reload is one log line, each new problem of a file another, once. A workflow that names secrets in a way that is an
error (`strict_hosts`) stays in the catalog and is not run; a file that is handed over to be run is refused for it.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path, PurePath
from typing import Any, Protocol

import anyio
import anyio.abc
import anyio.to_thread

from runner import log
from runner.clock import Clock
from runner.daemon.kept import kept_path, read_kept, write_kept
from runner.definitions.catalog import EMPTY, Catalog
from runner.definitions.load import load_text
from runner.definitions.model import Workflow
from runner.definitions.watch import watch
from runner.errors import DefinitionError, Problem, RefusedError, StoreFormatError
from runner.expressions.nearest import suggestion
from runner.ports import ActionType
from runner.settings import Settings
from runner.web.catalog_documents import catalog_documents

_log = log.get("runner.catalog")


class Judge(Protocol):
    """What is wrong though the files are right: the secrets that they name."""

    async def of_catalog(self, catalog: Catalog) -> tuple[Problem, ...]:
        """Of all that is in force."""

    async def of_file(self, workflow: Workflow, source: str, file: str) -> tuple[Problem, ...]:
        """Of a workflow that is in no catalog."""


@asynccontextmanager
async def open_catalogs(
    settings: Settings, types: Mapping[str, ActionType], clock: Clock, judge: Judge
) -> AsyncIterator["Catalogs"]:
    """The folder as it is now, over what was kept; watched as long as the block lasts. `judge` as `Catalogs` has it."""
    kept = kept_path(settings)
    try:
        previous = await anyio.to_thread.run_sync(read_kept, kept)
    except StoreFormatError as error:
        _log.warning("broken files have no last good version", error=str(error))
        previous = EMPTY
    async with watch(settings.server.workflows, types, clock, previous) as changes:
        catalogs = Catalogs(changes, types, kept, judge)
        await catalogs.swap(await changes.receive())
        yield catalogs


class Catalogs:
    """The catalog as of now, and the watch that replaces it."""

    def __init__(
        self,
        changes: anyio.abc.ObjectReceiveStream[Catalog],
        types: Mapping[str, ActionType],
        kept: Path,
        judge: Judge,
    ) -> None:
        self.current = EMPTY
        self.types = types
        self._changes = changes
        self._kept = kept
        self._judge = judge
        self._doubts: tuple[Problem, ...] = ()
        self._told: frozenset[Problem] = frozenset()
        self._followers: list[Callable[[Catalog], None]] = []

    def follow(self, follower: Callable[[Catalog], None]) -> None:
        """Hand every catalog that is put in force to `follower`, at that instant."""
        self._followers.append(follower)

    async def watch(self) -> None:
        """Swap in each new catalog, for as long as the block around it lives."""
        async for catalog in self._changes:
            await self.swap(catalog)
            self.tell()
            _log.info("workflows reloaded", workflows=self.count, broken=self.broken_count)

    def find(self, name: str) -> Workflow | None:
        """The workflow of that name; None for one that is not to be run either."""
        return None if self._refusal(name) else self.current.get(name)

    def require(self, name: str) -> Workflow:
        """The same. Raises RefusedError (`unknown`), which names the nearest, or the file that is broken."""
        workflow = self.current.get(name)
        if refusal := self._refusal(name):
            raise RefusedError(f"{name}: {refusal}", reason="unknown")
        if workflow is not None:
            return workflow
        broken = next((each.file for each in self.current.broken if PurePath(each.file).stem == name), None)
        if broken is not None:
            raise RefusedError(
                f"{name}: its file {broken} is broken: `runner workflows list` tells why", reason="unknown"
            )
        near = suggestion(name, self.current.entries)
        raise RefusedError(f"there is no workflow {name[:100]!r}{near}", reason="unknown")

    async def load(self, source: str, file: str) -> tuple[Workflow, tuple[Problem, ...]]:
        """
        A workflow that is in no catalog, and its warnings. Raises DefinitionError, also for what keeps one of the
        catalog from running.
        """
        loaded = await anyio.to_thread.run_sync(load_text, source, file, self.types)
        doubts = await self._judge.of_file(loaded.workflow, source, file)
        problems = (*loaded.problems, *doubts)
        if any(each.severity == "error" for each in doubts):
            raise DefinitionError(problems)
        return loaded.workflow, problems

    def documents(self) -> list[dict[str, Any]]:
        """What is loaded, broken files on top."""
        return catalog_documents(self.current, self._doubts)

    def tell(self) -> None:
        """Say in the log what is wrong in the folder and was not told yet."""
        problems = (*self.current.problems, *self._doubts)
        for problem in problems:
            if problem not in self._told:
                say = _log.error if problem.severity == "error" else _log.warning
                say("workflow file", error=str(problem))
        self._told = frozenset(problems)

    @property
    def count(self) -> int:
        """Workflows that can be run."""
        return len(self.current.entries)

    @property
    def broken_count(self) -> int:
        """Files that are wrong."""
        return len(self.current.broken)

    async def swap(self, catalog: Catalog) -> None:
        """Put a catalog in force, and keep it."""
        doubts = await self._judge.of_catalog(catalog)
        self.current, self._doubts = catalog, doubts
        for follower in self._followers:
            follower(catalog)
        try:
            await anyio.to_thread.run_sync(write_kept, self._kept, catalog)
        except OSError as error:
            _log.warning("the catalog is not kept for the next start", error=error.strerror)

    async def judge_again(self) -> None:
        """What the current catalog is judged by has changed."""
        catalog = self.current
        doubts = await self._judge.of_catalog(catalog)
        if self.current is catalog:
            self._doubts = doubts
            self.tell()

    def _refusal(self, name: str) -> Problem | None:
        """Why a workflow whose file is right is not to be run."""
        entry = self.current.entries.get(name)
        wrong = (each for each in self._doubts if entry and each.file == entry.file and each.severity == "error")
        return next(wrong, None)
