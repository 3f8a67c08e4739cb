"""A run without a daemon sees only what it accepted itself."""

import msgspec

from runner.daemon.alone import OwnRuns
from runner.definitions.model import Action, Body, Workflow
from runner.events import Accepted, Parked, Started, Stored, encode
from runner.ports import Admission, Append, Park
from runner.store.memory import MemoryStore

WORKFLOW = Workflow(name="w", body=Body(actions=(Action(id="rest", type="wait", config={"for": "1m"}),)))
NOTHING = Stored(json=msgspec.Raw(b"null"))


def admission(run: str, boot: int, *, start: bool = True) -> Admission:
    """A run that asks to be accepted."""
    first = Accepted(1.0, "w", WORKFLOW.revision, NOTHING, NOTHING)
    append = Append(run=run, boot=boot, seq=1, at=1.0, events=encode((first,)))
    definition = WORKFLOW.encode()
    return Admission(
        run=run, workflow="w", revision=WORKFLOW.revision, definition=definition, first=append, limit=9, start=start
    )


def waits(run: str, boot: int) -> Append:
    """The run parks at `rest`, due at 5."""
    events = encode((Started(2.0, "rest", 1), Parked(2.0, "rest", until=5.0)))
    return Append(run=run, boot=boot, seq=2, at=2.0, events=events, parks=(Park("rest", 5.0),), waiting=True)


async def test_only_its_own_parked_places_are_due() -> None:
    """Those of a run that a dead daemon left stay asleep."""
    store = MemoryStore()
    own = OwnRuns(store)
    await store.admit(admission("left", store.boot))
    await own.admit(admission("mine", store.boot))
    for run in ("left", "mine"):
        await store.append(waits(run, store.boot))

    assert [due.run for due in await store.due(9.0, 10)] == ["left", "mine"]
    assert [due.run for due in await own.due(9.0, 10)] == ["mine"]


async def test_only_its_own_queued_runs_are_taken_up() -> None:
    """What else the store hands out is left to the next start, which finds it live."""
    store = MemoryStore()
    own = OwnRuns(store)
    await store.admit(admission("left", store.boot, start=False))
    await own.admit(admission("mine", store.boot, start=False))
    claimed = await own.claim(store.boot, 10)

    assert [claim.run for claim in claimed] == ["mine"]
    assert "left" in {claim.run for claim in await store.live()}
