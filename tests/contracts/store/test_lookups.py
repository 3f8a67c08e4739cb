"""What a store is asked: lists, single runs, the last success, definitions, counts."""

import msgspec
import pytest

from runner.errors import StoreError
from runner.events import Parent, RunState, Stored
from runner.ports import Claimed, Last, Queued, RunChange, RunFilter, RunRow, Store
from tests.contracts.store.made import WORKFLOW, admission, admit, append, ended, sweep


@pytest.fixture
async def full(store: Store) -> Store:
    """Twelve runs of two workflows in every state, one of them a child."""
    for number in range(12):
        run, workflow = f"run-{number:02}", "a" if number % 2 else "b"
        parent = Parent("run-00", "call", 1) if number == 7 else None
        await admit(store, run, workflow=workflow, at=100.0 + number, start=number < 10, parent=parent)
        if number < 6:
            await store.append(ended(run, 2, ("succeeded", "failed", "cancelled")[number % 3]))
    return store


async def _ids(store: Store, wanted: RunFilter) -> list[str]:
    return [row.id.removeprefix("run-") for row in await store.find(wanted)]


class TestFind:
    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (RunFilter(), "11 10 09 08 07 06 05 04 03 02 01 00"),
            (RunFilter(limit=3), "11 10 09"),
            (RunFilter(limit=0), ""),
            (RunFilter(before="run-03"), "02 01 00"),
            (RunFilter(before="run-00"), ""),
            (RunFilter(workflow="a"), "11 09 07 05 03 01"),
            (RunFilter(workflow="nobody"), ""),
            (RunFilter(workflow="a", before="run-07", limit=2), "05 03"),
            (RunFilter(states=("queued",)), "11 10"),
            (RunFilter(states=("running",), limit=2), "09 08"),
            (RunFilter(states=("failed", "succeeded")), "04 03 01 00"),
            (RunFilter(states=("failed", "failed")), "04 01"),
            (RunFilter(states=("failed", "succeeded"), before="run-04", limit=2), "03 01"),
            (RunFilter(workflow="b", states=("failed",)), "04"),
            (RunFilter(workflow="a", states=("failed", "queued"), limit=2), "11 01"),
            (RunFilter(parent="run-00"), "07"),
            (RunFilter(parent="run-00", states=("running",)), "07"),
            (RunFilter(parent="run-00", states=("failed", "queued")), ""),
            (RunFilter(parent="run-00", workflow="b"), ""),
            (RunFilter(parent="run-00", before="run-07"), ""),
            (RunFilter(since="run-09"), "11 10 09"),
            (RunFilter(since="run-03", before="run-06", workflow="a"), "05 03"),
            (RunFilter(text="RUN-1"), "11 10"),
            (RunFilter(text="100%"), ""),
            (RunFilter(text="", workflow="b", limit=1), "10"),
            (RunFilter(trigger="hand", since="run-10"), "11 10"),
            (RunFilter(trigger="http"), ""),
        ],
    )
    async def test_runs_are_found_newest_first(self, full: Store, wanted: RunFilter, found: str) -> None:
        """Every condition alone and together, from the cursor on, as many as asked for."""
        assert await _ids(full, wanted) == found.split()

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (RunFilter(trigger="schedule"), "odd"),
            (RunFilter(label="team"), "odd even"),
            (RunFilter(label="team=orders"), "odd"),
            (RunFilter(label="orders"), ""),
            (RunFilter(label="team="), ""),
            (RunFilter(text="answered 503"), "even"),
            (RunFilter(text="FETCH"), "even"),
            (RunFilter(text="Größe"), "even"),
            (RunFilter(text="sync", trigger="http", states=("failed",)), "even"),
        ],
    )
    async def test_runs_are_found_by_what_started_them_their_labels_and_a_text(
        self, store: Store, wanted: RunFilter, found: str
    ) -> None:
        """A label by its name, or with its value; a text in the error, the action and the workflow, in any case."""
        await admit(store, "even", trigger="http", labels={"team": "billing"})
        await admit(store, "odd", trigger="schedule", labels={"team": "orders", "size": "1"})
        change = RunChange(state="failed", ended_at=9.0, error="GET h answered 503: Größe", failed_action="fetch")
        await store.append(append("even", 2, change=change))

        assert [row.id for row in await store.find(wanted)] == found.split()

    @pytest.mark.parametrize(
        ("before", "runs", "found"),
        [(None, 1, "run-11"), (None, 12, "run-00"), (None, 13, None), ("run-05", 2, "run-03"), ("run-00", 1, None)],
    )
    async def test_a_horizon_is_the_run_so_many_older(
        self, full: Store, before: str | None, runs: int, found: str | None
    ) -> None:
        """Than the newest or than the one given; where there are not so many there is none."""
        assert await full.horizon(before, runs) == found

    async def test_a_queued_run_says_why_it_waits(self, store: Store) -> None:
        """Held by its workflow's limit, or for a slot; the key that the limit counts by, and who goes first."""
        await admit(store, "held-0", key="eu", limit=1)
        await admit(store, "held-1", "held-2", key="eu", limit=1)
        await admit(store, "held-3", key="us", limit=1, start=False)
        await admit(store, "slot-1", "slot-2", start=False)

        assert await store.queued(["held-0", "held-1", "held-2", "held-3", "slot-2", "nobody"]) == {
            "held-1": Queued(held=True, ahead=0, limit=1, key="eu"),
            "held-2": Queued(held=True, ahead=1, limit=1, key="eu"),
            "held-3": Queued(held=False, ahead=0, limit=1, key="us"),
            "slot-2": Queued(held=False, ahead=2),
        }

    @pytest.mark.parametrize("states", [(), ("succeeded", "failed", "cancelled")])
    async def test_pages_follow_on_each_other(self, full: Store, states: tuple[RunState, ...]) -> None:
        """The cursor is the last id of a page; all pages together are the list, each run once."""
        pages: list[RunRow] = []
        before: str | None = None
        while page := await full.find(RunFilter(states=states, before=before, limit=5)):
            pages += page
            before = page[-1].id

        assert pages == await full.find(RunFilter(states=states))

    async def test_a_row_says_all_of_a_run(self, store: Store) -> None:
        """From its acceptance to its end, waiting in between."""
        await store.admit(admission("run-1", at=100.0, trigger="schedule", parent=Parent("run-0", "call", 1)))
        row = RunRow(
            id="run-1", workflow="sync", revision=WORKFLOW.revision, state="running", accepted_at=100.0, started_at=100.0,
            trigger="schedule", parent="run-0",
        )  # fmt: skip
        assert await store.find(RunFilter()) == [row]

        await store.append(append("run-1", 2, waiting=True))
        waiting = await store.get("run-1")
        assert waiting is not None
        assert waiting.waiting

        change = RunChange(
            state="failed", ended_at=300.0, output=b'{"a":1}', error="fetch: 503", failed_action="fetch", stopped_by="halt"
        )  # fmt: skip
        await store.append(append("run-1", 3, change=change, waiting=True))
        assert await store.find(RunFilter()) == [
            RunRow(
                id="run-1", workflow="sync", revision=WORKFLOW.revision, state="failed", accepted_at=100.0, started_at=100.0,
                ended_at=300.0, trigger="schedule", parent="run-0", output=b'{"a":1}', error="fetch: 503",
                failed_action="fetch", stopped_by="halt",
            )
        ]  # fmt: skip


