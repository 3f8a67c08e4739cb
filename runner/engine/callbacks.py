"""
The questions that a run asks by `wait: {callback: …}`: where each has its address, and whether it still stands.

    $run.callback.ID ──place_of()──► place ──address──► …/callback/TOKEN ──parse()──► Asked(run, place, generation)
    Run, place ──question()──► Question, or why nobody can answer it any more

An address is made of run, place and generation under an HMAC, so it can be sent before the action begins and needs no
row. A rerun that asks anew has a new generation and so a new address; an old one that nobody used still answers.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from runner.clock import iso
from runner.definitions.fields import decode
from runner.definitions.model import Input
from runner.engine.places import around, inner, steps
from runner.engine.plan import ActionPlan, BodyPlan, Plan
from runner.engine.state import Body, Node, Run
from runner.errors import RefusedError
from runner.expressions.labels import ABSENT, Absent, Labelled, whole
from runner.ports import Sealer

ADDRESS_NAME = frozenset({"run.callback"})
"""The name that an address bears where it is masked: who has it may answer."""


class Asked(NamedTuple):
    """What an address means."""

    run: str
    place: str
    generation: int


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question that stands. `since` is None before its action begins to wait; `until` None without a `timeout`."""

    asked: Asked
    workflow: str
    about: str
    """The workflow's description."""
    action: str
    description: str
    fields: Mapping[str, Input]
    since: float | None
    until: float | None


class Addresses:
    """Makes the addresses of one installation, and reads them; `base` is where the triggers' port is reached."""

    def __init__(self, base: str, sealer: Sealer) -> None:
        self._base = base
        self._sealer = sealer

    def address(self, asked: Asked) -> str:
        """Unguessable, the same each time it is asked."""
        named = f"{asked.run} {asked.generation} {asked.place}"
        return f"{self._base}/callback/{urlsafe_b64encode(named.encode()).decode().rstrip('=')}.{self._proof(asked)}"

    def parse(self, token: str) -> Asked | None:
        """What a token means; None for one that this installation did not make."""
        named, _, proof = token.partition(".")
        try:
            text = urlsafe_b64decode(named + "=" * (-len(named) % 4)).decode()
            run, generation, place = text.split(" ")
            asked = Asked(run, place, int(generation))
        except ValueError:
            return None
        is_same = hmac.compare_digest(self._proof(asked).encode(), proof.encode("utf-8", "replace"))
        return asked if is_same and self.address(asked).endswith(f"/{token}") else None

    def _proof(self, asked: Asked) -> str:
        return self._sealer.idempotency_key("callback", asked.run, str(asked.generation), asked.place)


def address_value(addresses: Addresses, run: Run, body: Body, name: str) -> Labelled | Absent:
    """What `$run.callback.NAME` is, seen from `body`; absent where each item has an address of its own."""
    place = place_of(body, name)
    if place is None:
        return ABSENT
    return whole(addresses.address(Asked(run.id, place, generation_of(run, place))), ADDRESS_NAME)


def place_of(body: Body | None, name: str) -> str | None:
    """Where the action of that id waits or will wait: in `body`, in a group of it, or in a body around it."""
    while body is not None:
        for phase in body.plan.phases.values():
            for plan in phase.actions.values():
                found = _below(body.scope, body.nodes.get(plan.id), plan, name)
                if found is not None:
                    return found
        body = body.parent.body if body.parent is not None else None
    return None


def generation_of(run: Run, place: str) -> int:
    """Which generation the action at `place` belongs to, or will belong to."""
    while place:
        if place in run.nodes:
            return run.nodes[place].generation
        place = around(place)
    return run.generation


