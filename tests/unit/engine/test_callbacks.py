"""Questions that a run asks: where they are answered, how often, until when, and across kills."""

from contextlib import suppress
from typing import Any

import anyio
import msgspec
import pytest

from runner.engine.callbacks import Addresses, Asked
from runner.engine.limits import EngineLimits
from runner.errors import PermanentError, RefusedError, TemporaryError
from runner.events import Finished, Parked
from runner.ports import Call, RunFilter
from runner.secret import Secret
from runner.store.memory import MemoryStore
from runner.testing import FakeClock
from tests.unit.engine.fakes import Dying, WorkConfig
from tests.unit.engine.harness import Engine, FakeSealer, open_engine, settled

ASK = """
    actions:
      - {id: mail, type: work, config: {text: $run.callback.ask}}
      - {id: ask, type: wait, timeout: 1h, config: {callback: {ok: {type: boolean}, note: {type: string, default: none}}}}
    output: $action.ask
"""

GROUPS = """
    actions:
      - {id: early, type: work, config: {text: $run.callback.deep}}
      - id: outer
        type: group
        config:
          actions:
            - id: inner
              type: group
              retry: {max_attempts: 2, delay: 0s}
              config:
                actions:
                  - {id: deep, type: wait, timeout: 1h, config: {callback: {n: {type: integer}}}}
                  - {id: check, type: work, config: {value: $action.deep.n, text: $run.callback.deep}}
                output: $action.deep
          output: $action.inner
      - id: each
        type: group
        for_each: "[1, 2, 3]"
        config:
          actions:
            - {id: send, type: work, config: {text: $run.callback.sign}}
            - {id: sign, type: wait, config: {callback: {n: {type: integer}}}}
          output: $action.sign.n
    output: {deep: $action.outer, each: $action.each}
"""


class Mail:
    """Who gets the addresses; `doing` is called with each before the action that sent it has ended."""

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine
        self.got: dict[str, Asked] = {}
        self.early: dict[str, Any] = {}

    async def __call__(self, config: WorkConfig, call: Call) -> Any:
        written: Any = config.text
        text = written.reveal() if isinstance(written, Secret) else None
        if text is not None:
            self.got[call.place] = self.asked(text)
            if call.place in self.early and self.engine is not None:
                await give(self.engine, self.got[call.place], **self.early[call.place])
        if call.place.endswith("check") and "~" not in call.place:
            raise TemporaryError("503", kind="5xx")
        return config.value

    @staticmethod
    def asked(address: str) -> Asked:
        found = Addresses("http://runner.test", FakeSealer()).parse(address.rpartition("/")[2])
        assert found is not None
        return found


async def give(engine: Engine, asked: Asked, **values: Any) -> None:
    await engine.dispatcher.answers.give(asked, values, "callback")


async def refused(engine: Engine, asked: Asked, **values: Any) -> str:
    with pytest.raises(RefusedError) as error:
        await give(engine, asked, **values)
    return error.value.reason


async def output(engine: Engine, run: str) -> Any:
    row = await engine.ended(run)
    assert row.state == "succeeded", row.error
    end = await engine.store.end(run)
    return bytes(end.output.json)


async def waiting(engine: Engine) -> None:
    """Come back when a run lies in the store."""
    while not any(row.waiting for row in await engine.store.find(RunFilter())):
        await settled()


