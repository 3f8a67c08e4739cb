"""
How a body comes to an end: what follows its phase, and what ending it early does to everything inside.

Part of the pure machine: `runner.engine.evolve` changes the state with these, `runner.engine.outstanding` asks
`after`. No clock, no I/O.
"""

from runner.engine.intents import EndBody, Intent, Interrupt, Join, NextPhase
from runner.engine.state import Body, Items, Node
from runner.events import PhaseName


def blame(body: Body, node: Node) -> None:
    """A body keeps its first error."""
    if body.error is None:
        body.error = node.error
        body.failed_action = node.place


def halt_body(body: Body, intents: list[Intent], *, force: bool, deep: bool = False) -> None:
    """
    Nothing more begins in this phase, and what goes on is ended. The caller looks whether nothing is left live.

    A `finally` goes on unless forced; `deep` forces those of the groups inside too.
    """
    if body.halting or (body.phase == "finally" and not force):
        return
    body.halting = True
    for node in body.current():
        if node.state == "pending":
            node.state = "skipped"
            node.halted = True
            body.live -= 1
        elif not node.ended:
            _halt_node(node, intents, deep=deep)


def _halt_node(node: Node, intents: list[Intent], *, deep: bool) -> None:
    if node.halted and not deep:
        return
    node.halted = True
    if node.items is not None:
        halt_items(node.items, intents, deep=deep)
        if node.items.live == 0:
            intents.append(Join(node.place))
    elif node.group is not None:
        node.group.cancelled = True
        halt_body(node.group, intents, force=deep, deep=deep)
        if node.group.live == 0:
            phase_done(node.group, intents)
    else:
        intents.append(Interrupt(node.place))


def halt_items(items: Items, intents: list[Intent], *, deep: bool) -> None:
    """End the items that go on; those that did not begin are skipped. The caller looks whether none is left live."""
    for each in items.nodes:
        if each.state == "pending":
            each.state = "skipped"
            each.halted = True
            items.live -= 1
        elif not each.ended:
            _halt_node(each, intents, deep=deep)


def phase_done(body: Body, intents: list[Intent]) -> None:
    """Nothing of the phase is live any more: ask for what follows."""
    following = after(body)
    intents.append(EndBody(body.scope) if following is None else NextPhase(body.scope, following))


def after(body: Body) -> PhaseName | None:
    """The phase that follows the one the body is in; None: the body has ended."""
    phases = body.plan.phases
    if body.phase == "main" and body.error is not None and not body.cancelled and phases["on_failure"]:
        return "on_failure"
    return "finally" if body.phase != "finally" and phases["finally"] else None
