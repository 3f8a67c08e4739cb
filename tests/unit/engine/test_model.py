"""
The pure machine against random histories: whatever happens in whatever order, the invariants of a run hold.

A history answers the machine's open intents one by one with random events, and at any point cancels, lets a deadline pass, or
crashes: then the state is thrown away and folded anew from the part of the journal that was on disk. Rules that need a
whole process (reload, a second owner of the store, keys, slots) are in `test_histories`.
"""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runner.engine.evolve import evolve
from runner.engine.intents import Await, EndBody, Enter, Execute, Interrupt, Join, NextPhase, Retry
from runner.engine.outstanding import outstanding, wanted
from runner.engine.plan import Plan
from runner.engine.reopening import following
from runner.engine.state import Body, IllegalEventError, Node, Run
from runner.events import (
    Accepted,
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
    Stored,
)
from tests.unit.engine.workflows import plan_of, workflows

VALUE = Stored(json=msgspec.Raw(b"1"))
FAILED = Failure(type="status", message="no")
MOST_ATTEMPTS = 3


def fold(plan: Plan, events: list[Any]) -> Run:
    run = Run("r", plan)
    for event in events:
        evolve(run, event)
    return run


def shape(run: Run) -> Any:
    """What two equal states have in common: everything but caches."""
    return (
        _body(run.bodies[""]) if run.accepted else None,
        sorted(run.nodes),
        sorted(run.bodies),
        run.cancelling,
        run.stop,
        run.ended,
        run.recoveries,
        run.generation,
        run.answers,
        run.used,
    )


def _body(body: Body) -> Any:
    nodes = [_node(node) for node in body.nodes.values()]
    return (
        body.scope,
        body.phase,
        body.live,
        body.halting,
        body.cancelled,
        body.error,
        body.deadline,
        body.waits,
        nodes,
    )


def _node(node: Node) -> Any:
    items = node.items
    inner = (items.next, items.live, items.failed, [_node(each) for each in items.nodes]) if items else None
    group = _body(node.group) if node.group else None
    return (
        node.place,
        node.state,
        node.attempt,
        node.generation,
        node.halted,
        node.retry_at,
        node.parked,
        node.error,
        inner,
        group,
    )


