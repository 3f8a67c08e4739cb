"""
The store on disk against the one in memory: whatever is done to both, both give the same answers.

The memory store is simple enough to be read as the rules; hypothesis looks for a history after which they differ.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from runner.errors import StoreError
from runner.events import Parent
from runner.ports import Append, Blob, Park, RunChange, RunFilter, Store
from runner.store.memory import MemoryStore
from runner.store.sqlite import SqliteStore, open_store
from runner.testing import FakeClock
from tests.contracts.store.made import admission, append, ended, next_due

WORKFLOWS = st.sampled_from(["a", "b"])
PLACES = st.sampled_from(["x", "y", "z"])
DUE = st.none() | st.integers(1, 9).map(float)
ENDS: st.SearchStrategy[Literal["succeeded", "failed", "cancelled"]] = st.sampled_from(
    ["succeeded", "failed", "cancelled"]
)
FILTERS = [
    RunFilter(),
    RunFilter(workflow="a"),
    RunFilter(workflow="b", states=("queued", "failed"), limit=2),
    RunFilter(states=("running",)),
    RunFilter(parent="run-000"),
]


async def answer(asked: Awaitable[Any]) -> Any:
    """What was answered, or the error as its kind and text."""
    try:
        return await asked
    except StoreError as error:
        return type(error), str(error)


class StoreMachine(RuleBasedStateMachine):
    """Both stores, side by side on one event loop."""

    runs: Bundle[str] = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.memory = MemoryStore(clock=self.clock)
        self.folder = TemporaryDirectory()
        self.loop: AbstractContextManager[BlockingPortal] = start_blocking_portal("asyncio", {"use_uvloop": True})
        self.portal = self.loop.__enter__()
        self.seqs: dict[str, int] = {}

    @initialize()
    def opened(self) -> None:
        """The store's file is opened for the first time."""
        self.block = self.portal.wrap_async_context_manager(
            open_store(Path(self.folder.name) / "runs.db", clock=self.clock)
        )
        self.sqlite: SqliteStore = self.block.__enter__()

    def teardown(self) -> None:
        self.block.__exit__(None, None, None)
        self.loop.__exit__(None, None, None)
        self.folder.cleanup()

    def both(self, ask: Callable[[Store], Awaitable[Any]]) -> Any:
        """The one answer of both."""

        async def asked(store: Store) -> Any:
            return await answer(ask(store))

        memory, sqlite = self.portal.call(asked, self.memory), self.portal.call(asked, self.sqlite)
        assert memory == sqlite
        return memory

    def appended(self, made: Append) -> None:
        """Append to both; the run's next append has the next seq where it was taken."""

        async def ask(store: Store) -> None:
            await store.append(made)

        if self.both(ask) is None:
            self.seqs[made.run] = made.seq

    def next(self, run: str) -> int:
        """The seq of the run's next append."""
        return self.seqs.get(run, 1) + 1

    @rule(
        target=runs,
        workflow=WORKFLOWS,
        parent=st.none() | runs,
        lane=st.fixed_dictionaries(
            {
                "limit": st.none() | st.integers(1, 3),
                "key": st.none() | st.sampled_from(["k", ""]),
                "max_queued": st.integers(0, 3),
                "when_full": st.sampled_from(["queue", "skip", "cancel_running"]),
                "start": st.booleans(),
                "dedupe": st.none() | st.sampled_from(["d", "e"]),
                "dedupe_until": st.none() | st.just(150.0),
            }
        ),
        at=st.sampled_from([100.0, 200.0]),
    )
    def admit(self, workflow: str, parent: str | None, lane: dict[str, Any], at: float) -> str:
        """Ask for a run, under any limit."""
        run = f"run-{len(self.seqs):03}"
        self.seqs[run] = 1
        asked = admission(
            run,
            workflow,
            boot=self.memory.boot,
            at=at,
            parent=None if parent is None else Parent(parent, "x", 1),
            **lane,
        )
        self.both(lambda store: store.admit(asked))
        return run

    @rule(most=st.integers(0, 4))
    def claim(self, most: int) -> None:
        """Take up queued runs."""
        self.both(lambda store: store.claim(store.boot, most))

    @rule(
        run=runs,
        place=PLACES,
        due=DUE,
        child=st.none() | runs,
        unpark=st.none() | PLACES,
        waiting=st.none() | st.booleans(),
    )
    def park(
        self, run: str, place: str, due: float | None, child: str | None, unpark: str | None, waiting: Any
    ) -> None:
        """Wait for a time or a child, and no more for something else."""
        parks = (Park(place, due, child=child, callback=f"{run} {place}"),)
        unparks = () if unpark is None else (unpark,)
        more = {"parks": parks, "unparks": unparks, "waiting": waiting, "blobs": (Blob(self.next(run), run.encode()),)}
        self.appended(append(run, self.next(run), boot=self.memory.boot, **more))

    @rule(run=runs, state=st.sampled_from(["running", "queued"]))
    def again(self, run: str, state: Any) -> None:
        """A run goes on, or waits for its turn, whatever it was."""
        self.appended(append(run, self.next(run), boot=self.memory.boot, change=RunChange(state=state, error="e")))

    @rule(run=runs, state=ENDS)
    def end(self, run: str, state: Literal["succeeded", "failed", "cancelled"]) -> None:
        """A run ends."""
        self.appended(ended(run, self.next(run), state, boot=self.memory.boot, output=b'{"of":1}'))

    @rule(run=runs, late=st.booleans())
    def fenced(self, run: str, late: Any) -> None:
        """Somebody else appends: at a seq that is taken, or under an old boot."""
        boot = self.memory.boot - 1 if late else self.memory.boot
        self.appended(append(run, self.seqs.get(run, 1), boot=boot, parks=(Park("x", 1.0),)))

    @rule()
    def reopened(self) -> None:
        """The process stops and starts."""
        self.memory = self.memory.crash()
        self.block.__exit__(None, None, None)
        self.opened()

    @rule(
        some=st.lists(
            st.tuples(runs, PLACES, DUE, st.none() | ENDS), min_size=2, max_size=5, unique_by=lambda one: one[0]
        )
    )
    def burst(self, some: list[tuple[str, str, float | None, Any]]) -> None:
        """Several runs append several times without awaiting: one transaction on disk, one after the other in memory."""
        appends: list[Append] = []
        for run, place, due, state in some:
            boot, seq = self.memory.boot, self.next(run)
            appends.append(
                append(run, seq, boot=boot, parks=(Park(place, due, child=run), Park("y", 2.0)), waiting=True)
            )
            appends.append(append(run, seq + 1, boot=boot, parks=(Park(place, 3.0),), unparks=("y",), waiting=False))
            if state is not None:
                appends.append(ended(run, seq + 2, state, boot=boot))

        async def ask(store: Store) -> list[Any]:
            return [await answer(promise) for promise in [store.append(each) for each in appends]]

        for made, said in zip(appends, self.both(ask), strict=True):
            if said is None:
                self.seqs[made.run] = made.seq

    @rule(before=st.sampled_from([150.0, 250.0, 350.0]))
    def sweep(self, before: float) -> None:
        """Delete what ended before a time, slice by slice."""

        async def ask(store: Store) -> None:
            after: str | None = ""
            while after is not None:
                after = (await store.sweep(before, after)).after
            while await store.forget(before):
                pass

        self.both(ask)

    @invariant()
    def answers_are_the_same(self) -> None:
        """Lists, runs, journals, parked places, the last success: all that can be asked."""
        if hasattr(self, "sqlite"):
            self.both(self.everything)

    async def everything(self, store: Store) -> list[Any]:
        """What a store answers to all questions."""
        answers: list[Any] = [await store.find(wanted) for wanted in FILTERS]
        answers += [await store.last(workflow) for workflow in ("a", "b")]
        answers += [await store.due(5.0, 4), await next_due(store), await store.live(), await store.counts()]
        for run in list(self.seqs)[-2:]:
            answers += [await store.read(run), await answer(store.blob(run, 2)), await store.get(run)]
            answers.append([await store.superseded(), await store.asking(3)])
        return answers


StoreMachine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestModel = StoreMachine.TestCase
