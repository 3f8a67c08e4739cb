"""One attempt's course over a session that fails where a test wants it to: commits, rollbacks, effects, second tries."""

from collections.abc import AsyncIterator
from typing import Any, cast

import anyio
import pytest

from runner.definitions.fields import decode
from runner.errors import ActionError, PermanentError, TemporaryError
from runner.executors.sql import executor as subject
from runner.executors.sql import transaction
from runner.executors.sql.config import SqlConfig
from runner.executors.sql.connection_string import Dialect, Target
from runner.executors.sql.driver import Answer, Bounds, Driver, StaleStatementError
from runner.executors.sql.executor import SqlExecutor, open_sql
from runner.executors.sql.shape import Query
from runner.expressions.template import Statement
from runner.ports import ExecutorLimits, Result
from runner.testing import FakeDestinations
from tests.calls import BoundCall


class FakeSession:
    """Does what it is told; each step may wait or raise."""

    def __init__(self) -> None:
        self.is_usable = True
        self.calls: list[str] = []
        self.raises: dict[str, Exception] = {}
        self.waits: dict[str, anyio.Event] = {}
        self.reached = anyio.Event()

    @property
    def in_transaction(self) -> bool:
        return True

    async def step(self, name: str) -> None:
        self.calls.append(name)
        if name in self.waits:
            self.reached.set()
            await self.waits[name].wait()
        if name in self.raises:
            raise self.raises[name]

    async def begin(self, isolation: str | None, *, reads: bool) -> None:
        await self.step("begin")

    async def run(self, query: Query, bounds: Bounds) -> Answer:
        await self.step("run")
        return Answer([{"a": 1}], 1)

    async def commit(self) -> None:
        await self.step("commit")
        self.calls.append("committed")

    async def rollback(self) -> None:
        await self.step("rollback")

    async def reset(self) -> None:
        await self.step("reset")

    def drop(self) -> None:
        self.is_usable = False

    async def close(self) -> None:
        self.is_usable = False


class FakeDriver:
    """Its connector gives the one session for as long as it is usable."""

    isolations = frozenset({"serializable"})

    def __init__(self) -> None:
        self.session = FakeSession()
        self.connected = 0

    def connector(self, target: Target, limits: ExecutorLimits) -> "FakeDriver":
        return self

    async def connect(self) -> FakeSession:
        self.connected += 1
        self.session.is_usable = True
        return self.session


class FakeCall(BoundCall):
    run = workflow = place = "x"
    attempt = 1
    timeout: float | None = None
    pages: tuple[Result, ...] = ()
    destinations = FakeDestinations()

    def idempotency_key(self, page: int = 0) -> str:
        return ""

    def leaving(self) -> None:
        pass

    async def keep_page(self, page: Result) -> None:
        pass

    def seal(self, data: bytes) -> bytes:
        return data[::-1]

    def unseal(self, data: bytes) -> bytes:
        return data[::-1]


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver()


@pytest.fixture
async def executor(driver: FakeDriver) -> AsyncIterator[SqlExecutor]:
    async with open_sql(ExecutorLimits()) as opened:
        opened._drivers = cast("dict[Dialect, Driver]", {"postgres": driver})
        yield opened


def config(text: str = "insert into t values (1)", **options: Any) -> SqlConfig:
    return decode({"connection_string": "postgresql://h/d", "query": Statement((text,)), **options}, SqlConfig)


async def execute(executor: SqlExecutor, wanted: SqlConfig) -> Any:
    return (await executor.execute(wanted, FakeCall())).value