class TestGet:
    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ("abcdef-1", "abcdef-1"),
            ("abcdef-", None),
            ("abcdef-2", "abcdef-22"),
            ("abcdefg", "abcdefgh"),
            ("ab", "ab"),
            ("xyz12", None),
            ("xyz123", "xyz1234"),
            ("%", None),
        ],
    )
    async def test_a_run_is_found_by_its_id_or_a_prefix_of_it(
        self, store: Store, asked: str, found: str | None
    ) -> None:
        """The prefix has at least six characters and fits one run only; a whole id counts before a prefix."""
        await admit(store, "abcdef-1", "abcdef-11", "abcdef-22", "abcdefgh", "ab", "xyz1234")

        row = await store.get(asked)

        assert (row.id if row is not None else None) == found


class TestLast:
    async def test_it_is_the_last_success_and_the_failures_since(self, store: Store) -> None:
        """Ends count in the order they came; a cancelled run is neither; another workflow's runs are none of this one's."""
        assert await store.last("sync") == Last(None, None, None, 0)
        await admit(store, *(f"run-{number}" for number in range(1, 7)))
        await admit(store, "other", workflow="other")

        await store.append(ended("run-1", 2, "failed"))
        assert await store.last("sync") == Last(None, None, None, 1)
        await store.append(ended("run-3", 2, output=b'{"newest":"2026-01-03"}'))
        await store.append(ended("run-4", 2, "failed"))
        await store.append(ended("run-5", 2, "cancelled"))
        await store.append(ended("other", 2))
        await store.append(ended("run-2", 2, "failed"))
        last = await store.last("sync")

        assert (last.run, last.started_at, last.failures) == ("run-3", 100.0, 2)
        assert last.output == Stored(json=msgspec.Raw(b'{"newest":"2026-01-03"}'))
        await store.append(ended("run-6", 2))
        assert await store.last("sync") == Last("run-6", 100.0, None, 0)

    async def test_ends_of_one_batch_count_in_their_order(self, store: Store) -> None:
        """Failed, succeeded, failed: the success is the last and one has failed since."""
        await admit(store, "run-1", "run-2", "run-3")

        store.append(ended("run-1", 2, "failed"))
        store.append(ended("run-2", 2))
        await store.append(ended("run-3", 2, "failed"))

        assert await store.last("sync") == Last("run-2", 100.0, None, 1)


