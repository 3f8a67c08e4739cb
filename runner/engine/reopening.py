"""
What a rerun does to the state of an ended run: what was finished stays, the rest may begin again.

    ended run, Rerun ──reopen()──► its main phase, with nodes that are pending where they were not finished

Part of the pure machine, called by `runner.engine.evolve`. Finished is what succeeded, what its `if` skipped, and what
failed under `on_error: continue`; of a `for_each` each item for itself, of a group what is inside. An action that goes
on keeps its generation and so its idempotency keys: for its peer it is one more attempt. The action that the rerun
begins `from`, and what follows it, begin as a new generation; so do `on_failure` and `finally` (design §2.14).
"""

from runner.engine.opening import advance, forget
from runner.engine.places import inner
from runner.engine.plan import ActionPlan, PhasePlan
from runner.engine.state import Body, IllegalEventError, Node, Run
from runner.events import Rerun


def reopen(run: Run, event: Rerun) -> None:
    """Make an ended run one that goes on. Raises IllegalEventError where it cannot."""
    main = run.root.plan.phases["main"]
    is_next = event.generation == run.generation + 1
    if not is_next or (event.place and event.place not in main.actions) or run.ended is None:
        raise IllegalEventError(f"run {run.id}: it cannot be run again as generation {event.generation}")
    if run.ended.state == "succeeded" and not event.place:
        raise IllegalEventError(f"run {run.id}: it has succeeded, there is nothing to go on with")
    stop = run.stop if run.stop is not None and run.stop.stops == "succeeded" and not event.place else None
    run.ended = run.cancelling = None
    run.generation = event.generation
    run.stop, run.stopped_by = stop, run.stopped_by if stop is not None else ""
    timeout = run.plan.workflow.timeout
    _Reopening(run, event, following(main, event.place), is_stopped=stop is not None).body(run.root, timeout)


def following(phase: PhasePlan, action: str) -> frozenset[str]:
    """The action and all that waits for it, directly or not; nothing where none is named."""
    found: set[str] = set()
    left = [action] if action else []
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += phase.dependents[name]
    return frozenset(found)


class _Reopening:
    def __init__(self, run: Run, event: Rerun, anew: frozenset[str], *, is_stopped: bool) -> None:
        self._run = run
        self._event = event
        self._anew = anew
        self._again = frozenset(event.again)
        self._is_stopped = is_stopped

    def body(self, body: Body, timeout: float | None) -> None:
        main = body.plan.phases["main"].actions
        for name in [name for name in body.nodes if name not in main]:
            self._unanswer(inner(body.scope, name))
            forget(self._run, body.nodes.pop(name))
        body.phase = "main"
        body.error, body.failed_action = None, ""
        body.halting = body.cancelled = False
        body.generation = self._event.generation
        body.deadline = self._event.at + timeout if timeout is not None else None
        for name in main:
            body.nodes[name] = self._node(body.nodes[name])
        body.waits = {name: _open_needs(body, plan) for name, plan in main.items()}
        body.live = sum(not body.nodes[name].ended for name in main)

    def _node(self, node: Node) -> Node:
        """The node as it goes on: itself, or a new one in its place."""
        if node.place in self._anew:
            return self._afresh(node, self._event.generation)
        if node.place in self._again:
            return self._afresh(node, node.generation)
        if node.items is not None and (not self._is_kept(node) or self._repeats_inside(node)):
            self._reopen(node)
            node.items.failed = None
            node.items.nodes = [self._node(each) for each in node.items.nodes]
            node.items.live = sum(not each.ended for each in node.items.nodes)
            advance(self._run, node, [])
        elif self._is_kept(node):
            return node
        elif node.group is not None and (node.halted or not node.ended or node.group.error is not None):
            self._reopen(node)
            self.body(node.group, node.plan.action.timeout)
        else:  # a group that came to its end and still failed begins anew, with keys of its own
            began_inside = node.plan.body is not None and node.attempt > 0
            return self._afresh(node, self._event.generation if began_inside else node.generation)
        return node

    def _is_kept(self, node: Node) -> bool:
        if not node.ended:
            return False
        if self._is_stopped or node.state == "succeeded":
            return True
        return not node.halted and (node.state == "skipped" or (node.state == "failed" and node.plan.continues))

    def _repeats_inside(self, node: Node) -> bool:
        return node.items is not None and any(each.place in self._again for each in node.items.nodes)

    def _reopen(self, node: Node) -> None:
        node.state = "running"
        node.halted = False
        node.value = node.decoded = node.error = None

    def _afresh(self, node: Node, generation: int) -> Node:
        if generation != node.generation:
            self._unanswer(node.place)
        forget(self._run, node)
        fresh = Node(node.place, node.plan, node.body, node.owner, node.index)
        fresh.generation = generation
        self._run.nodes[fresh.place] = fresh
        return fresh

    def _unanswer(self, place: str) -> None:
        """What is asked anew wants an answer of its own."""
        inside = (f"{place}/", f"{place}[", f"{place}~")
        for answered in [each for each in self._run.answers if each == place or each.startswith(inside)]:
            del self._run.answers[answered]


def _open_needs(body: Body, plan: ActionPlan) -> int:
    return sum(not body.nodes[need].ended for need in plan.needs)
