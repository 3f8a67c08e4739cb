"""
Events of runs as spans: one for the run, in it one for each action, in that one for each attempt.

    Started ──────────► remembers when the action began
    Finished, Settled ► the attempt's span, and the action's where it ended       Ended ► the run's

Ids are hashes of the run's id and of the place, so that what a run does after a restart of the daemon is in the same
trace. What was not seen to begin, since another process began it, begins with its last attempt. Every text of a span
passes the redactor. A sink of events: it never waits and keeps a bounded number of times.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from runner.events import About, AnyEvent, Ended, Expanded, Failure, Finished, Parked, Rerun, Settled, Started

MOST_RUNS: Final = 20_000
"""Runs whose actions' beginnings are remembered; of the oldest beyond them only attempts are exact."""

_OF_GROUP: Final = re.compile(r"~\d+$")
_INDEX: Final = re.compile(r"\[\d+\]")
_ROOT: Final = ""


class Span(NamedTuple):
    """One span. Times in wall seconds; `error` is None where nothing failed."""

    trace: int
    id: int
    parent: int | None
    name: str
    start: float
    end: float
    attributes: Mapping[str, str | int]
    error: str | None = None


class _Known:
    """When the actions of a run began, by place, and which runs they started."""

    __slots__ = ("began", "children")

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.children: dict[str, str] = {}


class Spans:
    """A `runner.ports.EventSink` that gives each span to `send`; `shown` masks a text."""

    def __init__(self, send: Callable[[Span], object], shown: Callable[[str], str]) -> None:
        self._send = send
        self._shown = shown
        self._runs: OrderedDict[str, _Known] = OrderedDict()

    def publish(self, run: str, workflow: str, event: AnyEvent, about: About) -> None:
        """Remember what begins, send what ends."""
        match event:
            case Started() | Expanded():
                self._known(run).began.setdefault(event.place, event.at)
            case Parked(child=str(child)):
                known = self._known(run)
                known.began.setdefault(event.place, event.at)
                known.children[event.place] = child
            case Rerun():
                self._known(run).began[_ROOT] = event.at
            case Finished():
                self._attempt(run, workflow, event, about)
                if event.ends_action:
                    self._action(run, workflow, event, about, event.outcome)
            case Settled(page=None):
                self._action(run, workflow, event, about, event.state)
            case Ended():
                self._run(run, workflow, event, about)

    def _known(self, run: str) -> _Known:
        known = self._runs.get(run)
        if known is None:
            known = self._runs[run] = _Known()
            if len(self._runs) > MOST_RUNS:
                self._runs.popitem(last=False)
        return known

    def _attempt(self, run: str, workflow: str, event: Finished, about: About) -> None:
        more = {"runner.attempt": event.attempt, "runner.outcome": event.outcome, "runner.effect": event.effect}
        self._give(
            run,
            _span_id(run, about, event.place, event.attempt),
            _span_id(run, about, event.place),
            f"attempt {event.attempt}",
            (about.since or event.at, event.at),
            {**_of(run, workflow, event.place, about), **more},
            failure=event.error,
        )

    def _action(self, run: str, workflow: str, event: Finished | Settled, about: About, state: str) -> None:
        known = self._known(run)
        began = known.began.pop(event.place, about.since or event.at)
        child = known.children.pop(event.place, None)
        more = {"runner.state": state} | ({} if child is None else {"runner.child_run": child})
        self._give(
            run,
            _span_id(run, about, event.place),
            _span_id(run, about, parent_of(event.place)),
            _name(event.place),
            (began, event.at),
            {**_of(run, workflow, event.place, about), **more},
            failure=event.error,
        )

    def _run(self, run: str, workflow: str, event: Ended, about: About) -> None:
        known = self._runs.pop(run, None)
        began = known.began.get(_ROOT) if known else None
        attributes: dict[str, str | int] = {
            "runner.run": run,
            "runner.workflow": workflow,
            "runner.state": event.state,
            "runner.generation": about.generation,
        }
        times = (began or about.since or event.at, event.at)
        self._give(run, _span_id(run, about, _ROOT), None, workflow, times, attributes, failure=event.error)

    def _give(
        self,
        run: str,
        number: int,
        parent: int | None,
        name: str,
        times: tuple[float, float],
        attributes: Mapping[str, str | int],
        *,
        failure: Failure | None,
    ) -> None:
        shown = {key: self._shown(each) if isinstance(each, str) else each for key, each in attributes.items()}
        if failure is not None:
            shown["error.type"] = self._shown(failure.type)
        error = None if failure is None else self._shown(failure.message)
        start, end = times
        self._send(Span(trace_id(run), number, parent, self._shown(name), start, max(start, end), shown, error))


def trace_id(run: str) -> int:
    """The trace of a run: 128 bits, never 0."""
    return int.from_bytes(hashlib.sha256(f"trace {run}".encode()).digest()[:16], "big") or 1


def parent_of(place: str) -> str:
    """The place that holds this one; empty for an action of the file itself."""
    outer, slash, _ = place.rpartition("/")
    if slash:
        return _OF_GROUP.sub("", outer)
    return place.partition("[")[0] if place.endswith("]") else _ROOT


def _span_id(run: str, about: About, place: str, attempt: int = 0) -> int:
    text = f"{run} {about.generation} {attempt} {place}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") or 1


def _name(place: str) -> str:
    """The action's id: spans of one action have one name, whichever item they are of."""
    return _INDEX.sub("", place.rpartition("/")[2])


def _of(run: str, workflow: str, place: str, about: About) -> dict[str, str | int]:
    return {"runner.run": run, "runner.workflow": workflow, "runner.place": place, "runner.type": about.type}
