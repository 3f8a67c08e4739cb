"""
Each example of `workflows/` does what its head says: the real engine and the real executors, a real HTTP server and real databases.

    text of the file, 127.0.0.1:8080 → the test's server ──load──► engine ──► SQLite in tmp_path, or PostgreSQL

What is a fake is what an example cannot tell apart: the store in memory, secrets from a mapping.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiosqlite
import anyio
import asyncpg
import msgspec
import pytest
from aiohttp import web

from runner.clock import SystemClock
from runner.definitions.load import load_text
from runner.definitions.model import Workflow
from runner.engine.admission import Admissions, Submission
from runner.engine.callbacks import Addresses
from runner.engine.dispatcher import Dispatcher, open_dispatcher
from runner.engine.limits import EngineLimits
from runner.engine.services import Services
from runner.events import About, AnyEvent, Parked
from runner.executors import action_types
from runner.expressions.labels import Labelled
from runner.ports import ExecutorLimits, RunRow
from runner.redaction import Redactor
from runner.store.memory import MemoryStore
from runner.testing import FakeDestinations
from tests.conftest import OpenServer
from tests.services.http_server import HttpServer
from tests.unit.engine.harness import Events, FakeResolver, FakeSealer

EXAMPLES = Path(__file__).parents[1] / "workflows"


class Rests(Events):
    """What was published, and an event for the first run that goes to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.one_rests = anyio.Event()

    def publish(self, run: str, workflow: str, event: AnyEvent, about: About) -> None:
        super().publish(run, workflow, event, about)
        if isinstance(event, Parked):
            self.one_rests.set()


class House:
    """A daemon in small: the examples are loaded, the pages are served, runs are started by hand."""

    def __init__(self, dispatcher: Dispatcher, rests: Rests, pages: HttpServer, resolver: FakeResolver) -> None:
        self._dispatcher = dispatcher
        self._rests = rests
        self.pages = pages
        self.resolver = resolver

    async def run(self, name: str, /, **inputs: Any) -> RunRow:
        """Run it to its end."""
        admitted = await self._dispatcher.submit(Submission(workflow=name, inputs=Labelled(inputs)))
        return await self._dispatcher.wait(admitted.run)

    async def answered(self, name: str, inputs: Mapping[str, Any], address: str, answer: Mapping[str, Any]) -> RunRow:
        """Run it until it asks, answer at the address that the statement `address` finds, and give the ended run."""
        admitted = await self._dispatcher.submit(Submission(workflow=name, inputs=Labelled(inputs)))
        await self._rests.one_rests.wait()
        ((letter,),) = await _rows(address)
        asked = self._dispatcher.answers.addresses.parse(letter.rpartition("/")[2])
        assert asked is not None, letter
        await self._dispatcher.answers.give(asked, answer, "tests")
        return await self._dispatcher.wait(admitted.run)

    async def output(self, name: str, /, **inputs: Any) -> Any:
        """The output of a run that has to succeed."""
        row = await self.run(name, **inputs)
        assert (row.state, row.error) == ("succeeded", None)
        return msgspec.json.decode(row.output) if row.output else None


async def _pages(request: web.Request) -> web.StreamResponse:
    """What Runner's own port answers."""
    if request.path in ("/healthz", "/readyz"):
        return web.json_response({"status": "ok", "version": "1.2.3"})
    return web.json_response({"title": "Not Found"}, status=404)


def _load(pages: HttpServer, types: Mapping[str, Any]) -> dict[str, Workflow]:
    texts = {path: path.read_text().replace("127.0.0.1:8080", f"127.0.0.1:{pages.port}") for path in EXAMPLES.iterdir()}
    return {path.stem: load_text(text, path.name, types).workflow for path, text in texts.items()}


