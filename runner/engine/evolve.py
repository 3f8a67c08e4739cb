"""
The pure machine: what an event does to a run, and what the run asks for next.

    event ──evolve(run, event)──► run', [Intent, …]

An intent may be overtaken by a later event; `runner.engine.outstanding.wanted` tells. No clock, no I/O; an event that
cannot follow raises `IllegalEventError`. `runner.engine.stage` applies events as they happen, `runner.engine.resume`
those of a journal: the same function, so a resume is a fold.
"""

from runner.engine.halting import blame, halt_body, halt_items, phase_done
from runner.engine.intents import Await, Enter, Execute, Intent, Interrupt, Retry
from runner.engine.opening import advance, close_group, open_phase
from runner.engine.outstanding import outstanding
from runner.engine.places import scope_of_attempt
from runner.engine.reopening import reopen
from runner.engine.state import TERMINAL, Body, IllegalEventError, Items, Node, Run
from runner.events import (
    Accepted,
    ActionState,
    AnyEvent,
    Cancelling,
    Ended,
    Expanded,
    Failure,
    Finished,
    Parked,
    Phase,
    Recovered,
    Rerun,
    Settled,
    Started,
    Turn,
)


def evolve(run: Run, event: AnyEvent) -> list[Intent]:
    """Apply one event. Raises IllegalEventError where it cannot follow; the run is then not to be used."""
    if (run.ended is None) == isinstance(event, Rerun) or (run.accepted is None) != isinstance(event, Accepted):
        raise IllegalEventError(f"run {run.id}: {type(event).__name__} cannot follow here")
    intents: list[Intent] = []
    match event:
        case Started():
            _started(run, event, intents)
        case Finished():
            _finished(run, event, intents)
        case Settled():
            _settled(run, event, intents)
        case Expanded():
            _expanded(run, event, intents)
        case Parked():
            (_parked if event.answer is None else _answered)(run, event, intents)
        case Phase():
            body = _body(run, event.scope)
            body.deadline = event.deadline
            open_phase(run, body, event.phase, intents)
        case Cancelling():
            _cancelling(run, event, intents)
        case Accepted() | Turn():
            _begun(run, event, intents)
        case Recovered():
            run.recoveries += 0 if event.clean else 1
        case Ended():
            run.ended = event
        case Rerun():
            reopen(run, event)
            intents.extend(outstanding(run))
    return intents


def _begun(run: Run, event: Accepted | Turn, intents: list[Intent]) -> None:
    if isinstance(event, Turn):
        run.turn = event
        run.root.deadline = event.deadline
        return
    run.accepted = event
    run.bodies[""] = body = Body("", run.plan.body, None)
    body.deadline = event.deadline
    open_phase(run, body, "main", intents)


def _started(run: Run, event: Started, intents: list[Intent]) -> None:
    node = _open(run, event.place)
    if node.halted or node.loops or event.attempt < max(1, node.attempt):
        raise IllegalEventError(f"run {run.id}: attempt {event.attempt} of {event.place} cannot begin here")
    node.state = "running"
    node.attempt = event.attempt
    node.started_at = event.at
    node.retry_at = None
    node.error = None
    if node.plan.body is None:
        intents.append(Execute(node.place))
        return
    scope = scope_of_attempt(node.place, event.attempt)
    node.group = run.bodies[scope] = body = Body(scope, node.plan.body, node)
    if node.plan.action.timeout is not None:
        body.deadline = event.at + node.plan.action.timeout
    open_phase(run, body, "main", intents)


def _finished(run: Run, event: Finished, intents: list[Intent]) -> None:
    node = _open(run, event.place)
    if event.attempt != node.attempt or node.state == "pending":
        raise IllegalEventError(f"run {run.id}: attempt {event.attempt} of {event.place} did not begin")
    node.value, node.error = event.value, event.error
    if node.parked is not None:
        run.answers.pop(event.place, None)
    if event.retry_at is not None or event.outcome == "succeeded" or (node.plan.continues and not node.halted):
        close_group(run, node)
    elif node.group is not None:
        node.group.deadline = None
    if event.retry_at is not None:
        node.state = "waiting"
        node.parked = None
        node.retry_at = event.retry_at
        intents.append(Interrupt(node.place) if node.halted else Retry(node.place, event.retry_at))
        return
    states: dict[str, ActionState] = {"interrupted": "failed"}
    _end(run, node, states.get(event.outcome, event.outcome), intents)  # type: ignore[arg-type]  # the other words are states


