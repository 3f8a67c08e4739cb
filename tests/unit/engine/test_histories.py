"""
The whole engine against random histories: a store that commits, fails and crashes when told to, a clock that goes anywhere.

The rules are those of `test_model`, driven on the real dispatcher: submit, commit k, the disk fails, an attempt ends, time
passes, the clock is set, cancel, rerun, answer, reload, crash, and a second process that takes the store over while the
first one lives on. `RUNNER_TEST_HISTORIES` says how many histories (12 where it is not set).
"""

import os
from contextlib import AbstractContextManager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runner.engine.admission import Submission
from runner.engine.wakeups import LONGEST_REST
from runner.errors import RefusedError, StoreError
from tests.unit.engine.harness import settled
from tests.unit.engine.world import CHILD, FLOWS, SLOTS, Life, World

A_YEAR = 31_536_000.0
HISTORIES = int(os.environ.get("RUNNER_TEST_HISTORIES", "12"))
KEYS = st.none() | st.sampled_from(["one", "two"])
PICK = st.integers(0, 999)


class Histories(RuleBasedStateMachine):
    """Random histories of a daemon."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: AbstractContextManager[BlockingPortal] = start_blocking_portal("asyncio", {"use_uvloop": True})
        self.portal = self.loop.__enter__()
        self.world = World()
        self.old: Life | None = None
        self.by_key: dict[tuple[str, str], set[str]] = {}

    @initialize(name=st.sampled_from(sorted(FLOWS)))
    def begins(self, name: str) -> None:
        """The first process, which has something to do."""
        self.life = Life(self.world, self.portal)
        self.reload()
        self.submit(name, None)
        self.life.commit()

    # -------------------------------------------------------------------------------------------------- what people do

    @rule(name=st.sampled_from(sorted(FLOWS)), key=KEYS)
    def submit(self, name: str, key: str | None) -> None:
        """Somebody wants a run, perhaps one that was asked for before."""
        self.life.ask(self._submit, self.life, Submission(workflow=name, dedupe=key))

    async def _submit(self, life: Life, submission: Submission) -> None:
        admitted = await life.engine.dispatcher.submit(submission)
        if submission.dedupe is not None:
            self.by_key.setdefault((submission.workflow, submission.dedupe), set()).add(admitted.run)

    @rule()
    def reload(self) -> None:
        """The files were changed: what runs goes on with what it began with."""
        self.world.reloads += 1
        for name, text in {**FLOWS, "child": CHILD}.items():
            self.world.texts[name] = text.replace("REV", str(self.world.reloads))
        self.life.reload()
        for workflow in self.life.engine.workflows.values():
            self.world.revisions[workflow.revision] = self.world.reloads

    @precondition(lambda self: self.world.tables.runs)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        """Somebody asks a run to end; what it does then is bound by that, on disk or not."""
        run = self.some(pick)
        conductor = self.life.engine.dispatcher._runs.conductors.get(run)
        if conductor is not None:
            self.world.cancelled.add((run, conductor.run.generation))
        self.life.ask(self.life.engine.dispatcher.cancel_durably, run, "me")

    @precondition(lambda self: self.world.tables.runs)
    @rule(pick=PICK, action=st.sampled_from(["", "", "a", "each", "ask", "around"]))
    def rerun(self, pick: int, action: str) -> None:
        """Somebody lets a run go on that has ended, or tries to."""
        self.life.ask(self.life.engine.dispatcher.rerun, self.some(pick), action)

    @rule(pick=PICK)
    def somebody_answers(self, pick: int) -> None:
        """What a run asks is answered."""
        self.life.ask(self._answer_one, self.life, pick)

    async def _answer_one(self, life: Life, pick: int) -> None:
        asked = await life.engine.dispatcher.answers.waiting(9)
        if asked:
            await life.engine.dispatcher.answers.give(asked[pick % len(asked)].asked, {"ok": True}, "me")

    def some(self, pick: int) -> str:
        runs = list(self.world.tables.runs)
        return runs[pick % len(runs)]

    # -------------------------------------------------------------------------------------- what the outer world does

    @precondition(lambda self: self.life.attempts)
    @rule(pick=PICK, how=st.sampled_from(["succeeds", "succeeds", "fails", "may help"]))
    def an_attempt_ends(self, pick: int, how: Any) -> None:
        """Well, or not."""
        self.life.answer(self.life.attempts[pick % len(self.life.attempts)], how)

    @rule(seconds=st.sampled_from([0.5, 1.0, 31.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        """On both clocks."""
        self.advance(seconds)

    @rule(seconds=st.floats(-A_YEAR, A_YEAR) | st.sampled_from([-3600.0, -61.0, -1.0, 1.0, 61.0, 3600.0]))
    def the_clock_is_set(self, seconds: float) -> None:
        """By any amount (I12)."""
        self.world.clock.step(seconds)

    def advance(self, seconds: float) -> None:
        async def advance() -> None:
            await self.world.clock.advance(seconds)
            await settled()

        self.portal.call(advance)

    @rule(often=st.integers(1, 4))
    def all_goes_well(self, often: int) -> None:
        """What is under way ends well, and is written."""
        for _ in range(often):
            self.life.commit()
            for attempt in list(self.life.attempts):
                self.life.answer(attempt, "succeeds")
            self.life.commit()

    # ------------------------------------------------------------------------------------- what becomes of the disk

    @rule(most=st.none() | st.integers(1, 3))
    def commit(self, most: int | None) -> None:
        """What waits is on disk, or a part of it."""
        self.life.commit(most)

    @precondition(lambda self: not self.life.store.degraded)
    @rule()
    def the_disk_fails(self) -> None:
        """Commits fail: what was handed over waits, what asks to be let in is refused."""
        self.portal.call(self.broken)

    async def broken(self) -> None:
        self.life.store.break_disk()
        await settled()

    @precondition(lambda self: self.life.store.degraded)
    @rule()
    def the_disk_is_mended(self) -> None:
        """Commits succeed again."""
        self.life.store.mend_disk()

    @rule()
    def crash(self) -> None:
        """The process ends, and another one starts."""
        self.life.end()
        self.world.tables.boot += 1
        self.start()

    @rule()
    def a_second_owner(self) -> None:
        """Another process takes the store over while this one goes on and does not know."""
        if self.old is not None:
            self.old.end()
        self.old = self.life
        self.world.tables.boot += 1
        self.start()

    def start(self) -> None:
        self.world.forget_cancels()
        self.life = Life(self.world, self.portal)

    @precondition(lambda self: self.old is not None)
    @rule(pick=PICK)
    def the_first_owner_goes_on(self, pick: int) -> None:
        """Its attempts end, it writes: nothing of that is on the disk, which knows a later boot."""
        assert self.old is not None
        before = self.world.appends()
        if self.old.attempts:
            self.old.answer(self.old.attempts[pick % len(self.old.attempts)], "succeeds")
        self.old.commit()
        assert self.world.appends() == before, "the append of an old boot was taken"

    # ------------------------------------------------------------------------------------------------------- promises

    @invariant()
    def nothing_is_done_without_its_reasons(self) -> None:
        """I2 to I5 and I7, at the moment of each effect."""
        assert self.world.errors == []

    @invariant()
    def limits_hold(self) -> None:
        """No more runs are at work than there are slots, those apart that are being ended (I8)."""
        ending = {run for run, _ in self.world.cancelled}
        at_work = {attempt.run for attempt in self.life.attempts} - ending
        assert len(at_work) <= SLOTS
        running = [each.row for each in self.world.tables.runs.values() if each.row.workflow == "narrow"]
        assert sum(row.state == "running" for row in running) <= 1

    @invariant()
    def a_key_has_one_run(self) -> None:
        """Whoever asks under a key, in whatever life of the daemon, is told of the same run (I9)."""
        assert [runs for runs in self.by_key.values() if len(runs) > 1] == []

    def teardown(self) -> None:
        """Every run that was accepted ends, if its attempts do; slots sum to zero."""
        try:
            if hasattr(self, "life"):
                self.let_end()
        finally:
            for life in (self.old, getattr(self, "life", None)):
                if life is not None:
                    life.end()
            self.loop.__exit__(None, None, None)

    def let_end(self) -> None:
        if self.life.store.degraded:
            self.life.store.mend_disk()
        for _ in range(300):
            self.life.commit()
            for attempt in list(self.life.attempts):
                self.life.answer(attempt, "succeeds")
            self.life.commit()
            if not self.life.attempts and not self.life.store.waiting:
                if all(entry.row.ended_at is not None for entry in self.world.tables.runs.values()):
                    break
                self.world.clock.step(2 * A_YEAR)
                self.advance(LONGEST_REST + 1)
        assert self.world.errors == []
        self.world.check_ends()
        assert self.life.engine.dispatcher._runs.free == SLOTS
        assert self.world.tables.parked == {}
        for error in self.life.refusals():
            assert isinstance(error, RefusedError | StoreError), error


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
