"""`exactly_once`: however often an attempt is repeated, and whatever became of the one before it. One suite, three databases."""

import base64
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.errors import PermanentError, TemporaryError
from runner.executors.sql import clean, once
from runner.executors.sql.connection_string import parse
from runner.executors.sql.driver import Bounds, Driver, Session
from runner.executors.sql.effects import Effects, Mark
from runner.executors.sql.executor import SqlExecutor, open_sql
from runner.executors.sql.mysql.driver import MysqlDriver
from runner.executors.sql.postgres.driver import PostgresDriver
from runner.executors.sql.sqlite.driver import SqliteDriver
from runner.ports import ExecutorLimits
from tests.integration.executors.sql.conftest import Attempt, Database, FakeCall, Quiet, rendered
from tests.integration.executors.sql.cutting import cutting

DRIVERS: dict[str, type[Driver]] = {"postgres": PostgresDriver, "sqlite": SqliteDriver, "mysql": MysqlDriver}
ONCE = {"exactly_once": True}
LOCK_WAITS = {
    "postgres": "select count(*) as n from pg_locks where not granted and locktype = 'transactionid'",
    "mysql": "select count(*) as n from information_schema.innodb_trx where trx_state = 'LOCK WAIT'",
}


@pytest.fixture
async def table(attempt: Attempt, database: Database) -> AsyncIterator[Any]:
    """A table `(a text)` that takes the same text twice, and no table of keys."""
    name = f"t_{secrets.token_hex(6)}"
    kind = "longtext" if database.dialect == "mysql" else "text"
    await attempt(database.url, f"create table {name} (a {kind})")
    await attempt(database.url, "drop table if exists runner_effects")
    yield name
    await attempt(database.url, f"drop table {name}")


@pytest.fixture
def call() -> FakeCall:
    """An attempt of an action that no other test has."""
    return FakeCall(run=f"run-{secrets.token_hex(6)}", place="items[3]/insert")


async def count(attempt: Attempt, database: Database, table: str) -> Any:
    return (await attempt(database.url, f"select count(*) as n from {table}"))["row"]["n"]


@asynccontextmanager
async def zombie(executor: SqlExecutor, database: Database, table: str, call: FakeCall) -> AsyncIterator[Session]:
    """The open transaction of a daemon that died: key and row are in, the value is recorded, COMMIT was not sent."""
    config = rendered(database.url, f"insert into {table} values ('zombie')", {}, exactly_once=True)
    limits = ExecutorLimits(file_roots=executor._limits.file_roots)
    session = await DRIVERS[database.dialect]().connector(parse(database.url), limits).connect()
    effects, queries = Effects(database.dialect), executor._queries(config, database.dialect)
    await effects.make(session)
    mark = Mark.of(queries, call)
    try:
        await session.begin(None, reads=False)
        assert await effects.claim(session, mark)
        answer = await session.run(queries[0], Bounds(1, 1000))
        await effects.record(session, mark, [answer], call)
        yield session
    finally:
        with anyio.CancelScope(shield=True):
            await session.close()


async def until_it_waits(attempt: Attempt, database: Database) -> None:
    """Come back when somebody waits for a lock; SQLite shows nobody, there every task sleeps."""
    await anyio.wait_all_tasks_blocked()
    while database.dialect != "sqlite" and not (await attempt(database.url, LOCK_WAITS[database.dialect]))["row"]["n"]:
        await anyio.lowlevel.checkpoint()