class TestAnswers:
    async def test_an_answer_ends_the_wait_with_its_fields(self) -> None:
        """Defaults filled in; the run lay in the store and had no slot."""
        mail = Mail()
        async with open_engine(answer=mail) as engine:
            engine.add(ASK)
            run = await engine.start()
            await waiting(engine)
            assert engine.dispatcher.live == 0
            await give(engine, mail.got["mail"], ok=True)

            assert await output(engine, run) == b'{"ok":true,"note":"none"}'
            assert await refused(engine, mail.got["mail"], ok=True) == "ended"

    async def test_an_answer_before_the_wait_is_kept(self) -> None:
        """Given while the action that sends the address is still under way; a second one comes too late."""
        mail = Mail()
        async with open_engine(answer=mail) as engine:
            mail.engine, mail.early = engine, {"mail": {"ok": False, "note": "early"}}
            engine.add(ASK)
            run = await engine.start()

            assert await output(engine, run) == b'{"ok":false,"note":"early"}'
            kinds = [type(event).__name__ for event in await engine.journal(run)]
            assert kinds.index("Parked") < kinds.index("Finished"), "the answer is there before the mail's end"

    async def test_of_answers_at_once_one_wins(self) -> None:
        """Ten at the same time to a run in the store: nine hear that it was answered."""
        mail = Mail()
        heard: list[str] = []
        async with open_engine(answer=mail) as engine:
            engine.add(ASK)
            run = await engine.start()
            await waiting(engine)

            async def one(number: int) -> None:
                try:
                    await give(engine, mail.got["mail"], ok=True, note=str(number))
                    heard.append("taken")
                except RefusedError as error:
                    heard.append(error.reason)

            async with anyio.create_task_group() as tasks:
                for number in range(10):
                    tasks.start_soon(one, number)
            await output(engine, run)

            assert sorted(heard) == ["answered"] * 9 + ["taken"]
            assert (
                sum(isinstance(event, Parked) and event.answer is not None for event in await engine.journal(run)) == 1
            )

    async def test_an_answer_that_does_not_fit_changes_nothing(self) -> None:
        """As inputs are: missing, unknown and of another type by name; then the right one is taken."""
        mail = Mail()
        async with open_engine(answer=mail) as engine:
            engine.add(ASK)
            run = await engine.start()
            await waiting(engine)
            with pytest.raises(RefusedError) as error:
                await give(engine, mail.got["mail"], note=5, oke=True)

            assert error.value.reason == "inputs"
            assert {each["path"] for each in error.value.errors} == {"inputs.ok", "inputs.note", "inputs.oke"}
            await give(engine, mail.got["mail"], ok=True)
            await output(engine, run)

    async def test_no_slot_is_needed_to_be_answered(self) -> None:
        """All slots are taken by a run that does not end: the answer is on disk, and used when there is a slot."""
        gate = anyio.Event()
        mail = Mail()

        async def answer(config: WorkConfig, call: Call) -> Any:
            if call.workflow == "busy":
                await gate.wait()
            return await mail(config, call)

        async with open_engine(answer=answer, limits=EngineLimits(max_concurrent_runs=1)) as engine:
            engine.add(ASK)
            engine.add("actions: [{id: hold, type: work, config: {}}]", "busy")
            run = await engine.start()
            await waiting(engine)
            await engine.start("busy")
            await give(engine, mail.got["mail"], ok=True)

            assert (await engine.store.get(run)).state == "running"
            assert await refused(engine, mail.got["mail"], ok=True) == "answered"
            assert engine.dispatcher.live == 1
            gate.set()
            await output(engine, run)

    async def test_a_secret_field_is_sealed_and_masked(self) -> None:
        """Neither the journal nor a later error holds it; a later action uses it."""
        text = """
            actions:
              - {id: ask, type: wait, config: {callback: {key: {type: string, secret: true}}}}
              - {id: use, type: work, config: {text: $action.ask.key}}
            output: $action.ask
        """
        async with open_engine() as engine:
            engine.add(text)
            run = await engine.start()
            await waiting(engine)
            asked = (await engine.dispatcher.answers.named(run, "ask")).asked
            await give(engine, asked, key="tortoise-shell-9")
            ended = await output(engine, run)

            assert ended == b'{"key":"[secret answer.key]"}'
            assert all(b"tortoise" not in append.events for append in engine.store.tables.journal[run].values())
            assert engine.work.configs[0].text.reveal() == "tortoise-shell-9"