def question(run: Run, asked: Asked, now: float) -> Question:
    """
    The question as it stands.

    Raises RefusedError: `unknown` where there is none, `answered`, `expired`, or `ended` where it is asked no more.
    """
    plan, node = asks(run.plan, asked.place), run.nodes.get(asked.place)
    if plan is None or run.accepted is None:
        raise RefusedError(f"nothing asks at {asked.place[:100]!r}", reason="unknown")
    generation = str(asked.generation)
    is_taken = asked.place in run.answers or (asked.place, generation) in run.used
    if is_taken or (node is not None and node.state == "succeeded"):
        raise RefusedError("this was answered already", reason="answered")
    until = node.parked.until if node is not None and node.parked is not None else None
    timed_out = node is not None and node.state == "failed" and node.error is not None and node.error.type == "timeout"
    if timed_out or (until is not None and until <= now):
        raise RefusedError("the time for an answer is over", reason="expired")
    if run.ended is not None or (node is not None and (node.ended or node.halted)):
        raise RefusedError("this is not asked any more", reason="ended")
    return Question(
        asked=asked,
        workflow=run.plan.workflow.name,
        about=run.plan.workflow.description,
        action=plan.id,
        description=plan.action.description,
        fields=fields_of(plan),
        since=node.parked.at if node is not None and node.parked is not None else None,
        until=until,
    )


def named(run: Run, action: str) -> Asked:
    """
    What a person means by an action's id, or by its place where that is not enough.

    Raises RefusedError: `unknown`, or `inputs` where several places wait for an answer.
    """
    if asks(run.plan, action) is not None and (action in run.nodes or "[" not in action):
        places = [action]
    else:
        places = [node.place for node in run.nodes.values() if node.plan.id == action and _is_open(node)]
    if not places:
        found = place_of(run.root, action) if run.accepted is not None else None
        places = [found] if found is not None else []
    if len(places) > 1:
        some = ", ".join(sorted(places)[:10])
        raise RefusedError(f"{action[:100]} waits at {len(places)} places, name one: {some}", reason="ambiguous")
    if not places or asks(run.plan, places[0]) is None:
        raise RefusedError(f"run {run.id} asks nothing at {action[:100]!r}", reason="unknown")
    return Asked(run.id, places[0], generation_of(run, places[0]))


def asks(plan: Plan, place: str) -> ActionPlan | None:
    """The action at a place, where it waits for an answer."""
    body: BodyPlan | None = plan.body
    action: ActionPlan | None = None
    for name, is_item, is_attempt in steps(place):
        phases = body.phases.values() if body is not None else ()
        action = next((phase.actions[name] for phase in phases if name in phase.actions), None)
        if action is None or (action.items is not None) != is_item or (is_attempt and action.body is None):
            return None
        body = action.body
    if action is None or action.type != "wait" or (action.action.config or {}).get("callback") is None:
        return None
    return action


def fields_of(plan: ActionPlan) -> Mapping[str, Input]:
    """The fields that a wait asks for."""
    return {name: decode(field, Input) for name, field in plan.action.config["callback"].items()}


def _is_open(node: Node) -> bool:
    return node.parked is not None and node.parked.callback is not None and not node.ended


def _below(scope: str, node: Node | None, plan: ActionPlan, name: str) -> str | None:
    if plan.items is not None:
        return None
    place = inner(scope, plan.id)
    if plan.id == name:
        return place
    if plan.body is None:
        return None
    group = node.group if node is not None else None
    for phase in plan.body.phases.values():
        for each in phase.actions.values():
            below = group.nodes.get(each.id) if group is not None else None
            found = _below(group.scope if group is not None else place, below, each, name)
            if found is not None:
                return found
    return None


def question_document(question: Question) -> dict[str, Any]:
    """A question as JSON."""
    fields = {
        name: {
            "type": field.type,
            "description": field.description,
            "required": field.default is UNSET,
            "default": None if field.default is UNSET or field.secret else field.default,
            "enum": list(field.enum) if field.enum is not None else None,
            "secret": field.secret,
        }
        for name, field in question.fields.items()
    }
    return {
        "workflow": question.workflow,
        "run": question.asked.run,
        "action": question.asked.place,
        "description": question.description or question.about,
        "since": None if question.since is None else iso(question.since),
        "until": None if question.until is None else iso(question.until),
        "fields": fields,
    }
