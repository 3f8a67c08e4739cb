"""
What outlives a process, for the histories of `test_histories`: a disk, a clock, a catalog, and what was done outside.

    World ──► Life (a dispatcher over a store that commits when told to), and another over the same disk, and another
      ▲         │ effect
      └─checks──┘   the moment something is done outside, the disk is folded: were its reasons there?

A work action's `value` is `{rev, of}`: the catalog's number that its file bears, and what it was computed from.
"""

from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Literal

import anyio
import msgspec
from anyio.from_thread import BlockingPortal

from runner.engine.evolve import evolve
from runner.engine.intents import EndBody, NextPhase
from runner.engine.limits import EngineLimits
from runner.engine.outstanding import outstanding
from runner.engine.plan import Plan
from runner.engine.state import Body, Node, Run
from runner.errors import PermanentError, TemporaryError
from runner.events import AnyEvent, Cancelling, Ended, Finished, Rerun, Started
from runner.ports import Call
from runner.store.memory import MemoryStore
from runner.store.tables import Tables
from runner.testing import FakeClock
from tests.unit.engine.fakes import WorkConfig
from tests.unit.engine.harness import Engine, open_engine, settled

SLOTS = 2
How = Literal["succeeds", "fails", "may help"]

CHILD = "actions: [{id: inner, type: work, config: {value: {rev: REV, of: {}}}}]\noutput: $action.inner"
FLOWS = {
    "flow": """
        actions:
          - {id: a, type: work, config: {value: {rev: REV, of: {}}}}
          - {id: b, type: set, config: $action.a}
          - {id: once, type: work, on_interrupt: fail, on_error: continue, config: {value: {rev: REV, of: {a: $action.b}}}}
          - id: each
            type: work
            for_each: [1, 2, 3]
            concurrency: 2
            retry: {max_attempts: 2, delay: 30s, backoff: constant}
            config: {value: {rev: REV, of: {a: $action.a, once: $action.once}}}
          - {id: rest, type: wait, config: {for: 1m}}
          - {id: last, type: work, config: {value: {rev: REV, of: {each: $action.each}}}}
        on_failure: [{id: tell, type: work, config: {value: {rev: REV, of: {}}}}]
        finally: [{id: tidy, type: work, config: {value: {rev: REV, of: {last: $action.last}}}}]
        output: $action.last
    """,
    "narrow": """
        concurrency: {limit: 1, when_full: queue, max_queued: 2}
        actions:
          - {id: call, type: workflow, config: {name: child}}
          - {id: ask, type: wait, timeout: 1h, on_error: continue, config: {callback: {ok: {type: boolean}}}}
          - id: around
            type: group
            config:
              actions:
                - {id: one, type: work, config: {value: {rev: REV, of: {call: $action.call}}}}
                - {id: two, type: work, on_interrupt: fail, config: {value: {rev: REV, of: {one: $action.one}}}}
              output: $action.two
        finally: [{id: tidy, type: work, config: {value: {rev: REV, of: {around: $action.around}}}}]
    """,
}


def fold(run: str, plan: Plan, events: Iterable[AnyEvent]) -> Run:
    """The state after these events."""
    state = Run(run, plan)
    for event in events:
        evolve(state, event)
    return state


class Attempt:
    """An attempt under way: what it does was done, its answer is still to come."""

    def __init__(self, run: str, place: str) -> None:
        self.run = run
        self.place = place
        self.answered = anyio.Event()
        self.how: How = "succeeds"


