"""
Every open intent of a run, found by looking over its whole state.

    Run (folded from its journal) ──outstanding()──► intents          intent ──wanted()──► does it still stand?

That these are the intents that `runner.engine.evolve` gave and nobody answered yet is an invariant of the model test:
so a resumed run goes on exactly where its journal ends.
"""

from runner.engine.halting import after, phase_done
from runner.engine.intents import Await, EndBody, Enter, Execute, Intent, Interrupt, Join, NextPhase, Retry
from runner.engine.state import Body, Node, Run


def outstanding(run: Run) -> list[Intent]:
    """Every open intent, in the order of the places."""
    intents: list[Intent] = []
    if run.accepted is not None and run.ended is None:
        _of_body(run.root, intents)
    return intents


def wanted(run: Run, intent: Intent) -> bool:
    """Whether an intent still stands, or was overtaken by what happened since."""
    if isinstance(intent, NextPhase | EndBody):
        body = run.bodies.get(intent.scope)
        return (
            body is not None
            and not (body.parent is not None and body.parent.ended)
            and body.live == 0
            and after(body) == (intent.phase if isinstance(intent, NextPhase) else None)
        )
    node = run.nodes.get(intent.place)
    if node is None or node.ended:
        return False
    match intent:
        case Enter():
            return node.state == "pending" and not node.halted
        case Execute():
            return node.state == "running" and not node.halted
        case Join():
            return node.items is not None and node.items.live == 0
        case Retry():
            return node.retry_at is not None and not node.halted
        case Await():
            return node.parked is not None and not node.halted
        case Interrupt():
            return node.halted


def _of_body(body: Body, intents: list[Intent]) -> None:
    if body.live == 0:
        phase_done(body, intents)
        return
    for node in body.current():
        if node.state != "pending":
            _of_node(node, intents)
        elif not body.halting and body.waits[node.plan.id] == 0:
            intents.append(Enter(node.place))


def _of_node(node: Node, intents: list[Intent]) -> None:
    if node.ended:
        return
    if node.items is not None:
        if node.items.live == 0:
            intents.append(Join(node.place))
        for each in node.items.nodes:
            _of_node(each, intents)
    elif node.group is not None:
        _of_body(node.group, intents)
    elif node.halted:
        intents.append(Interrupt(node.place))
    elif node.state == "pending":
        intents.append(Enter(node.place))
    elif node.state == "running":
        intents.append(Execute(node.place))
    elif node.retry_at is not None:
        intents.append(Retry(node.place, node.retry_at))
    else:
        intents.append(Await(node.place))