class TestTimes:
    async def test_after_its_time_it_is_too_late(self) -> None:
        """The action fails as `timeout`; whoever comes then hears that the time is over, even before the run heard."""
        clock, mail = FakeClock(), Mail()
        async with open_engine(answer=mail, clock=clock) as engine:
            engine.add(ASK)
            run = await engine.start()
            await waiting(engine)
            clock.step(3600)

            assert await refused(engine, mail.got["mail"], ok=True) == "expired"
            await clock.advance(40)
            row = await engine.ended(run)
            assert (row.state, row.failed_action) == ("failed", "ask")
            end = next(event for event in reversed(await engine.journal(run)) if isinstance(event, Finished))
            assert end.error is not None
            assert end.error.type == "timeout"
            assert await refused(engine, mail.got["mail"], ok=True) == "ended"

    async def test_a_rerun_after_the_time_asks_at_the_same_address(self) -> None:
        """The action goes on, so the link that was sent is good again, once."""
        clock, mail = FakeClock(), Mail()
        async with open_engine(answer=mail, clock=clock) as engine:
            engine.add(ASK)
            run = await engine.start()
            await waiting(engine)
            await clock.advance(3601)
            await engine.ended(run)
            await engine.dispatcher.rerun(run)
            await waiting(engine)
            await give(engine, mail.got["mail"], ok=True)

            await output(engine, run)
            assert engine.work.count("mail") == 1

    async def test_a_new_generation_has_a_new_address_and_the_used_one_is_spent(self) -> None:
        """`--from mail`: what was answered before answers nothing now."""
        mail = Mail()
        async with open_engine(answer=mail) as engine:
            engine.add(ASK)
            run = await engine.start()
            await waiting(engine)
            first = mail.got["mail"]
            await give(engine, first, ok=True)
            await output(engine, run)
            await engine.dispatcher.rerun(run, "mail")
            await waiting(engine)

            assert mail.got["mail"] != first
            assert await refused(engine, first, ok=True) == "answered"
            await give(engine, mail.got["mail"], ok=False)
            assert await output(engine, run) == b'{"ok":false,"note":"none"}'

    async def test_an_early_answer_stays_over_a_failure_before_the_wait(self) -> None:
        """The run failed on its way to the question; the rerun finds the answer."""
        text = ASK.replace("- {id: ask,", "- {id: stumble, type: work, config: {value: 1}}\n      - {id: ask,")
        mail, broken = Mail(), [True, False]

        async def answer(config: WorkConfig, call: Call) -> Any:
            if call.place == "stumble" and broken.pop(0):
                raise PermanentError("no", kind="value")
            return await mail(config, call)

        async with open_engine(answer=answer) as engine:
            mail.engine, mail.early = engine, {"mail": {"ok": True}}
            engine.add(text)
            run = await engine.start()
            assert (await engine.ended(run)).failed_action == "stumble"
            await engine.dispatcher.rerun(run)
            await output(engine, run)

            assert engine.work.count("mail") == 1

    async def test_a_cancelled_run_asks_nothing(self) -> None:
        """Neither while its `finally` goes on nor after its end."""
        gate, mail = anyio.Event(), Mail()

        async def answer(config: WorkConfig, call: Call) -> Any:
            if call.place == "tidy":
                await gate.wait()
            return await mail(config, call)

        async with open_engine(answer=answer) as engine:
            engine.add(ASK + "    finally: [{id: tidy, type: work, config: {}}]\n")
            run = await engine.start()
            await waiting(engine)
            await engine.dispatcher.cancel_durably(run, "ann")
            while not engine.work.count("tidy"):
                await settled()

            assert await refused(engine, mail.got["mail"], ok=True) == "ended"
            gate.set()
            assert (await engine.ended(run)).state == "cancelled"
            assert await refused(engine, mail.got["mail"], ok=True) == "ended"


class TestPlaces:
    async def test_each_place_has_an_address_of_its_own(self) -> None:
        """Inside groups from outside, in each attempt of a group, in each item."""
        mail = Mail()
        async with open_engine(answer=mail) as engine:
            engine.add(GROUPS)
            run = await engine.start()
            await waiting(engine)
            await give(engine, mail.got["early"], n=1)
            while [due.place for due in await engine.store.asking(9)] != ["outer/inner~2/deep"]:
                await settled()
            second = mail.got["outer/inner/check"]
            assert mail.got["early"] == second == Asked(run, "outer/inner/deep", 1)
            again = (await engine.dispatcher.answers.named(run, "deep")).asked
            assert again.place == "outer/inner~2/deep"
            await give(engine, again, n=2)
            while len(mail.got) < 6:
                await settled()
            with pytest.raises(RefusedError, match=r"waits at 3 places, name one: each\[0\]/sign, each\[1\]/sign"):
                await engine.dispatcher.answers.named(run, "sign")
            for index in (2, 0, 1):
                await give(engine, mail.got[f"each[{index}]/send"], n=10 * index)
            ended = await output(engine, run)

            assert ended == b'{"deep":{"n":2},"each":[0,10,20]}'

    @pytest.mark.parametrize("place", ["nowhere", "mail", "ask[0]", "ask/x", "", "ask~2", "mail/ask"])
    async def test_where_nothing_asks_there_is_no_question(self, place: str) -> None:
        """Also for an address that was made for a revision of another shape."""
        async with open_engine() as engine:
            engine.add(ASK)
            run = await engine.start()
            await waiting(engine)

            assert await refused(engine, Asked(run, place, 1), ok=True) == "unknown"
            with pytest.raises(RefusedError, match="asks nothing at"):
                await engine.dispatcher.answers.named(run, place)