class TestAgain:
    async def test_a_second_execution_gives_what_the_first_one_gave(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """The table has one row, the value is the first one's though the parameters are others now."""
        queries = [f"insert into {table} values ($input.a)", f"select a, 9007199254740993 as n from {table}"]

        first = await attempt(database.url, queries, call=call, a="one", config=ONCE)
        second = await attempt(database.url, queries, call=call, a="two", config=ONCE)

        assert first == second
        assert second[1]["rows"] == [{"a": "one", "n": 9007199254740993}]
        assert await count(attempt, database, table) == 1

    async def test_each_item_run_and_generation_has_a_key_of_its_own(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """The place holds the item's number."""
        for place in ("items[0]/insert", "items[1]/insert", "items[0]/insert"):
            call.place = place
            await attempt(database.url, f"insert into {table} values ('a')", call=call, config=ONCE)

        assert await count(attempt, database, table) == 2

    async def test_what_failed_leaves_no_key(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """The next attempt carries it out."""
        broken = [f"insert into {table} values ('a')", "select * from nowhere_at_all"]
        with pytest.raises(PermanentError, match="nowhere_at_all") as caught:
            await attempt(database.url, broken, call=call, config=ONCE)
        await attempt(database.url, f"insert into {table} values ('b')", call=call, config=ONCE)

        assert caught.value.effect == "none"
        assert await count(attempt, database, table) == 1

    async def test_two_at_once_do_it_once(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """Eight of them, before the table of keys is there: one inserts, all get the same value."""
        found = []

        async def execute(number: Any) -> None:
            query = f"insert into {table} values ($input.a)"
            found.append(await attempt(database.url, query, call=call, a=str(number), config=ONCE))

        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(execute, number)

        assert found == [{"row": None, "rows": [], "row_count": 1}] * 8
        assert await count(attempt, database, table) == 1

    async def test_under_serializable_isolation_too(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """A claim that PostgreSQL calls a conflict finds the row in a transaction of its own."""
        config = {**ONCE, "isolation": "serializable"}

        async def execute(_: Any) -> None:
            await attempt(database.url, f"insert into {table} values ('a')", call=call, config=config)

        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(execute, number)

        assert await count(attempt, database, table) == 1

    async def test_what_only_reads_gives_the_same_again(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """The value is the first one's; the effect of a cut is none."""
        query = f"select count(*) as n from {table}"

        await attempt(database.url, query, call=call, config=ONCE)
        await attempt(database.url, f"insert into {table} values ('a')")

        assert (await attempt(database.url, query, call=call, config=ONCE))["row"] == {"n": 0}
        assert call.left == 0

    async def test_behind_a_pooler(self, attempt: Attempt, database: Database, table: str, call: FakeCall) -> None:
        """Statements without names do it as well."""
        url = database.url + ("?pooler=transaction" if database.dialect == "postgres" else "")

        for _ in range(3):
            await attempt(url, f"insert into {table} values ($input.a)", call=call, a="a", config=ONCE)

        assert await count(attempt, database, table) == 1


class TestRows:
    async def test_other_statements_under_the_key_are_refused(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """What was done was something else."""
        await attempt(database.url, f"insert into {table} values ('a')", call=call, config=ONCE)

        with pytest.raises(PermanentError, match="other statements were carried out under this action's key at 20"):
            await attempt(database.url, f"insert into {table} values ('b')", call=call, config=ONCE)

    async def test_a_value_over_64_kb_is_not_kept_and_said_to_be_missing(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """The first execution gives it, a second one fails with what is known rather than with a wrong value."""
        queries = [f"insert into {table} values ($input.a)", f"select a from {table}"]
        first = await attempt(database.url, queries, call=call, a="x" * 65_536, config=ONCE)

        with pytest.raises(PermanentError, match=r"carried out at 20\S+ \(2 rows\), but .* over 65536 bytes") as caught:
            await attempt(database.url, queries, call=call, a="x" * 65_536, config=ONCE)

        assert len(first[1]["row"]["a"]) == 65_536
        assert (caught.value.kind, caught.value.effect) == ("limit", "done")
        assert await count(attempt, database, table) == 1

    async def test_the_value_is_sealed_under_the_runs_key(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """Its plain text stands nowhere in the row; one that was changed is refused."""
        query = "select 'c4nary-of-the-value' as a"
        await attempt(database.url, query, call=call, config=ONCE)

        row = (await attempt(database.url, "select * from runner_effects"))["row"]
        stored = f"{row} {base64.b64decode(row['value'])!r}"
        await attempt(database.url, "update runner_effects set statements = statements, value = null, row_count = null")
        with pytest.raises(PermanentError, match="committed before its statements were done") as unfinished:
            await attempt(database.url, query, call=call, config=ONCE)
        await attempt(database.url, "update runner_effects set row_count = 1, value = $input.v", v=b"changed")
        with pytest.raises(PermanentError, match="cannot be opened") as changed:
            await attempt(database.url, query, call=call, config=ONCE)

        assert "c4nary" not in stored
        assert len(row["statements"]) == 64
        assert (unfinished.value.effect, changed.value.effect) == ("unknown", "done")

    async def test_a_row_that_a_statement_deletes_rolls_everything_back(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """Without its row nothing is committed."""
        queries = [f"insert into {table} values ('a')", "delete from runner_effects"]

        with pytest.raises(PermanentError, match="its row in runner_effects is gone"):
            await attempt(database.url, queries, call=call, config=ONCE)

        assert await count(attempt, database, table) == 0

    async def test_old_rows_are_deleted_in_slices_once_an_hour(
        self,
        attempt: Attempt,
        database: Database,
        table: str,
        call: FakeCall,
        quiet: Quiet,
        executor: SqlExecutor,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """What is older than twice the retention goes, behind the attempt's back; what is younger stays."""
        monkeypatch.setattr(clean, "PAUSE", 0)
        query = "select 1 as a"
        for place in ("old", "young"):
            call.place = place
            await attempt(database.url, query, call=call, config=ONCE)
        await quiet()
        old = FakeCall(run=call.run, place="old").idempotency_key()
        age = {
            "postgres": "now() - interval '61 days'",
            "mysql": "current_timestamp - interval 61 day",
            "sqlite": "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-61 days')",
        }[database.dialect]
        await attempt(
            database.url, f"update runner_effects set done_at = {age} where idempotency_key = $input.k", k=old
        )

        call.place = "third"
        await attempt(database.url, query, call=call, config=ONCE)
        await quiet()
        within_the_hour = await count(attempt, database, "runner_effects")
        executor._cleaner._last.clear()
        await attempt(database.url, query, call=call, config=ONCE)
        await quiet()

        assert (within_the_hour, await count(attempt, database, "runner_effects")) == (3, 2)
        assert clean.Cleaner(executor._cleaner._group, 90 * 86400).days == 180


@pytest.fixture
def half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an attempt that has 30 seconds the claim and the decision get this much: the engine's own end is far."""
    monkeypatch.setattr(once, "MARGIN", 29.5)
    monkeypatch.setattr(once, "SHARE", 1)


class TestZombies:
    @pytest.mark.parametrize("commits", [True, False])
    async def test_the_open_transaction_of_a_dead_daemon_is_waited_for(
        self, executor: SqlExecutor, attempt: Attempt, database: Database, table: str, call: FakeCall, commits: Any
    ) -> None:
        """Where it commits its value is given, where it rolls back the statements are carried out: one row either way."""
        found = []
        url = database.url + ("?busy_timeout=50" if database.dialect == "sqlite" else "")

        async def resume() -> None:
            query = f"insert into {table} values ('zombie')"
            found.append(await attempt(url, query, call=call, config=ONCE))

        async with zombie(executor, database, table, call) as session, anyio.create_task_group() as group:
            group.start_soon(resume)
            await until_it_waits(attempt, database)
            assert not found
            await (session.commit() if commits else session.rollback())

        assert found == [{"row": None, "rows": [], "row_count": 1}]
        assert call.left == (0 if commits else 1)
        assert await count(attempt, database, table) == 1

    @pytest.mark.usefixtures("half_a_second")
    async def test_the_wait_ends_with_the_actions_timeout_and_says_why(
        self, executor: SqlExecutor, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """Before the engine's own timeout cuts it off; nobody knows what the other transaction will do."""
        url = database.url + ("?busy_timeout=50" if database.dialect == "sqlite" else "")
        async with zombie(executor, database, table, call) as session:
            with (
                anyio.fail_after(30),
                pytest.raises(TemporaryError, match="another transaction has held the key") as caught,
            ):
                await attempt(url, f"insert into {table} values ('zombie')", call=call, config=ONCE)
            await session.rollback()

        assert (caught.value.kind, caught.value.effect) == ("timeout", "unknown")
        assert await count(attempt, database, table) == 0


@pytest.fixture(params=["postgres", "mysql"])
def server(request: pytest.FixtureRequest) -> Database:
    """Those that have a wire to cut."""
    return Database(request.param, request.getfixturevalue(f"{request.param}_url"))


class TestLostCommits:
    @pytest.mark.parametrize("arrives", [True, False])
    async def test_a_lost_answer_is_decided_by_the_key(
        self, attempt: Attempt, server: Database, call: FakeCall, arrives: Any
    ) -> None:
        """Committed: the value as if nothing had been. Not committed: nothing was done, and trying again does it once."""
        table = f"t_{secrets.token_hex(6)}"
        await attempt(server.url, f"create table {table} (a text)")
        query = f"insert into {table} values ('a')"

        async with cutting(server.url, arrives=arrives) as proxy:
            if not arrives:
                with pytest.raises(TemporaryError, match="not in runner_effects: nothing was done") as caught:
                    await attempt(proxy.url, query, call=call, config=ONCE)
                assert (caught.value.kind, caught.value.effect) == ("connection", "none")
                assert await count(attempt, server, table) == 0
            found = await attempt(proxy.url, query, call=call, config=ONCE)
            assert proxy.cut

        assert found["row_count"] == 1
        assert await count(attempt, server, table) == 1
        await attempt(server.url, f"drop table {table}")

    @pytest.mark.usefixtures("half_a_second")
    async def test_what_cannot_be_decided_in_time_is_unknown(
        self, attempt: Attempt, server: Database, call: FakeCall
    ) -> None:
        """The server is gone: the outcome says so before the action's time is over, and may be tried again."""
        await attempt(server.url, "select 1 as a", call=FakeCall(place="makes the table"), config=ONCE)
        async with cutting(server.url, arrives=False) as proxy:
            proxy.closed = True
            with anyio.fail_after(30), pytest.raises(TemporaryError, match="could not be looked up within") as caught:
                await attempt(proxy.url, "select 1 as a", call=call, config=ONCE)

        assert caught.value.effect == "unknown"


class TestRights:
    async def test_without_the_right_to_make_the_table_the_statement_for_an_administrator_is_told(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall, files: Path
    ) -> None:
        """One that can be copied as it stands."""
        if database.dialect == "sqlite":
            url = f"{database.url}?mode=ro"
        else:
            user = f"u_{secrets.token_hex(4)}"
            host = "@'%'" if database.dialect == "mysql" else ""
            word = "identified by" if database.dialect == "mysql" else "login password"
            await attempt(database.url, f"create user {user}{host} {word} 'pw'")
            if database.dialect == "postgres":
                await attempt(database.url, "revoke create on schema public from public")
            url = re.sub(r"//[^@]*@", f"//{user}:pw@", database.url)
            if database.dialect == "mysql":
                name = url.rpartition("/")[2]
                await attempt(database.url, f"grant select on {name}.{table} to {user}{host}")

        with pytest.raises(PermanentError, match="An administrator can run: create table if not exists runner_effects"):
            await attempt(url, "select 1 as a", call=call, config=ONCE)
        if database.dialect != "sqlite":
            await attempt(database.url, f"drop user {user}{host}")

    async def test_what_ends_the_transaction_is_refused(
        self, attempt: Attempt, database: Database, table: str, call: FakeCall
    ) -> None:
        """DDL on MySQL, before anything is sent; where it is transactional it is carried out once."""
        queries = [f"insert into {table} values ('a')", f"create table {table}_made (a integer)"]
        if database.dialect == "mysql":
            with pytest.raises(PermanentError, match="ends the transaction on MySQL"):
                await attempt(database.url, queries, call=call, config=ONCE)
            return

        for _ in range(2):
            await attempt(database.url, queries, call=call, config=ONCE)
        await attempt(database.url, f"drop table {table}_made")

        assert await count(attempt, database, table) == 1

    async def test_a_procedure_that_commits_is_noticed(self, attempt: Attempt, mysql_url: str, call: FakeCall) -> None:
        """MySQL lets one end the transaction around it: then nobody can promise anything, and a repeat is refused."""
        await attempt(mysql_url, "create procedure commits() begin commit; end")
        try:
            with pytest.raises(PermanentError, match="does it call a procedure that commits") as caught:
                await attempt(mysql_url, "call commits()", call=call, config=ONCE)
            with pytest.raises(PermanentError, match="committed before its statements were done"):
                await attempt(mysql_url, "call commits()", call=call, config=ONCE)
        finally:
            await attempt(mysql_url, "drop procedure commits")

        assert caught.value.effect == "unknown"


async def test_another_process_that_writes_the_same_file_is_waited_for(files: Path, call: FakeCall) -> None:
    """Longer than SQLite itself waits."""
    url = f"sqlite:///{files}/busy.db?busy_timeout=20"
    async with open_sql(ExecutorLimits(file_roots=(str(files),))) as one, open_sql(one._limits) as other:
        await one.execute(rendered(url, "create table t (a integer)", {}), FakeCall())
        session = await one._pools.of(url, lambda: None).connector.connect()  # type: ignore[arg-type, return-value]  # the pool is there
        await session.begin(None, reads=False)
        waited = anyio.Event()

        async def insert() -> None:
            await other.execute(rendered(url, "insert into t values (1)", {}, exactly_once=True), call)
            waited.set()

        async with anyio.create_task_group() as group:
            group.start_soon(insert)
            await anyio.wait_all_tasks_blocked()
            assert not waited.is_set()
            await session.rollback()
        await session.close()
        found = await one.execute(rendered(url, "select count(*) as n from t", {}), FakeCall())

    assert found.value["row"] == {"n": 1}
