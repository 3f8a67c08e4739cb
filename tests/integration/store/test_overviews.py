"""What pages are told of workflows: strips, revisions, where it broke."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner.overviews import Strip, Turn
from runner.ports import RunChange
from runner.store.sqlite import SqliteStore, open_store
from tests.contracts.store.made import WORKFLOW, admission, append, ended


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store lies."""
    return tmp_path / "runs.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    """An empty store."""
    async with open_store(path) as opened:
        yield opened


async def ran(store: SqliteStore, run: str, workflow: str, state: str, *, revision: int = 1) -> None:
    """A run that was accepted, and ended unless it is to be running or queued."""
    definition = msgspec.structs.replace(WORKFLOW, name=workflow, description=str(revision))
    await store.admit(
        admission(
            run,
            workflow,
            boot=store.boot,
            revision=definition.revision,
            definition=definition.encode(),
            start=state != "queued",
            first=append(run, 1, boot=store.boot, at=float(run[1:])),
        )
    )
    if state == "failed":
        change = RunChange(state="failed", ended_at=9.0, error="e" * 2000, failed_action="a")
        await store.append(append(run, 2, boot=store.boot, change=change))
    elif state in {"succeeded", "cancelled"}:
        await store.append(
            ended(run, 2, "succeeded" if state == "succeeded" else "cancelled", boot=store.boot, output=b"1")
        )


def told(strip: Strip) -> list[tuple[str, str]]:
    """The runs of a strip."""
    return [(run.id, run.state) for run in strip.runs]


async def test_a_strip_is_the_newest_runs_and_the_last_failed_one(store: SqliteStore) -> None:
    """For each of the workflows asked for, in any state, newest first; no output, and of an error the beginning."""
    await ran(store, "r01", "a", "failed")
    for number, state in enumerate(("succeeded", "cancelled", "succeeded", "running", "queued"), 2):
        await ran(store, f"r0{number}", "a", state)
    for run in ("r10", "r11", "r12", "r13"):
        await ran(store, run, "b", "succeeded")
    await ran(store, "r14", "c", "succeeded")

    strips = await store.overviews.strips(["a", "b", "none"], 3)

    assert set(strips) == {"a", "b"}
    assert told(strips["a"]) == [("r06", "queued"), ("r05", "running"), ("r04", "succeeded")]
    failed = strips["a"].failed
    assert failed is not None
    assert (failed.id, failed.error, failed.failed_action) == ("r01", "e" * 500, "a")
    assert told(strips["b"]) == [("r13", "succeeded"), ("r12", "succeeded"), ("r11", "succeeded")]
    assert {run.output for strip in strips.values() for run in strip.runs} == {None}


async def test_revisions_are_told_by_the_runs_that_had_them(store: SqliteStore) -> None:
    """The one that ran last first, with its first and last time; not those of another workflow."""
    for number, revision in enumerate((1, 1, 2, 1), 1):
        await ran(store, f"r{number}", "a", "succeeded", revision=revision)
    await ran(store, "r5", "b", "succeeded", revision=3)

    found = await store.overviews.revisions("a", 20)
    latest = await store.overviews.revisions("a", 1)

    assert [(row.first_at, row.last_at, row.last_run) for row in found] == [(1.0, 4.0, "r4"), (3.0, 3.0, "r3")]
    assert (await store.definition(found[1].revision)).description == "2"
    assert list(latest) == [found[0]]


async def test_the_turn_is_the_first_failure_after_the_last_success(store: SqliteStore) -> None:
    """Earlier failures and later ones do not count; without either end there is none."""
    await ran(store, "r1", "a", "failed")
    before = await store.overviews.turn("a")
    await ran(store, "r2", "a", "succeeded")
    fine = await store.overviews.turn("a")
    await ran(store, "r3", "a", "cancelled")
    await ran(store, "r4", "a", "failed")
    await ran(store, "r5", "a", "failed")
    turn = await store.overviews.turn("a")

    assert before is fine is None
    assert isinstance(turn, Turn)
    assert (turn.succeeded.id, turn.failed.id) == ("r2", "r4")


async def test_a_run_that_is_being_deleted_is_in_no_strip(store: SqliteStore, path: Path) -> None:
    """As it is in no list."""
    await ran(store, "r1", "a", "failed")
    await ran(store, "r2", "a", "succeeded")
    with closing(sqlite3.connect(path)) as other:
        other.execute("insert into swept (run) values ('r1')")
        other.commit()

    strips = await store.overviews.strips(["a"], 20)

    assert told(strips["a"]) == [("r2", "succeeded")]
    assert strips["a"].failed is None


async def test_no_statement_walks_through_a_table(store: SqliteStore, path: Path) -> None:
    """Each is answered from indexes, in a store of any size."""
    values: dict[str, Any] = {
        "strips": {"workflows": "[]", "most": 1},
        "turn": {"workflow": "a"},
        "revisions": ("a", 1),
    }
    with closing(sqlite3.connect(path)) as other:
        plans = {
            name: [row[3] for row in other.execute(f"explain query plan {store.overviews.statements[name]}", bound)]
            for name, bound in values.items()
        }

    scans = [step for steps in plans.values() for step in steps if step.startswith("SCAN")]
    assert [step for step in scans if not step.startswith(("SCAN named", "SCAN (subquery"))] == []