class TestLive:
    async def test_it_is_what_neither_queues_nor_has_ended(self, full: Store) -> None:
        """Oldest first, a waiting run among them."""
        await full.append(append("run-08", 2, waiting=True))

        live = await full.live()

        assert [claimed.run for claimed in live] == ["run-06", "run-07", "run-08", "run-09"]
        assert live[1] == Claimed("run-07", "a", WORKFLOW.revision, Parent("run-00", "call", 1))
        assert [claimed.waiting for claimed in live] == [False, False, True, False]
        assert await full.live(after="run-06", most=2) == live[1:3]

    async def test_the_last_number_of_a_journal_needs_no_decoding(self, full: Store) -> None:
        """0 for a run that nobody knows."""
        assert [await full.last_seq(run) for run in ("run-00", "run-09", "nobody")] == [2, 1, 0]

    async def test_counts_are_by_state(self, full: Store) -> None:
        """A state that no run is in may be left out."""
        assert dict(await full.counts()) == {"succeeded": 2, "failed": 2, "cancelled": 2, "running": 4, "queued": 2}

    async def test_counts_follow_each_run(self, full: Store) -> None:
        """One that is claimed, ends, begins to wait, goes on after its end, or is deleted."""
        await full.claim(full.boot, 1)
        await full.append(ended("run-06", 2, "failed"))
        await full.append(append("run-08", 2, waiting=True))
        await full.append(append("run-01", 3, change=RunChange(state="running")))

        assert await full.counts() == {"succeeded": 2, "failed": 2, "cancelled": 2, "running": 5, "queued": 1}

        assert await sweep(full, 9e9) == 4
        assert await full.counts() == {"succeeded": 2, "running": 5, "queued": 1}


class TestDefinition:
    async def test_a_revision_is_kept_as_long_as_a_run_pins_it(self, store: Store) -> None:
        """It is the workflow that was admitted; one that no run had is an error that names it."""
        await admit(store, "run-1", "run-2")

        assert await store.definition(WORKFLOW.revision) == WORKFLOW
        with pytest.raises(StoreError, match=r"^revision 0123456789abcdef is not in the store$"):
            await store.definition("0123456789abcdef")