class TestCommit:
    async def test_one_that_was_sent_is_awaited(self, executor: SqlExecutor, driver: FakeDriver) -> None:
        """A cancel in the middle of it changes nothing: the outcome is that it was done."""
        driver.session.waits["commit"] = done = anyio.Event()
        values = []

        async def attempt() -> None:
            values.append(await execute(executor, config()))

        async with anyio.create_task_group() as group:
            group.start_soon(attempt)
            await driver.session.reached.wait()
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                done.set()

        assert values[0]["row_count"] == 1
        assert "committed" in driver.session.calls
        assert "rollback" not in driver.session.calls

    async def test_without_an_answer_nobody_knows(
        self, executor: SqlExecutor, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After the deadline the effect is unknown and the session is given up."""
        monkeypatch.setattr(transaction, "COMMIT_DEADLINE", 0.01)
        driver.session.waits["commit"] = anyio.Event()

        with pytest.raises(TemporaryError, match="nobody knows") as caught:
            await execute(executor, config())

        assert (caught.value.kind, caught.value.effect) == ("timeout", "unknown")
        assert not driver.session.is_usable


class TestRollback:
    async def test_a_cancelled_statement_is_rolled_back(self, executor: SqlExecutor, driver: FakeDriver) -> None:
        """Under a shield, so that it really is."""
        driver.session.waits["run"] = anyio.Event()

        async with anyio.create_task_group() as group:
            group.start_soon(execute, executor, config())
            await driver.session.reached.wait()
            group.cancel_scope.cancel()

        assert driver.session.calls[:3] == ["begin", "run", "rollback"]

    async def test_one_that_hangs_gives_the_session_up(
        self, executor: SqlExecutor, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After the deadline; the error is still the statement's."""
        monkeypatch.setattr(transaction, "ROLLBACK_DEADLINE", 0.01)
        driver.session.raises["run"] = PermanentError("first", kind="value")
        driver.session.waits["rollback"] = anyio.Event()

        with pytest.raises(PermanentError, match=r"^first$"):
            await execute(executor, config())

        assert not driver.session.is_usable

    async def test_one_that_fails_hides_no_error(self, executor: SqlExecutor, driver: FakeDriver) -> None:
        """The statement's own is told."""
        driver.session.raises = {
            "run": PermanentError("first", kind="value"),
            "rollback": TemporaryError("second", kind="connection"),
        }

        with pytest.raises(PermanentError, match=r"^first$"):
            await execute(executor, config())


class TestEffects:
    @pytest.mark.parametrize(
        ("text", "kind", "effect"),
        [
            ("vacuum", "connection", "unknown"),
            ("insert into t values (1) returning a", "limit", "done"),
            ("insert into t values (1)", "value", "none"),
            ("select 1", "connection", "none"),
        ],
    )
    async def test_without_a_transaction(
        self, executor: SqlExecutor, driver: FakeDriver, text: str, kind: str, effect: str
    ) -> None:
        """What was sent may have happened."""
        driver.session.raises["run"] = TemporaryError("x", kind=kind)

        with pytest.raises(ActionError) as caught:
            await execute(executor, config(text, transaction=False))

        assert caught.value.effect == effect


class TestSecondTries:
    async def test_what_is_stale_is_done_anew_three_times_at_most(
        self, executor: SqlExecutor, driver: FakeDriver
    ) -> None:
        """Then the database's own error is told."""
        driver.session.raises["run"] = StaleStatementError(PermanentError("its own", kind="statement"))

        with pytest.raises(PermanentError, match=r"^its own$"):
            await execute(executor, config())

        assert driver.session.calls.count("run") == subject.STALE_TRIES
        assert "commit" not in driver.session.calls


class TestConfig:
    @pytest.mark.parametrize(
        ("wanted", "message"),
        [
            (decode({"connection_string": "postgresql://h"}, SqlConfig), "expected one of query and queries"),
            (decode({"connection_string": "postgresql://h", "queries": []}, SqlConfig), "at least one statement"),
            (config(isolation="read committed"), "PostgreSQL has no 'read committed', expected one of serializable"),
            (config(transaction=False, isolation="serializable"), "transaction: false goes with one query"),
            (config(transaction=False, exactly_once=True), "no exactly_once"),
            (config(connection_string="c4nary"), "expected postgresql://"),
        ],
    )
    async def test_what_was_rendered_is_checked_again(
        self, executor: SqlExecutor, driver: FakeDriver, wanted: SqlConfig, message: str
    ) -> None:
        """Templates may give anything; nothing is connected for what is wrong."""
        with pytest.raises(PermanentError) as caught:
            await execute(executor, wanted)

        assert message in str(caught.value)
        assert "c4nary" not in str(caught.value)
        assert driver.connected == 0