@pytest.fixture
async def house(http_server: OpenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """The examples, loaded, in a folder that is as fresh as after `make run`."""
    monkeypatch.chdir(tmp_path)
    files = tmp_path / "data" / "files"
    files.mkdir(parents=True)
    pages = await http_server(_pages)
    types = action_types()
    resolver = FakeResolver(env={"DATABASE_URL": "sqlite://./data/files/demo.db"})
    async with AsyncExitStack() as stack:
        limits = ExecutorLimits(file_roots=(str(files),))
        executors = {name: await stack.enter_async_context(kind.open(limits)) for name, kind in types.items()}
        clock, rests = SystemClock(), Rests()
        services = Services(
            clock=clock,
            store=MemoryStore(clock=clock),
            resolver=resolver,
            destinations=FakeDestinations(),
            sealer=FakeSealer(),
            redactor=Redactor(),
            sink=rests,
            callbacks=Addresses("http://runner.test", FakeSealer()),
            types=types,
            executors=executors,
            limits=EngineLimits(),
        )
        admissions = Admissions(services, _load(pages, types).get)
        dispatcher = await stack.enter_async_context(open_dispatcher(services, admissions))
        yield House(dispatcher, rests, pages, resolver)


async def _rows(statement: str) -> list[tuple[Any, ...]]:
    async with aiosqlite.connect("data/files/demo.db") as database:
        return [tuple(row) for row in await database.execute_fetchall(statement)]


class TestExamples:
    async def test_hello_sends_the_secret_and_keeps_the_answer(self, house: House) -> None:
        """The service sees the secret in its header, the database what the service answered."""
        house.resolver.values["secret", "API_KEY"] = "swordfish"
        await house.output("hello")

        assert house.pages.requests[0].headers["authorization"] == "Bearer swordfish"
        assert await _rows("select * from greetings") == [("ok", "1.2.3")]

    async def test_hello_without_its_secret_fails_by_name(self, house: House) -> None:
        """Nothing is sent, and the error says which secret is missing."""
        row = await house.run("hello")

        assert (row.state, row.failed_action) == ("failed", "fetch")
        assert "API_KEY" in (row.error or "")
        assert house.pages.requests == []

    async def test_fan_out_keeps_a_row_for_each_page(self, house: House) -> None:
        """Four pages, two of them twice."""
        assert await house.output("fan-out") == {
            "kept": [{"page": "/healthz", "times": 2}, {"page": "/readyz", "times": 2}],
            "failed": 0,
        }

    async def test_fan_out_goes_on_past_a_page_that_fails(self, house: House) -> None:
        """The page that is not there is counted, the other one is kept."""
        output = await house.output("fan-out", pages=["/healthz", "/nowhere"])

        assert output == {"kept": [{"page": "/healthz", "times": 1}], "failed": 1}

    async def test_tell_failures_keeps_what_it_is_told(self, house: House) -> None:
        """The same by hand as by its trigger."""
        await house.output("tell-failures", workflow="orders", error="no answer")

        assert await _rows("select * from failures") == [("by hand", "orders", "no answer")]

    async def test_poll_until_ready_looks_three_times(self, house: House) -> None:
        """`until` lets the third look through."""
        assert await house.output("poll-until-ready") == {"looks": 3}
        assert await _rows("select looks from jobs") == [(3,)]

    async def test_stop_when_unchanged_records_a_release_once(self, house: House) -> None:
        """The second run ends at `unchanged`, succeeded, with another output."""
        assert await house.output("stop-when-unchanged") == {"news": True, "version": "1.2.3"}
        again = await house.run("stop-when-unchanged")

        assert (again.state, again.stopped_by) == ("succeeded", "unchanged")
        assert await _rows("select count(*) from releases") == [(1,)]

    async def test_cursor_takes_up_where_the_last_run_left_off(self, house: House) -> None:
        """Each run reads the two readings that came since."""
        outputs = [await house.output("cursor") for _ in range(3)]

        assert outputs == [{"from": begin, "newest": begin + 2, "read": 2} for begin in (0, 2, 4)]

    async def test_on_failure_keeps_what_failed(self, house: House) -> None:
        """The run is failed, the incident names the action, the failure that was let through did not end it."""
        row = await house.run("on-failure")

        assert (row.state, row.failed_action) == ("failed", "ask")
        assert await _rows("select action from incidents") == [("ask",)]

    async def test_on_failure_runs_no_handler_where_nothing_failed(self, house: House) -> None:
        """The error of the optional action is a value."""
        assert await house.output("on-failure", page="/healthz") == {"status": 200, "optional": 404}
        assert await _rows("select action from incidents") == []

    async def test_order_batch_prices_each_order_by_a_run_of_its_own(self, house: House) -> None:
        """The gross sum is that of 25 at 20 %, 100 at 19 % and 32 at 8.1 %."""
        assert await house.output("order-batch") == {"orders": 3, "gross": 183.59}

    async def test_greet_greets(self, house: House) -> None:
        """By hand it takes the input that its trigger would fill."""
        assert (await house.output("greet", name=" ada "))["greeting"] == "Hello, Ada!"

    @pytest.mark.parametrize(
        ("approved", "paid"), [(True, {"paid": 250, "note": "Ann"}), (False, {"paid": 0, "note": "Ann"})]
    )
    async def test_approval_goes_on_with_the_answer(self, house: House, approved: bool, paid: object) -> None:  # noqa: FBT001  what is answered
        """The letter holds the address that answers; what was said there decides, and stands in the output."""
        answer = {"approved": approved, "note": "Ann"}
        row = await house.answered("approval", {"order": 7, "amount": 250}, "select text from letters", answer)

        assert msgspec.json.decode(row.output or b"") == paid
        assert (row.state, row.stopped_by) == ("succeeded", None if approved else "refused")

    async def test_approval_asks_nobody_about_a_small_sum(self, house: House) -> None:
        """No letter is written."""
        assert await house.output("approval", order=7, amount=99) == {"paid": 99, "note": ""}
        assert await _rows("select * from letters") == []

    async def test_compose_orders_upserts_typed_rows(self, house: House, postgres_url: str) -> None:
        """Twice the same orders are two rows, their total is exact."""
        house.resolver.values["env", "DATABASE_URL"] = postgres_url
        outputs = [await house.output("compose-orders") for _ in range(2)]
        connection = await asyncpg.connect(postgres_url)
        try:
            tags = await connection.fetchval("select tags from orders where id = 1")
        finally:
            await connection.close()

        assert outputs == [{"orders": 2, "total": "19.50"}] * 2
        assert msgspec.json.decode(tags) == ["new", "gift"]

    async def test_compose_orders_says_so_without_a_postgres(self, house: House) -> None:
        """On SQLite it fails at the statement that needs one."""
        row = await house.run("compose-orders")

        assert (row.state, row.failed_action) == ("failed", "upsert")