def _settled(run: Run, event: Settled, intents: list[Intent]) -> None:
    node = _open(run, event.place)
    if event.page is not None:
        assert event.value is not None
        node.pages.append(event.value)
        return
    node.value, node.error = event.value, event.error
    if event.stops is None:
        _end(run, node, event.state, intents)
        return
    run.stop = event
    run.stopped_by = node.place
    node.state = event.state
    node.body.live -= 1
    root = run.root
    if event.stops == "failed":
        blame(root, node)
    halt_body(root, intents, force=True)
    if root.live == 0:
        phase_done(root, intents)


def _expanded(run: Run, event: Expanded, intents: list[Intent]) -> None:
    node = _open(run, event.place)
    if not node.loops or node.items is not None or node.halted:
        raise IllegalEventError(f"run {run.id}: {event.place} has no list to read here")
    node.state = "running"
    node.started_at = event.at
    node.items = Items(event)
    advance(run, node, intents)


def _parked(run: Run, event: Parked, intents: list[Intent]) -> None:
    node = _open(run, event.place)
    if node.state != "running":
        raise IllegalEventError(f"run {run.id}: {event.place} cannot wait before it began")
    node.state = "waiting"
    node.parked = event
    intents.append(Interrupt(node.place) if node.halted else Await(node.place))


def _answered(run: Run, event: Parked, intents: list[Intent]) -> None:
    run.answers[event.place] = event
    run.used.add((event.place, event.callback or ""))
    node = run.nodes.get(event.place)
    if node is not None and node.parked is not None and not node.halted:
        intents.append(Await(node.place))


def _cancelling(run: Run, event: Cancelling, intents: list[Intent]) -> None:
    body = _body(run, event.scope)
    overdue = event.why == "timeout"
    if overdue:
        if body.error is None:
            body.error = Failure(type="timeout", message=event.message)
    else:
        run.cancelling = event
        body.cancelled = True
    halt_body(body, intents, force=overdue, deep=overdue and body.phase != "main")
    if body.live == 0:
        phase_done(body, intents)


def _end(run: Run, node: Node, state: ActionState, intents: list[Intent]) -> None:
    node.state = state
    node.parked = None
    node.retry_at = None
    if node.owner is not None:
        _item_ended(run, node, node.owner, intents)
    else:
        _action_ended(node, intents)


def _item_ended(run: Run, node: Node, owner: Node, intents: list[Intent]) -> None:
    items = owner.items
    assert items is not None
    items.live -= 1
    if node.state == "failed" and not node.plan.continues and items.failed is None:
        items.failed = node.error
        halt_items(items, intents, deep=False)
    advance(run, owner, intents)


def _action_ended(node: Node, intents: list[Intent]) -> None:
    body = node.body
    body.live -= 1
    if node.state == "failed" and not node.plan.continues:
        blame(body, node)
        halt_body(body, intents, force=True)
    elif not body.halting:
        for name in body.phase_plan.dependents[node.plan.id]:
            body.waits[name] -= 1
            if body.waits[name] == 0:
                intents.append(Enter(body.nodes[name].place))
    if body.live == 0:
        phase_done(body, intents)


def _open(run: Run, place: str) -> Node:
    node = run.node(place)
    if node.state in TERMINAL:
        raise IllegalEventError(f"run {run.id}: {place} has ended already")
    return node


def _body(run: Run, scope: str) -> Body:
    try:
        return run.bodies[scope]
    except KeyError:
        raise IllegalEventError(f"run {run.id} has no body at {scope!r}") from None
