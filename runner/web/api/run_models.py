"""
What answers about runs look like: models for the OpenAPI document, held against every answer by the tests.

The documents are those of `runner.web.documents`; `runner.web.api.models` has the other answers.
"""

from typing import Any, Literal

import msgspec

from runner.events import RunState
from runner.web.api.models import Answer


class RunError(Answer, frozen=True):
    """Why a run, an action or an attempt failed."""

    message: str
    action: str | None = None
    type: str | None = None
    attempts: int | None = None
    facts: dict[str, Any] = msgspec.field(default_factory=dict)


class RunItem(Answer, frozen=True):
    """A run."""

    run: str
    workflow: str
    state: RunState
    waiting: bool
    accepted_at: str
    started_at: str | None
    ended_at: str | None
    duration: float | None
    trigger: str
    parent: str | None
    revision: str
    generation: int
    stopped_by: str | None
    error: RunError | None
    output: Any


class RunList(Answer, frozen=True):
    """A page of runs, newest first."""

    items: list[RunItem]
    next: str | None


class AttemptItem(Answer, frozen=True):
    """One try of an action."""

    attempt: int
    started_at: str
    ended_at: str | None
    outcome: str | None
    error: RunError | None
    retry_at: str | None


class ActionItem(Answer, frozen=True):
    """An action of a run, or an item of one."""

    place: str
    type: str | None
    state: str
    started_at: str | None
    ended_at: str | None
    duration: float | None
    attempts: list[AttemptItem]
    until: str | None
    child: str | None
    asks: bool
    """Whether it waits for an answer."""
    error: RunError | None
    value: Any
    items: dict[str, int] = msgspec.field(default_factory=dict)


class RunDetail(RunItem, frozen=True):
    """A run with each action of it."""

    recoveries: int
    inputs: Any
    actions: list[ActionItem]


class JournalItem(Answer, frozen=True):
    """One append to a run's journal: its events as they are, values masked."""

    seq: int
    boot: int
    at: str
    events: list[dict[str, Any]]


class JournalList(Answer, frozen=True):
    """A page of a run's journal, in order."""

    items: list[JournalItem]
    next: str | None


class Accepted(Answer, frozen=True):
    """A run that is on disk. `duplicate`: it was before, by the same Idempotency-Key."""

    run: str
    verdict: Literal["running", "queued", "duplicate", "skipped"]


class Cancelling(Answer, frozen=True):
    """A run that is to end; that is on disk."""

    run: str
    cancelling: bool


class Answered(Answer, frozen=True):
    """An answer that is on disk, and will be used once."""

    run: str
    action: str
    answered: bool