class Histories(RuleBasedStateMachine):
    """Random histories of one run."""

    @initialize(workflow=workflows(), timed=st.booleans())
    def accept(self, workflow: Any, timed: Any) -> Any:
        self.plan = plan_of(workflow)
        self.clock = 1.0
        self.journal: list[Any] = []
        self.durable = 0
        self.disk_writes = True
        self.open: list[Any] = []
        self.ended_places: set[tuple[str, int]] = set()
        self.run: Any = Run("r", self.plan)
        deadline = 1000.0 if timed else None
        self.apply(
            Accepted(1.0, "w", "rev", Stored(), Stored(), deadline=deadline),
        )

    def apply(self, event: Any) -> Any:
        if isinstance(event, Started | Finished):
            event = msgspec.structs.replace(event, generation=self.run.nodes[event.place].generation)
        if isinstance(event, Started):
            node = self.run.nodes[event.place]
            assert (event.place, event.generation) not in self.ended_places, "a finished action began again"
            assert not node.body.halting
            if self.run.cancelling is not None:
                assert self.main_is_over(node.body), "an action of the main phase began after the cancel"
        self.journal.append(event)
        self.open.extend(evolve(self.run, event))
        if isinstance(event, Finished) and event.retry_at is None:
            self.ended_places.add((event.place, event.generation))

    @precondition(lambda self: self.run.accepted is not None and self.run.ended is not None)
    @rule(data=st.data())
    def rerun(self, data: Any) -> Any:
        """An ended run goes on: from where it ended, or from one of its actions as a new generation."""
        actions = ["", *self.plan.body.phases["main"].actions]
        place = data.draw(st.sampled_from(actions if self.run.ended.state != "succeeded" else actions[1:]))
        kept = {name: node for name, node in self.run.root.nodes.items() if node.state == "succeeded"}
        finals = [event for event in self.journal if isinstance(event, Finished) and event.retry_at is None]
        lost = {(event.place, event.generation) for event in finals if event.outcome != "succeeded"}
        anew = following(self.plan.body.phases["main"], place)
        event = Rerun(self.tick(), self.run.generation + 1, place)
        self.journal.append(event)
        self.open = evolve(self.run, event)
        self.ended_places -= lost
        for name, node in kept.items():
            if name not in self.run.root.nodes:
                continue
            now = self.run.root.nodes[name]
            assert (now is node) == (name not in anew), "what was finished stays, what follows the named action goes"
            assert now.generation == (self.run.generation if name in anew else node.generation)

    def main_is_over(self, body: Any) -> Any:
        while body is not None:
            if body.phase == "finally":
                return True
            body = body.parent.body if body.parent else None
        return False

    def tick(self) -> Any:
        self.clock += 1.0
        return self.clock

    def standing(self) -> Any:
        self.open = [intent for intent in dict.fromkeys(self.open) if wanted(self.run, intent)]
        return self.open

    def live(self) -> Any:
        return self.run.accepted is not None and self.run.ended is None

    @precondition(live)
    @rule(data=st.data())
    def answer(self, data: Any) -> Any:
        """One open intent is carried out, with any outcome."""
        intents = self.standing()
        intent = intents[data.draw(st.integers(0, len(intents) - 1))]
        self.open.remove(intent)
        self.carry_out(intent, lambda *of: data.draw(st.sampled_from(of)))

    def carry_out(self, intent: Any, choose: Any) -> Any:
        now = self.tick()
        match intent:
            case Enter(place):
                self.enter(self.run.nodes[place], choose, now)
            case Execute(place):
                self.execute(self.run.nodes[place], choose, now)
            case Retry(place, _):
                self.apply(Started(now, place, self.run.nodes[place].attempt + 1))
            case Await(place):
                self.finish(self.run.nodes[place], choose, now)
            case Join(place):
                node = self.run.nodes[place]
                state: Any = "failed" if node.items.failed else "cancelled" if node.halted else "succeeded"
                self.apply(Settled(now, place, state, error=node.items.failed))
            case NextPhase(scope, phase):
                self.apply(Phase(now, scope, phase, now + 60))
            case EndBody(scope):
                self.end_body(self.run.bodies[scope], choose, now)
            case Interrupt(place):
                node = self.run.nodes[place]
                if node.state == "waiting" or choose(True, False):
                    self.apply(Settled(now, place, "cancelled"))
                else:
                    self.finish(node, choose, now)

    def enter(self, node: Any, choose: Any, now: Any) -> Any:
        if node.loops:
            self.apply(Expanded(now, node.place, VALUE, choose(0, 1, 3)))
        elif choose("begin", "begin", "begin", "skip", "fail") == "skip":
            self.apply(Settled(now, node.place, "skipped"))
        elif node.plan.type == "set":
            self.apply(Settled(now, node.place, choose("succeeded", "failed"), VALUE, FAILED))
        elif node.plan.type == "stop":
            how = choose("succeeded", "failed")
            self.apply(Settled(now, node.place, how, VALUE, FAILED if how == "failed" else None, stops=how))
        else:
            self.apply(Started(now, node.place, 1))

    def execute(self, node: Any, choose: Any, now: Any) -> Any:
        if node.plan.type == "wait":
            self.apply(Parked(now, node.place, until=now + 5))
        else:
            self.finish(node, choose, now)

    def finish(self, node: Any, choose: Any, now: Any) -> Any:
        outcome: Any = choose("succeeded", "succeeded", "failed", "retry")
        if node.halted:
            outcome = choose("cancelled", outcome) if outcome != "retry" else "cancelled"
        if outcome == "retry" and node.attempt < MOST_ATTEMPTS:
            self.apply(Finished(now, node.place, node.attempt, "failed", error=FAILED, retry_at=now + 1))
        else:
            outcome = "failed" if outcome == "retry" else outcome
            self.apply(Finished(now, node.place, node.attempt, outcome, value=VALUE, error=FAILED))

    def end_body(self, body: Any, choose: Any, now: Any) -> Any:
        node = body.parent
        if node is None:
            state: Any = "cancelled" if body.cancelled else "failed" if body.error else "succeeded"
            self.apply(Ended(now, state, error=body.error))
        elif node.halted:
            self.apply(Finished(now, node.place, node.attempt, "cancelled"))
        elif body.error is not None:
            self.finish(node, lambda *of: choose(*[one for one in of if one not in {"succeeded", True}]), now)
        else:
            self.apply(Finished(now, node.place, node.attempt, "succeeded", value=VALUE))

    @precondition(lambda self: self.live() and self.run.cancelling is None)
    @rule(why=st.sampled_from(["person", "newer", "parent"]))
    def cancel(self, why: Any) -> Any:
        """Somebody asks the run to end."""
        self.apply(Cancelling(self.tick(), why))

    @precondition(live)
    @rule(data=st.data())
    def overrun(self, data: Any) -> Any:
        """A deadline passes."""
        bodies = [body for body in self.run.bodies.values() if body.deadline is not None and not body.halting]
        if bodies:
            body = bodies[data.draw(st.integers(0, len(bodies) - 1))]
            self.apply(Cancelling(self.tick(), "timeout", scope=body.scope, message="late"))

    @precondition(live)
    @rule(data=st.data())
    def somebody_answers(self, data: Any) -> Any:
        """An answer comes, before its action waits or while it does."""
        waits = [node for node in self.run.nodes.values() if node.plan.type == "wait" and not node.ended]
        places = [node.place for node in waits if not node.loops]  # a loop asks at its items alone
        if places:
            place = data.draw(st.sampled_from(places))
            generation = str(self.run.nodes[place].generation)
            self.apply(Parked(self.tick(), place, callback=generation, answer=VALUE))

    @invariant()
    def an_answer_is_used_once(self) -> Any:
        """An action that came to an end by itself has no answer left for whoever is asked there again."""
        for place in self.run.answers:
            node = self.run.nodes.get(place)
            assert node is None or node.state not in {"succeeded", "failed"} or node.halted

    @rule(seconds=st.floats(-1e9, 1e9))
    def the_clock_is_set(self, seconds: Any) -> Any:
        """By any amount: what comes next bears a time before what is on disk, or long after it."""
        self.clock += seconds

    @rule()
    def the_disk_fails_or_is_mended(self) -> Any:
        """While commits fail nothing more is on disk, and what was handed over waits in memory."""
        self.disk_writes = not self.disk_writes

    @precondition(lambda self: self.live() and self.disk_writes)
    @rule()
    def commit(self) -> Any:
        """Everything handed over so far is on disk."""
        self.durable = len(self.journal)

    @precondition(lambda self: self.live() and self.durable > 0)
    @rule()
    def crash(self) -> Any:
        """What was not on disk is lost; the run goes on from its journal."""
        del self.journal[self.durable :]
        self.run = fold(self.plan, self.journal)
        self.ended_places = {
            (event.place, event.generation)
            for event in self.journal
            if isinstance(event, Finished) and event.retry_at is None
        }
        for rerun in [event for event in self.journal if isinstance(event, Rerun)]:
            before = self.journal[: self.journal.index(rerun)]
            self.ended_places -= {
                (event.place, event.generation)
                for event in before
                if isinstance(event, Finished) and event.outcome != "succeeded"
            }
        self.open = outstanding(self.run)
        self.apply(Recovered(self.tick(), 2))
        self.disk_writes = True
        self.durable = len(self.journal)

    @precondition(lambda self: not self.live())
    @rule()
    def rest(self) -> Any:
        """An ended run takes no more events."""
        with pytest.raises(IllegalEventError):
            evolve(self.run, Recovered(self.tick(), 3))

    @invariant()
    def what_is_asked_for_is_what_is_open(self) -> Any:
        """The intents that events gave, less those answered and overtaken, are those that a look over the state finds."""
        if self.live():
            assert set(self.standing()) == set(outstanding(self.run))
            assert self.standing(), "a live run asks for nothing: it would never end"

    @invariant()
    def the_fold_of_the_journal_is_the_state(self) -> Any:
        """A resume finds what was in memory."""
        if self.run.accepted is not None:
            assert shape(fold(self.plan, self.journal)) == shape(self.run)

    @invariant()
    def limits_hold(self) -> Any:
        """No more items go on than their action allows."""
        for node in self.run.nodes.values():
            if node.items is not None:
                going = [each for each in node.items.nodes if not each.ended]
                assert len(going) == node.items.live <= node.plan.action.concurrency

    @invariant()
    def an_ended_run_has_nothing_open(self) -> Any:
        """Slots sum to zero at the end."""
        if self.run.ended is not None:
            assert [node.place for node in self.run.nodes.values() if node.state in {"running", "waiting"}] == []
            assert sum(isinstance(event, Ended) for event in self.journal) == self.run.generation

    def teardown(self) -> None:
        """Every accepted run ends, if its attempts do."""
        for _ in range(5000):
            if not self.live():
                return
            assert self.standing(), (self.journal[-1], outstanding(self.run))
            intent = self.standing()[0]
            self.open.remove(intent)
            self.carry_out(intent, lambda *of: of[0])
        raise AssertionError("the run does not end")


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
