"""
What people are shown of a workflow's runs as a whole: the latest ones as a strip, its revisions, and where it broke.

    runner.store.overviews ──Strip, RevisionRow, Turn──► runner.web.dashboard (start page, page of a workflow)

Values and the seam between them; the rows are those of `runner.records`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from runner.events import Accepted
from runner.records import RunRow


class Strip(msgspec.Struct, frozen=True):
    """The latest runs of a workflow, newest first, and its last failed one. Without outputs; errors are cut."""

    runs: tuple[RunRow, ...] = ()
    failed: RunRow | None = None


class RevisionRow(msgspec.Struct, frozen=True):
    """A revision that runs were accepted with: when the first and the last of those that are kept."""

    revision: str
    first_at: float
    last_at: float
    last_run: str


class Turn(msgspec.Struct, frozen=True):
    """The last run that succeeded, and the first one after it that failed."""

    succeeded: RunRow
    failed: RunRow


class Overviews(Protocol):
    """Reads for pages. Each is one statement, answered from indexes. All of them raise StoreError."""

    async def strips(self, workflows: Iterable[str], most: int) -> Mapping[str, Strip]:
        """Up to `most` runs of each; a workflow without runs is left out."""

    async def revisions(self, workflow: str, most: int) -> Sequence[RevisionRow]:
        """The revisions of a workflow, the one that ran last first."""

    async def turn(self, workflow: str) -> Turn | None:
        """Where it broke; None where it never succeeded, or where nothing failed since."""

    async def accepted(self, run: str) -> Accepted | None:
        """What a run was accepted with, without reading the rest of its journal."""
