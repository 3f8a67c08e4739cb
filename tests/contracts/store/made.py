"""
Short ways to say what the tests of the stores hand over: admissions, appends, ends.
"""

from typing import Any, Literal

import msgspec

from runner.definitions.model import Body, Workflow
from runner.events import Ended, Stored, encode
from runner.ports import Admission, Append, Park, RunChange, Store, Swept

WORKFLOW = Workflow(name="sync", body=Body(actions=()))

NOTHING = encode(())


def admission(run: str, workflow: str = "sync", *, boot: int = 1, at: float = 100.0, **more: Any) -> Admission:
    """A run that asks to be accepted at `at`."""
    first = append(run, 1, boot=boot, at=at)
    made = Admission(
        run=run, workflow=workflow, revision=WORKFLOW.revision, definition=WORKFLOW.encode(), first=first
    )  # fmt: skip
    return msgspec.structs.replace(made, **more)


def append(run: str, seq: int, *, boot: int = 1, at: float = 200.0, **more: Any) -> Append:
    """An append without events, unless given."""
    return Append(**{"run": run, "boot": boot, "seq": seq, "at": at, "events": NOTHING, **more})


def ended(
    run: str,
    seq: int,
    state: Literal["succeeded", "failed", "cancelled"] = "succeeded",
    *,
    boot: int = 1,
    at: float = 300.0,
    output: bytes | None = None,
) -> Append:
    """The append that ends a run."""
    stored = None if output is None else Stored(json=msgspec.Raw(output))
    events = encode((Ended(at=at, state=state, output=stored),))
    change = RunChange(state=state, ended_at=at, output=output)
    return append(run, seq, boot=boot, at=at, events=events, change=change)


def parked(run: str, seq: int, *parks: Park, boot: int = 1, unparks: tuple[str, ...] = ()) -> Append:
    """The append with which a run begins to wait."""
    return append(run, seq, boot=boot, parks=parks, unparks=unparks, waiting=bool(parks))


async def admit(store: Store, *runs: str, **more: Any) -> list[str]:
    """Admit some runs one after the other; their verdicts."""
    return [(await store.admit(admission(run, boot=store.boot, **more))).verdict for run in runs]


async def claim(store: Store, most: int = 100) -> list[str]:
    """The ids of the runs that are claimed."""
    return [claimed.run for claimed in await store.claim(store.boot, most)]


async def state(store: Store, run: str) -> str:
    """The state of a run."""
    row = await store.get(run)
    assert row is not None
    return row.state


async def next_due(store: Store) -> float | None:
    """When the earliest parked place is due."""
    earliest = await store.due(float("inf"), 1)
    return earliest[0].due if earliest else None


async def sweep(store: Store, before: float) -> int:
    """Slices until it is through; how many runs are gone."""
    swept, runs = Swept(0, ""), 0
    while swept.after is not None:
        swept = await store.sweep(before, swept.after)
        runs += swept.runs
    return runs
