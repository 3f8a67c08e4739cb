"""A kill after each single journal write of a scripted run, for each kind of action and each phase."""

import anyio
import pytest

from runner.engine.limits import EngineLimits
from runner.engine.outstanding import outstanding
from runner.errors import PermanentError, TemporaryError
from runner.events import Ended, Finished, Settled
from runner.ports import Call, RunFilter
from runner.store.memory import MemoryStore
from runner.testing import FakeClock
from tests.unit.engine.fakes import Dying, WorkConfig
from tests.unit.engine.harness import Engine, open_engine, settled

MOST_WRITES = 100
_ALL = RunFilter()

CHILD = "actions: [{id: inner, type: work, config: {value: 7}}]\noutput: $action.inner"

KINDS = """
    actions:
      - {id: first, type: work, config: {value: 1}}
      - {id: plain, type: set, config: "{{ $action.first + 1 }}"}
      - {id: skipped, type: work, if: false, config: {}}
      - id: around
        type: group
        config:
          actions: [{id: one, type: work, config: {value: 1}}, {id: two, type: work, config: {value: 2}}]
          output: $action.two
      - {id: each, type: work, for_each: "[1, 2, 3]", concurrency: 2, config: {value: $item}}
      - {id: rest, type: wait, config: {for: 1m}}
      - {id: call, type: workflow, config: {name: child}}
      - {id: again, type: work, retry: {max_attempts: 2, delay: 30s, backoff: constant}, config: {value: 3}}
      - {id: ask, type: wait, timeout: 1m, on_error: continue, config: {callback: {ok: {type: boolean}}}}
      - {id: last, type: stop, config: {output: [$action.plain, $action.around, $action.each, $action.call, $action.again]}}
      - {id: never, type: work, config: {}}
    finally: [{id: tidy, type: work, config: {value: 9}}]
"""

FAILS = """
    actions:
      - {id: first, type: work, config: {value: 1}}
      - {id: broken, type: work, config: {}}
      - {id: never, type: work, config: {}}
    on_failure: [{id: tell, type: work, config: {value: $run.failed_action}}, {id: also, type: work, config: {}}]
    finally: [{id: tidy, type: work, config: {}}]
"""


class Effects:
    """What the executor did: the keys of each place, in this life and in all."""

    def __init__(self) -> None:
        self.keys: dict[tuple[str, str], set[str]] = {}
        self.now: list[tuple[str, str]] = []
        self.tried: set[str] = set()

    async def __call__(self, config: WorkConfig, call: Call) -> object:
        self.now.append((call.run, call.place))
        self.keys.setdefault((call.run, call.place), set()).add(call.idempotency_key())
        if call.place == "broken":
            raise PermanentError("no", kind="status")
        if call.place == "again" and call.attempt == 1:
            raise TemporaryError("503", kind="5xx")
        return config.value


async def _go(engine: Engine, clock: FakeClock, run: str, *, until_dead: Dying | None) -> None:
    for _ in range(20):
        await settled()
        row = await engine.store.get(run)
        if row.ended_at is not None or (until_dead is not None and until_dead.writes == 0):
            return
        await clock.advance(31)
    assert until_dead is not None, "the run does not end"


@pytest.mark.parametrize(
    ("text", "state", "output"), [(KINDS, "succeeded", b"[2,2,[1,2,3],7,3]"), (FAILS, "failed", None)]
)
async def test_a_kill_after_any_write_loses_and_repeats_nothing(text: str, state: str, output: bytes | None) -> None:
    """The run ends as without it; what had finished on disk is not done again; a place keeps its one key."""
    kills = 0
    for writes in range(1, MOST_WRITES):
        clock, effects = FakeClock(), Effects()
        dying = Dying(clock, writes)
        async with open_engine(answer=effects, clock=clock, store=dying) as engine:
            engine.add(CHILD, "child")
            engine.add(text)
            run = await engine.start()
            await _go(engine, clock, run, until_dead=dying)
        if dying.writes > 0:
            break
        kills += 1
        finished = _finished(dying)
        effects.now.clear()
        store = MemoryStore(clock=clock, tables=dying.crash().tables)
        async with open_engine(answer=effects, clock=clock, store=store) as engine:
            engine.add(CHILD, "child")
            engine.add(text)
            await engine.dispatcher.recover()
            await _go(engine, clock, run, until_dead=None)
            row = await engine.store.get(run)
            assert (row.state, row.output) == (state, output), writes
            assert not finished & set(effects.now), (writes, "a finished action was repeated")
            assert {len(keys) for keys in effects.keys.values()} == {1}, (writes, "an action had two keys")
            assert sum(isinstance(event, Ended) for event in await engine.journal(run)) == 1
            rows = await engine.store.find(_ALL)
            assert {each.state for each in rows} <= {state, "succeeded"}
            loaded = await engine.dispatcher._loader.folded(row)
            assert outstanding(loaded.conductor.run) == []
            assert store.tables.parked == {}
    assert kills > len(text.splitlines()) // 2


def _finished(store: MemoryStore) -> set[tuple[str, str]]:
    found = set()
    for run in store.tables.journal:
        for row in store._journal(run):
            for event in row.events:
                if isinstance(event, Finished | Settled) and getattr(event, "retry_at", None) is None:
                    found.add((run, event.place))
    return found


async def test_parents_that_wait_for_children_hold_up_nobody() -> None:
    """Twice as many parents as there are slots, each with a child: all end."""
    limits = EngineLimits(max_concurrent_runs=10)
    async with open_engine(limits=limits) as engine:
        engine.add(CHILD, "child")
        engine.add("actions: [{id: call, type: workflow, config: {name: child}}]\noutput: $action.call")
        runs = [await engine.start() for _ in range(20)]
        with anyio.fail_after(30):
            rows = [await engine.ended(run) for run in runs]
        assert [row.output for row in rows] == [b"7"] * 20
        assert engine.dispatcher._runs.free == 10


async def test_nothing_is_done_before_its_reasons_are_on_disk() -> None:
    """The second action begins when the end of the first is committed, and not when it is known."""
    store = MemoryStore(auto_commit=False)
    async with open_engine(store=store) as engine, anyio.create_task_group() as tasks:
        engine.add("actions: [{id: a, type: work, config: {}}, {id: b, type: work, config: {}}]")
        tasks.start_soon(engine.start)
        await settled()
        assert engine.work.calls == []
        for done in (["a"], ["a", "b"]):
            store.commit()
            await settled()
            assert [place for place, _, _ in engine.work.calls] == done
        store.commit()
