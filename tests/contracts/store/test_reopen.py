"""An ended run goes on: its row, its lane and its journal change as one."""

import pytest

from runner.errors import RefusedError, StoreFencedError
from runner.events import Rerun, encode
from runner.ports import Append, Reopening, RunChange, Store
from tests.contracts.store.made import admit, append, claim, ended, state


def again(run: str, seq: int, *, boot: int = 1, start: bool = True) -> Reopening:
    """The run asks to go on."""
    change = Append(run=run, boot=boot, seq=seq, at=50.0, events=encode((Rerun(50.0, 2),)))
    return Reopening(append=change, start=start, max_queued=1)


async def test_it_is_running_again_with_its_journal(store: Store) -> None:
    """Its end is no more in its row; it may end anew."""
    await admit(store, "run-1", at=7.0)
    await store.append(ended("run-1", 2, "failed"))

    assert (await store.reopen(again("run-1", 3))).verdict == "running"

    row = await store.get("run-1")
    assert row is not None
    assert (row.state, row.ended_at, row.error, row.started_at) == ("running", None, None, 7.0)
    assert row.generation == 2
    assert [each.seq for each in await store.read("run-1")] == [1, 2, 3]
    await store.append(ended("run-1", 4, "succeeded"))
    assert (await store.last("sync")).failures == 0


@pytest.mark.parametrize("start", [True, False])
async def test_it_has_a_place_in_its_lane_or_is_held(store: Store, start: bool) -> None:  # noqa: FBT001  a parameter
    """Queued where there is room but no slot; held behind whoever has the place, then claimed; a full queue refuses."""
    await admit(store, "run-1", "run-2", limit=1)
    await store.append(ended("run-1", 2, "failed"))
    assert (await store.reopen(again("run-1", 3))).verdict == "queued"
    with pytest.raises(RefusedError, match="run-1 is queued"):
        await store.reopen(again("run-1", 4, start=start))
    assert await claim(store) == ["run-2"]
    await store.append(ended("run-2", 2, "succeeded"))
    before = await store.get("run-1")
    (claimed,) = await store.claim(1, 10)
    assert (claimed.run, claimed.only) == ("run-1", None), "its journal is more than one append, and is to be read"
    after = await store.get("run-1")
    assert before is not None
    assert after is not None
    assert after.started_at == before.started_at


async def test_what_has_not_ended_is_refused_and_not_harmed(store: Store) -> None:
    """A live run, one that is not there; an old boot. The live one goes on to append."""
    await admit(store, "run-1")
    with pytest.raises(RefusedError, match="run-1 is running"):
        await store.reopen(again("run-1", 2))
    with pytest.raises(RefusedError, match="no run"):
        await store.reopen(again("nobody", 2))
    await store.append(append("run-1", 2, change=RunChange(state="failed", ended_at=9.0)))
    with pytest.raises(StoreFencedError):
        await store.reopen(again("run-1", 3, boot=0))
    assert await state(store, "run-1") == "failed"
