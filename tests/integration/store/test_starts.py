"""Starts that ended without a stop: how many in a row, and which runs are held for it."""

from pathlib import Path

import pytest

from runner.events import AnyEvent, Finished, Recovered, Settled, Started, encode
from runner.store.sqlite import open_store
from runner.suspects import Begun, Suspect
from tests.contracts.store.made import admission, append, ended


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store lies."""
    return tmp_path / "runs.db"


async def begin(path: Path, *, admit: tuple[str, ...] = (), stop: bool = False, tested: str = "") -> Begun:
    """One start: what it found; then it takes runs, tries one, is stopped or is killed."""
    async with open_store(path) as store:
        begun = await store.starts.begin()
        for run in admit:
            await store.admit(admission(run, boot=store.boot))
        if tested:
            await store.starts.test(tested, 5.0)
        if stop:
            await store.starts.stop()
        return begun


async def test_a_loop_of_clean_stops_counts_nothing(path: Path) -> None:
    """Twenty deploys with a run in flight: no suspect, whatever lay in the store."""
    await begin(path, admit=("run-1",))
    assert await begin(path, stop=True) == Begun(1, (Suspect("run-1", 1),))
    for _ in range(20):
        assert await begin(path, stop=True) == Begun(0)


async def test_after_two_kills_all_that_was_in_flight_is_held(path: Path) -> None:
    """A run that only waits is not; the one that had its turn comes first, and its kills alone count."""
    await begin(path, admit=("run-1", "run-2", "run-3"))
    async with open_store(path) as store:
        await store.append(append("run-3", 2, boot=store.boot, waiting=True))
    assert await begin(path) == Begun(1)
    held = Begun(2, (Suspect("run-1", 0), Suspect("run-2", 0)), one_at_a_time=True)
    assert await begin(path, tested="run-2") == held
    for kills in (1, 2, 3):
        begun = await begin(path, tested="run-2")
        suspects = (Suspect("run-2", kills), Suspect("run-1", 0))
        assert begun == Begun(2 + kills, suspects, one_at_a_time=True, alone=True)


async def test_a_new_run_beside_it_makes_it_not_alone(path: Path) -> None:
    """The kill counts for neither of them; both are held at the next start, which tries the first with nothing beside it."""
    await begin(path, admit=("run-1",))
    await begin(path)
    begun = await begin(path, tested="run-1", admit=("run-9",))
    assert begun == Begun(2, (Suspect("run-1", 2),), one_at_a_time=True)

    begun = await begin(path, tested="run-1")
    assert begun == Begun(3, (Suspect("run-1", 2), Suspect("run-9", 0)), one_at_a_time=True, alone=True)
    begun = await begin(path)
    assert begun == Begun(4, (Suspect("run-1", 3), Suspect("run-9", 0)), one_at_a_time=True, alone=True)


async def test_who_had_no_turn_has_none_alone(path: Path) -> None:
    """A suspect that still waited for its turn at the kill, one that ended in its turn, and one of a start that lived long."""
    await begin(path, admit=("run-1", "run-2"))
    await begin(path)
    await begin(path)
    assert not (await begin(path, tested="run-1")).alone
    async with open_store(path) as store:
        await store.append(ended("run-1", 2, boot=store.boot))
    assert not (await begin(path, tested="run-2")).alone
    async with open_store(path) as store:
        assert (await store.starts.begin()).alone
        await store.starts.test("run-2", 9.0)
        await store.starts.lived()
    assert [(await begin(path)).alone for _ in range(2)] == [False, False]


async def test_a_run_that_gets_further_between_kills_is_not_why(path: Path) -> None:
    """A success, or what is settled, begins its count anew; an attempt that failed, or was taken up again, does not."""
    await begin(path, admit=("run-1",))
    got_further: tuple[AnyEvent, ...] = (Finished(5.0, "a", 1, "succeeded"), Settled(5.0, "b", "succeeded"))
    got_nowhere: tuple[AnyEvent, ...] = (Recovered(5.0, 2), Started(5.0, "c", 1), Finished(5.0, "c", 1, "failed"))
    kills = []
    for seq, event in enumerate((*got_nowhere, *got_further), 2):
        begun = await begin(path, tested="run-1")
        kills += [suspect.kills for suspect in begun.suspects]
        async with open_store(path) as store:
            await store.append(append("run-1", seq, boot=store.boot, events=encode((event,))))
    begun = await begin(path)

    assert [*kills, *(suspect.kills for suspect in begun.suspects)] == [1, 2, 3, 4, 1, 1]


async def test_a_start_that_lived_long_begins_a_new_count(path: Path) -> None:
    """Neither starts nor kills before it count."""
    await begin(path, admit=("run-1",))
    await begin(path)
    async with open_store(path) as store:
        await store.starts.begin()
        await store.starts.lived()
    assert await begin(path) == Begun(1, (Suspect("run-1", 0),))
