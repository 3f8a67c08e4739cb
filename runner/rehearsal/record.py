"""
Make a case of a run that has ended: its journal's answers become those of the case, its secrets the test's own.

    events, revision ──recorded()──► Case without expectations ──rehearse, expectation──► a case that it meets itself

The journal is masked, so that no secret can get into a file: `[secret NAME]` stands where one was.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET

from runner.clock import iso
from runner.definitions.model import Action, Body, Input, Workflow
from runner.engine.places import steps
from runner.errors import UsageError
from runner.events import Accepted, AnyEvent, Ended, Finished, Parked, Rerun
from runner.rehearsal.files import Case, Reply, Wrong
from runner.rehearsal.seen import Blobs, plain

_NO_ANSWERS: Final = frozenset({"set", "group", "stop", "wait"})
_MASKED: Final = re.compile(r"\[secret [^\]]+\]")
_STANDING_IN: Final[Mapping[str, Any]] = {
    "integer": 12345678, "number": 1234567.5, "boolean": True, "object": {}, "array": [],
}  # fmt: skip


async def recorded(
    name: str, events: Sequence[AnyEvent], workflow: Workflow, blobs: Blobs, run: str, env: Mapping[str, str]
) -> Case:
    """
    What the run was given and how the outer world answered. `env` are the plain variables that it names.

    Raises UsageError for a run that cannot be rehearsed: one that goes on, was cancelled or was run again; StoreError.
    """
    accepted = next((event for event in events if isinstance(event, Accepted)), None)
    ended = next((event for event in reversed(events) if isinstance(event, Ended)), None)
    if accepted is None or ended is None or ended.state == "cancelled":
        raise UsageError(f"run {run}: expected one that has ended by itself, succeeded or failed")
    if any(isinstance(event, Rerun) for event in events):
        raise UsageError(f"run {run} was run again from one of its actions: expected one that went through once")
    answers: dict[str, Reply | list[Reply]] = {}
    for event in events:
        reply = await _reply(event, workflow, blobs, run)
        if reply is not None:
            place: str = event.place  # type: ignore[union-attr]  # only events of a place have a reply
            before = answers.get(place)
            answers[place] = reply if before is None else [*(before if isinstance(before, list) else [before]), reply]
    return Case(
        name=name,
        now=iso(accepted.at),
        inputs=_inputs(await plain(accepted.inputs, run, blobs) or {}, workflow.inputs),
        trigger=await plain(accepted.trigger, run, blobs),
        last=await plain(accepted.last, run, blobs),
        env=dict(env),
        answers=answers,
    )


async def _reply(event: AnyEvent, workflow: Workflow, blobs: Blobs, run: str) -> Reply | None:
    match event:
        case Parked() if event.answer is not None:
            return Reply(answer=await plain(event.answer, run, blobs) or {})
        case Finished(outcome="cancelled"):
            return Reply(hangs=True) if _asks(workflow, event.place) else None
        case Finished(outcome="failed") if event.error is not None and _asks(workflow, event.place):
            error = event.error
            return Reply(
                error=Wrong(type=error.type, message=error.message, temporary=error.temporary, facts=error.facts)
            )
        case Finished(outcome="succeeded"):
            action = _asks(workflow, event.place)
            if action is None:
                return None
            value = await plain(event.value, run, blobs)
            is_made = action.output is not UNSET or (action.retry is not None and action.retry.until is not None)
            return Reply(result=value) if is_made else Reply(value=value)
        case _:
            return None


def _asks(workflow: Workflow, place: str) -> Action | None:
    """The action at a place, where it asks the outer world."""
    body: Body | None = workflow.body
    action: Action | None = None
    for name, _, _ in steps(place):
        if body is None:
            return None
        every = (*body.actions, *body.on_failure, *body.finally_)
        action = next((each for each in every if each.id == name), None)
        if action is None:
            return None
        body = action.body
    return None if action is None or action.type in _NO_ANSWERS else action


def _inputs(values: dict[str, Any], declared: Mapping[str, Input]) -> dict[str, Any]:
    """A secret one that is no text cannot be masked text: a value of its type stands for it."""

    def kept(name: str, value: Any) -> Any:
        kind = declared[name].type if name in declared else "string"
        is_masked = isinstance(value, str) and _MASKED.fullmatch(value)
        return _STANDING_IN[kind] if is_masked and kind in _STANDING_IN else value

    return {name: kept(name, value) for name, value in values.items()}