class World:
    """The disk and everything outside. `errors` are the promises that were broken."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.tables = Tables()
        self.texts: dict[str, str] = {}
        self.revisions: dict[str, int] = {}
        self.reloads = 0
        self.cancelled: set[tuple[str, int]] = set()
        self.started: set[tuple[str, int, str, int]] = set()
        self.keys: dict[tuple[str, int, str], set[str]] = {}
        self.effects = 0
        self.errors: list[str] = []
        self._values = 0

    def events(self, run: str) -> list[AnyEvent]:
        """What stands in the run's journal on disk."""
        return [event for row in MemoryStore(tables=self.tables)._journal(run) for event in row.events]

    def appends(self) -> dict[str, int]:
        """How many appends each run has on disk."""
        return {run: len(appends) for run, appends in self.tables.journal.items()}

    def forget_cancels(self) -> None:
        """Those that are not on disk: nobody knows of them in the next life."""
        on_disk = set()
        for run in self.tables.runs:
            generation = 1
            for event in self.events(run):
                generation = event.generation if isinstance(event, Rerun) else generation
                if isinstance(event, Cancelling) and not event.scope:
                    on_disk.add((run, generation))
        self.cancelled = on_disk

    def value(self) -> int:
        """One that nothing else has."""
        self._values += 1
        return self._values

    def check(self, life: "Life", config: WorkConfig, call: Call) -> None:
        """Something is done outside: were its reasons on disk, and is it what follows from the disk?"""
        self.effects += 1
        node = life.engine.dispatcher._runs.conductors[call.run].run.nodes[call.place]
        at = (call.run, node.generation, call.place)
        if node.plan.action.on_interrupt == "fail":
            self._tell((*at, call.attempt) not in self.started, call, "was done twice under `fail` (I4)")
            self.started.add((*at, call.attempt))
        if not life.owns:
            return
        run = fold(call.run, life.plan(call.run), self.events(call.run))
        self._check_reasons(run, node, call)
        self._check_inputs(run, config, call)
        self.keys.setdefault(at, set()).add(call.idempotency_key())
        self._tell(len(self.keys[at]) == 1, call, "has two keys")

    def _check_reasons(self, run: Run, node: Node, call: Call) -> None:
        places = {intent.place for intent in outstanding(run) if not isinstance(intent, NextPhase | EndBody)}
        there = run.nodes.get(call.place)
        is_wanted = call.place in places if there is not None else any(map(call.place.startswith, places))
        self._tell(is_wanted, call, "was done though the disk does not ask for it (I2, I3)")
        is_cancelled = (call.run, run.generation) in self.cancelled
        self._tell(not (is_cancelled and _in_main(node.body)), call, "was done after the cancel (I7)")
        if node.plan.action.on_interrupt == "fail":
            is_on_disk = there is not None and (there.state, there.attempt) == ("running", call.attempt)
            self._tell(is_on_disk, call, "was done before its own start was on disk (I2)")

    def _check_inputs(self, run: Run, config: WorkConfig, call: Call) -> None:
        written = self.revisions[self.tables.runs[call.run].row.revision]
        self._tell(config.value["rev"] == written, call, "was done by another revision than the run's")
        for name, used in config.value["of"].items():
            stands = _value(run.nodes[name])
            self._tell(used == stands, call, f"was given {used!r} for {name}, the disk says {stands!r} (I5)")

    def _tell(self, is_so: bool, call: Call, what: str) -> None:  # noqa: FBT001  what is checked comes first
        if not is_so:
            self.errors.append(f"{call.place}, attempt {call.attempt} of {call.run}, {what}")

    def check_ends(self) -> None:
        """Each run has one end a generation, and nothing but a rerun after it (I6)."""
        for run in self.tables.runs:
            events = self.events(run)
            ends = [at for at, event in enumerate(events) if isinstance(event, Ended)]
            after = [type(events[at + 1]).__name__ for at in ends if at + 1 < len(events)]
            assert isinstance(events[-1], Ended), (run, "has not ended", events[-3:])
            assert set(after) <= {"Rerun"}, (run, after)
            done = set[tuple[str, int]]()
            for event in events:
                if isinstance(event, Started):
                    assert (event.place, event.generation) not in done, (event.place, "began again (I3)")
                elif isinstance(event, Finished) and event.outcome == "succeeded":
                    done.add((event.place, event.generation))


def _value(node: Node) -> object:
    if node.items is not None:
        return [_value(each) for each in node.items.nodes]
    return msgspec.json.decode(node.value.json) if node.value is not None and node.value.json is not None else None


def _in_main(body: Body) -> bool:
    while body.phase != "finally":
        if body.parent is None:
            return True
        body = body.parent.body
    return False


class Life:
    """One process over the world's disk: its engine, what it has under way, what was asked of it."""

    def __init__(self, world: World, portal: BlockingPortal) -> None:
        self.world = world
        self.portal = portal
        self.store = MemoryStore(clock=world.clock, auto_commit=False, tables=world.tables)
        self.attempts: list[Attempt] = []
        self.asked: list[Future[Any]] = []
        self._block: AbstractContextManager[Engine] = portal.wrap_async_context_manager(
            open_engine(
                answer=self._answer,
                clock=world.clock,
                store=self.store,
                limits=EngineLimits(max_concurrent_runs=SLOTS),
            )
        )
        self.engine = self._block.__enter__()
        self.reload()
        self.ask(self.engine.dispatcher.recover)

    @property
    def owns(self) -> bool:
        """Whether the disk is its own, as far as the disk knows."""
        return self.store.boot == self.world.tables.boot

    def reload(self) -> None:
        """Read the catalog."""
        for name, text in self.world.texts.items():
            self.engine.add(text, name)

    def plan(self, run: str) -> Plan:
        """Of a run on disk."""
        conductor = self.engine.dispatcher._runs.conductors[run]
        return conductor.run.plan

    def ask(self, what: Any, *arguments: Any) -> None:
        """Ask something of it whose answer may never come."""
        self.asked.append(self.portal.start_task_soon(what, *arguments))
        self.portal.call(settled)

    def commit(self, most: int | None = None) -> None:
        """So many writes are on disk."""

        async def commit() -> None:
            self.store.commit(most)
            await settled()

        self.portal.call(commit)

    async def _answer(self, config: WorkConfig, call: Call) -> object:
        self.world.check(self, config, call)
        attempt = Attempt(call.run, call.place)
        self.attempts.append(attempt)
        try:
            await attempt.answered.wait()
        finally:
            self.attempts.remove(attempt)
        if attempt.how == "fails":
            raise PermanentError("no", kind="status")
        if attempt.how == "may help":
            raise TemporaryError("not now", kind="5xx")
        return self.world.value()

    def answer(self, attempt: Attempt, how: How) -> None:
        """The outer world answers."""
        attempt.how = how

        async def set_it() -> None:
            attempt.answered.set()
            await settled()

        self.portal.call(set_it)

    def end(self) -> None:
        """The process is gone: what it had not written is lost."""
        self.store._waiting.clear()
        self._block.__exit__(None, None, None)
        for asked in self.asked:
            asked.cancel()

    def refusals(self) -> list[BaseException]:
        """What was refused of what was asked."""
        return [
            error
            for asked in self.asked
            if asked.done() and not asked.cancelled() and (error := asked.exception()) is not None
        ]
