"""Effects that nobody knows, reads that fail, journals that nobody can read: what the engine does then."""

import msgspec
import pytest

from runner.errors import RefusedError, StoreReadError, TemporaryError
from runner.events import Ended, Finished
from runner.ports import Call
from tests.unit.engine.fakes import WorkConfig
from tests.unit.engine.harness import Engine, open_engine, settled

RETRIED = """
    actions:
      - {id: post, type: work, config: {}, retry: {max_attempts: 3, delay: 0s, backoff: constant}}
"""
IN_GROUP = """
    actions:
      - id: around
        type: group
        retry: {max_attempts: 3, delay: 0s, backoff: constant}
        config: {actions: [{id: post, type: work, config: {}}]}
"""


@pytest.mark.parametrize(("keyed", "attempts"), [(True, 3), (False, 1)])
async def test_an_unknown_effect_is_tried_again_only_with_a_key(keyed: bool, attempts: int) -> None:  # noqa: FBT001  a parameter
    """The peer knows a keyed request again; without a key a second one could double what the first one did."""

    async def answer(config: WorkConfig, call: Call) -> None:
        if keyed:
            call.idempotency_key()
        raise TemporaryError("no answer", kind="timeout", effect="unknown")

    async with open_engine(answer=answer) as engine:
        row = await engine.run(RETRIED)
        assert row.state == "failed"
        assert engine.work.count("post") == attempts
        ends = [event for event in await engine.journal(row.id) if isinstance(event, Finished)]
        assert {event.effect for event in ends} == {"unknown"}


@pytest.mark.parametrize(("effect", "attempts"), [("none", 3), ("unknown", 1)])
async def test_a_group_is_not_tried_again_over_an_unknown_effect(effect: str, attempts: int) -> None:
    """Its next attempt has new places and so new keys: not even a keyed peer would know the request again."""

    async def answer(config: WorkConfig, call: Call) -> None:
        call.idempotency_key()
        raise TemporaryError("no answer", kind="timeout", effect="unknown" if effect == "unknown" else "none")

    async with open_engine(answer=answer) as engine:
        assert (await engine.run(IN_GROUP)).state == "failed"
        assert len(engine.work.calls) == attempts


async def test_each_attempt_of_a_workflow_action_has_a_child_of_its_own() -> None:
    """The first one has failed for good; the second attempt calls another, which is the same again over a resume."""
    asked: list[str] = []

    async def answer(config: WorkConfig, call: Call) -> None:
        asked.append(call.run)
        if len(asked) == 1:
            raise TemporaryError("503", kind="5xx")

    async with open_engine(answer=answer) as engine:
        engine.add("actions: [{id: a, type: work, config: {}}]", "inner")
        row = await engine.run("""
            actions:
              - id: call
                type: workflow
                config: {name: inner}
                retry: {max_attempts: 2, delay: 0s, backoff: constant}
        """)
        assert row.state == "succeeded"
        assert len(set(asked)) == 2


class TestTakingUp:
    """A run that lies in the store is taken up."""

    async def test_a_journal_that_nobody_can_read_is_failed_by_that_name(self) -> None:
        """Where not even its events decode; the run beside it goes on."""
        async with open_engine() as engine:
            broken, fine = [await _parked(engine, name) for name in ("one", "two")]
            appends = engine.store.tables.journal[broken]
            appends[2] = msgspec.structs.replace(appends[2], events=b"{")
            engine.dispatcher.wake(broken, "rest")
            row = await engine.ended(broken)
            assert (row.state, "journal cannot be used" in row.error) == ("failed", True)
            assert await engine.dispatcher.cancel_durably(fine, "me") == fine
            assert (await engine.ended(fine)).state == "cancelled"

    async def test_a_read_that_fails_ends_nothing(self) -> None:
        """The run lies as it is, whoever asked for its end is told, the others go on."""
        async with open_engine() as engine:
            run = await _parked(engine, "one")
            read, engine.store.read = engine.store.read, _refuse
            with pytest.raises(StoreReadError):
                await engine.dispatcher._loader.stored(run)
            engine.dispatcher.wake(run, "rest")
            await settled()
            row = await engine.store.get(run)
            assert row.state == "running"
            engine.store.read = read
            assert await engine.dispatcher.cancel_durably(run, "me") == run
            assert (await engine.ended(run)).state == "cancelled"


class TestCancel:
    """Somebody asks a run to end."""

    async def test_it_is_on_disk_before_the_answer(self) -> None:
        """By a prefix of its id; the journal says by whom."""
        async with open_engine() as engine:
            run = await _parked(engine, "one")
            assert await engine.dispatcher.cancel_durably(run[:12], "me") == run
            assert '"by":"me"' in msgspec.json.encode([r.events for r in await engine.store.read(run)]).decode()
            assert (await engine.ended(run)).state == "cancelled"

    async def test_a_late_one_is_refused(self) -> None:
        """The first end wins; an id that nobody bears is refused as unknown."""
        async with open_engine() as engine:
            row = await engine.run("actions: [{id: a, type: work, config: {}}]")
            with pytest.raises(RefusedError, match="has ended") as late:
                await engine.dispatcher.cancel_durably(row.id, "me")
            with pytest.raises(RefusedError, match="no run") as unknown:
                await engine.dispatcher.cancel_durably("zzzzzzzz", "me")
            assert (late.value.reason, unknown.value.reason) == ("ended", "unknown")
            assert sum(isinstance(event, Ended) for event in await engine.journal(row.id)) == 1


async def _refuse(run: str) -> None:
    raise StoreReadError(f"the store cannot be read for {run}")


async def _parked(engine: Engine, name: str) -> str:
    engine.add("actions: [{id: rest, type: wait, config: {for: 1h}}]", name)
    run = await engine.start(name)
    while engine.dispatcher.live:
        await settled()
    return run