class TestAddresses:
    def test_a_token_that_was_not_made_here_means_nothing(self) -> None:
        """Every character of it counts, and no other spelling of it does."""
        addresses = Addresses("http://runner.test", FakeSealer())
        asked = Asked("01hrun", "each[3]/äsk", 2)
        token = addresses.address(asked).rpartition("/")[2]
        changed = [token[:at] + ("B" if token[at] == "A" else "A") + token[at + 1 :] for at in range(len(token))]

        assert addresses.parse(token) == asked
        assert [addresses.parse(each) for each in changed] == [None] * len(token)
        for other in (
            "",
            ".",
            "..",
            token.upper(),
            token + "=",
            token + " ",
            f"{token}.",
            token[:-1],
            "é" * 40,
            "\ud800",
        ):
            assert addresses.parse(other) is None

    def test_a_token_is_of_its_installation(self) -> None:
        """The same question under another key has another address."""

        class Other(FakeSealer):
            def idempotency_key(self, *parts: str) -> str:
                return super().idempotency_key("other", *parts)

        made = Addresses("", FakeSealer()).address(Asked("r", "ask", 1)).rpartition("/")[2]

        assert Addresses("", Other()).parse(made) is None


class TestKills:
    @pytest.mark.parametrize("writes", range(2, 9))
    @pytest.mark.parametrize("early", [True, False])
    async def test_an_answer_that_was_acknowledged_is_used_across_a_kill_at_each_write(
        self, writes: int, *, early: bool
    ) -> None:
        """Whoever heard that it is taken finds it used once; whoever did not can answer again."""
        clock, mail = FakeClock(), Mail()
        taken = False
        store = Dying(clock, writes)

        async def answer(config: WorkConfig, call: Call) -> Any:
            nonlocal taken
            value = await mail(config, call)
            if early and not taken and not config.value:
                with anyio.move_on_after(0.2):
                    await give(first, mail.got["mail"], ok=True)
                    taken = True
            return value

        async with open_engine(clock=clock, store=store, answer=answer) as first:
            first.add(ASK)
            run = await first.start()
            for _ in range(3):
                await settled()
            if not early and "mail" in mail.got:
                with anyio.move_on_after(0.2):
                    await give(first, mail.got["mail"], ok=True)
                    taken = True
                await settled()
        after = store.crash()
        after._auto_commit = True
        async with open_engine(clock=clock, store=after, answer=mail) as second:
            second.add(ASK)
            await second.dispatcher.recover()
            while not any(row.ended_at or row.waiting for row in await after.find(RunFilter())):
                await settled()
            if not taken:
                with suppress(RefusedError):  # it is on disk, and nobody heard so
                    await give(second, mail.got["mail"], ok=True)
            with anyio.fail_after(5):
                assert msgspec.json.decode(await output(second, run)) == {"ok": True, "note": "none"}
            answers = [
                each for each in await second.journal(run) if isinstance(each, Parked) and each.answer is not None
            ]
            assert len(answers) == 1

    async def test_an_answer_while_the_run_is_taken_up_again_comes_after_what_was_cut_off(self) -> None:
        """A run that was killed in flight is answered before recovery has come to it: it is recovered all the same."""
        text = """
            actions:
              - {id: slow, type: work, needs: [], on_interrupt: fail, on_error: continue, config: {}}
              - {id: ask, type: wait, needs: [], config: {callback: {ok: {type: boolean}}}}
        """
        gate, clock = anyio.Event(), FakeClock()

        async def hangs(config: WorkConfig, call: Call) -> Any:
            await gate.wait()

        store = MemoryStore(clock=clock)
        async with open_engine(clock=clock, store=store, answer=hangs) as first:
            first.add(text)
            run = await first.start()
            while not first.work.count("slow"):
                await settled()
        async with open_engine(clock=clock, store=store.crash()) as second:
            second.add(text)
            await second.dispatcher.recover()
            await give(second, Asked(run, "ask", 1), ok=True)
            row = await second.ended(run)

            assert row.state == "succeeded"
            assert second.work.count("slow") == 0, "an attempt that must not be repeated was"
