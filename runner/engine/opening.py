"""
How nodes come to be and go: the actions of a phase, the next items of a `for_each`, what is inside a group.

Part of the pure machine: `runner.engine.evolve` and `runner.engine.reopening` change the state with these. No clock, no
I/O.
"""

from runner.engine.halting import phase_done
from runner.engine.intents import Enter, Intent, Join
from runner.engine.places import inner, item
from runner.engine.state import Body, Node, Run
from runner.events import PhaseName


def open_phase(run: Run, body: Body, phase: PhaseName, intents: list[Intent]) -> None:
    """Make the nodes of a phase; those that wait for nothing may begin."""
    body.phase = phase
    body.halting = False
    actions = body.phase_plan.actions
    for name, plan in actions.items():
        node = Node(inner(body.scope, name), plan, body)
        body.nodes[name] = run.nodes[node.place] = node
        body.waits[name] = len(plan.needs)
        if not plan.needs:
            intents.append(Enter(node.place))
    body.live = len(actions)
    if not actions:
        phase_done(body, intents)


def advance(run: Run, node: Node, intents: list[Intent]) -> None:
    """Let the next items of a `for_each` begin, as many as may go on beside each other."""
    items = node.items
    assert items is not None
    if not node.halted and items.failed is None:
        while items.live < node.plan.action.concurrency and items.next < items.count:
            each = Node(item(node.place, items.next), node.plan, node.body, node, items.next)
            run.nodes[each.place] = each
            items.nodes.append(each)
            items.next += 1
            items.live += 1
            intents.append(Enter(each.place))
    if items.live == 0:
        intents.append(Join(node.place))


def close_group(run: Run, node: Node) -> None:
    """Forget the body of a group's attempt, and all that is inside."""
    if node.group is None:
        return
    del run.bodies[node.group.scope]
    for each in node.group.nodes.values():
        forget(run, each)
    node.group = None


def forget(run: Run, node: Node) -> None:
    """Forget a node, its items and what is inside of it."""
    close_group(run, node)
    for each in node.items.nodes if node.items is not None else ():
        forget(run, each)
    del run.nodes[node.place]
