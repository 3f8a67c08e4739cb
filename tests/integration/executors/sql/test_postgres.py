"""PostgreSQL itself: every common type, transactions, sessions, connections."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import pytest
from anyio.abc import SocketStream

from runner.errors import ActionError, PermanentError, TemporaryError
from runner.executors.sql.executor import SqlExecutor, open_sql
from runner.ports import ExecutorLimits
from tests.integration.executors.sql.conftest import Attempt, FakeCall, Quiet, rendered, secret

COLUMNS: list[tuple[str, Any, Any]] = [
    ("boolean", True, True),
    ("smallint", -(2**15), -(2**15)),
    ("integer", 7.0, 7),
    ("bigint", 2**53 + 1, 2**53 + 1),
    ("bigint", "9223372036854775807", 2**63 - 1),
    ("numeric", 12.1, "12.1"),
    ("numeric", "12.50", "12.50"),
    ("numeric", 2**70, 2**70),
    ("numeric", "NaN", "NaN"),
    ("numeric(12,4)", 3, "3.0000"),
    ("real", 0.5, 0.5),
    ("double precision", 12.1, 12.1),
    ("double precision", "NaN", "NaN"),
    ("text", "a, 'b', \"c\"", "a, 'b', \"c\""),
    ("text", 12.1, "12.1"),
    ("text", True, "true"),
    ("varchar(5)", "abc", "abc"),
    ("char(5)", "abc", "abc  "),
    ("name", "abc", "abc"),
    ("bytea", "AAH/", "AAH/"),
    ("bytea", b"\x00\xff", "AP8="),
    ("date", "2024-05-01", "2024-05-01"),
    ("date", "infinity", "infinity"),
    ("date", "-0043-03-15", "-0043-03-15"),
    ("time", "12:30:00.5", "12:30:00.5"),
    ("timetz", "12:30:00+02", "12:30:00+02:00"),
    ("timestamp", "2024-05-01T12:30:00", "2024-05-01T12:30:00"),
    ("timestamp", "2024-05-01T12:30:00+02:00", "2024-05-01T10:30:00"),
    ("timestamptz", "2024-05-01T12:30:00.123456+02:00", "2024-05-01T10:30:00.123456Z"),
    ("timestamptz", "1970-01-01", "1970-01-01T00:00:00Z"),
    ("timestamptz", "-infinity", "-infinity"),
    ("timestamptz", "+20000-01-01T00:00:00Z", "+20000-01-01T00:00:00Z"),
    ("interval", "P1Y2M3DT4H5M6.5S", "P1Y2M3DT4H5M6.5S"),
    ("interval", "10 minutes", "PT10M"),
    ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("json", {"b": 1, "a": [None]}, {"b": 1, "a": [None]}),
    ("jsonb", [1, 2**70, 1.5, "x"], [1, 2**70, 1.5, "x"]),
    ("jsonb", "a string", "a string"),
    ("jsonb", False, False),
    ("inet", "10.0.0.1/8", "10.0.0.1/8"),
    ("cidr", "10.0.0.0/8", "10.0.0.0/8"),
    ("macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:03"),
    ("money", 12.5, "$12.50"),
    ("bit(3)", "101", "101"),
    ("xml", "<a/>", "<a/>"),
    ("tsvector", "a b", "'a' 'b'"),
    ("int4range", "[1,5)", "[1,5)"),
    ("tstzrange", "[2024-05-01T00:00:00Z,)", "[2024-05-01T00:00:00Z,)"),
    ("point", "(1.5,2)", "(1.5,2.0)"),
    ("circle", "<(0,0),1>", "<(0.0,0.0),1.0>"),
    ("box", "(1,1),(0,0)", "(1.0,1.0),(0.0,0.0)"),
    ("path", "[(0,0),(1,1)]", "[(0.0,0.0),(1.0,1.0)]"),
    ("polygon", "((0,0),(1,1))", "((0.0,0.0),(1.0,1.0))"),
    ("integer[]", [1, None, 3], [1, None, 3]),
    ("integer[]", [[1, 2], [3, 4]], [[1, 2], [3, 4]]),
    ("text[]", ["a,b", '"c"', "{d}", "null", ""], ["a,b", '"c"', "{d}", "null", ""]),
    ("numeric[]", [12.1, "12.50"], ["12.1", "12.50"]),
    ("timestamptz[]", ["2024-05-01T00:00:00Z"], ["2024-05-01T00:00:00Z"]),
    ("jsonb[]", [{"a": 1}, [1]], [{"a": 1}, [1]]),
    ("inet[]", ["10.0.0.1", "::1/64"], ["10.0.0.1", "::1/64"]),
    ("uuid[]", [], []),
    ("mood", "happy", "happy"),
    ("mood[]", ["happy", "sad"], ["happy", "sad"]),
    ("positive", 5, 5),
]


@pytest.fixture
async def own_types(attempt: Attempt, postgres_url: str) -> AsyncIterator[None]:
    await attempt(
        postgres_url,
        [
            "create type mood as enum ('happy', 'sad')",
            "create domain positive as integer check (value > 0)",
            "create type pair as (a int, b jsonb)",
        ],
    )
    yield
    await attempt(postgres_url, ["drop type mood", "drop domain positive", "drop type pair"])


@pytest.fixture
async def slow_commit(attempt: Attempt, postgres_url: str) -> AsyncIterator[str]:
    """A table whose inserts sleep for their value, in seconds, when they are committed."""
    await attempt(
        postgres_url,
        [
            "create table slow (seconds float)",
            "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(new.seconds); return null; end $$",
            "create constraint trigger slow after insert on slow deferrable initially deferred for each row execute function slow()",
        ],
    )
    yield "slow"
    await attempt(postgres_url, ["drop table slow", "drop function slow"])


async def server(url: str, query: str, *values: Any) -> Any:
    """What another client sees."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query, *values)
    finally:
        await connection.close()


class TestTypes:
    @pytest.mark.usefixtures("own_types")
    async def test_plain_json_values_into_every_common_column_and_back(
        self, attempt: Attempt, postgres_url: str
    ) -> None:
        """No cast in the text; what is read back is what the page documents."""
        for kind, value, expected in COLUMNS:
            await attempt(postgres_url, f"create table v (a {kind})")
            try:
                found = await attempt(postgres_url, "insert into v values ($input.a) returning a", a=value)
                assert found["row"] == {"a": expected}, kind
                await attempt(postgres_url, "insert into v values ($input.a)", a=None)
                assert (await attempt(postgres_url, "select a from v where a is null"))["row_count"] == 1, kind
            finally:
                await attempt(postgres_url, "drop table v")

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("integer", 1.5), ("integer", True), ("numeric", True), ("bigint", 2**63), ("smallint", 40_000), ("double precision", 2**53 + 1),
            ("timestamptz", "c4nary"), ("uuid", "c4nary"), ("bytea", "c4nary!"), ("text", "c4nary\0"), ("text", {"c4nary": 1}), ("integer[]", "c4nary"),
            ("inet", "c4nary"), ("mood", "c4nary"), ("varchar(3)", "c4nary"), ("positive", -5), ("pair", {"c4nary": 1}), ("jsonb", "c4nary\0"),
            ("interval", "c4nary"), ("timestamptz", "2024-05-01T00:00:00.1234567Z"),
        ],
    )  # fmt: skip
    @pytest.mark.usefixtures("own_types")
    async def test_what_does_not_fit_is_an_error(
        self, attempt: Attempt, postgres_url: str, kind: str, value: Any
    ) -> None:
        """Of the kind `value`, without the value, and nothing is done."""
        await attempt(postgres_url, f"create table v (a {kind})")
        try:
            with pytest.raises(PermanentError) as caught:
                await attempt(postgres_url, "insert into v values ($input.a)", a=value)
            assert (caught.value.kind, caught.value.effect) == ("value", "none")
            assert "c4nary" not in str(caught.value)
            assert (await attempt(postgres_url, "select count(*) as n from v"))["row"] == {"n": 0}
        finally:
            await attempt(postgres_url, "drop table v")

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("select row(1, 'x', 12.50)", [1, "x", "12.50"]),
            ("select row(1, timestamptz '2024-05-01 00:00Z')", [1, "2024-05-01T00:00:00Z"]),
            ("select row(1, '[1]')::pair", {"a": 1, "b": [1]}),
            ("select array[row(1, null)::pair]", [{"a": 1, "b": None}]),
            ("select sum(n) from (values (1::bigint), (2)) t(n)", 3),
            ("select avg(n) from (values (1), (2)) t(n)", "1.5000000000000000"),
            ("select '{[1,2),[5,6)}'::int4multirange", ["[1,2)", "[5,6)"]),
            ("select 'empty'::int4range", "empty"),
            ("select '{1,2,3}'::line", "{1.0,2.0,3.0}"),
            ("select 9999999999999999999999::numeric", 9999999999999999999999),
            ("select null", None),
            ("select pg_sleep(0)", None),
        ],
    )
    @pytest.mark.usefixtures("own_types")
    async def test_results_of_expressions(self, attempt: Attempt, postgres_url: str, query: str, expected: Any) -> None:
        """Rows, sums, ranges become JSON too."""
        found = await attempt(postgres_url, query)

        assert next(iter(found["row"].values())) == expected

    async def test_a_nul_is_a_clear_error(self, attempt: Attempt, postgres_url: str) -> None:
        """PostgreSQL's text holds none."""
        with pytest.raises(
            PermanentError, match=r"\$input.a: expected text that PostgreSQL can hold, found text with a NUL"
        ):
            await attempt(postgres_url, "select $input.a || ''", a="a\0b")


class TestTransactions:
    @pytest.mark.parametrize("level", ["read uncommitted", "read committed", "repeatable read", "serializable"])
    async def test_isolation_levels(self, attempt: Attempt, postgres_url: str, level: str) -> None:
        """The server is in the level that was asked for."""
        found = await attempt(
            postgres_url, "select current_setting('transaction_isolation') as v", config={"isolation": level}
        )

        assert found["row"] == {"v": level}

    async def test_vacuum_runs_without_a_transaction(self, attempt: Attempt, postgres_url: str) -> None:
        """And within one it is refused with the cure."""
        await attempt(postgres_url, "vacuum", config={"transaction": False})

        with pytest.raises(PermanentError, match="set transaction: false"):
            await attempt(postgres_url, "vacuum")

    async def test_rows_beyond_the_bound_without_a_transaction(self, attempt: Attempt, postgres_url: str) -> None:
        """What was done stays done, and the error says so."""
        await attempt(postgres_url, "create table w (a int)")
        config = {"transaction": False, "max_rows": 2}

        with pytest.raises(PermanentError, match="max_rows") as caught:
            await attempt(postgres_url, "insert into w select generate_series(1, 5) returning a", config=config)

        assert caught.value.effect == "done"
        await attempt(postgres_url, "drop table w")

    async def test_a_deadlock_is_a_conflict(self, attempt: Attempt, postgres_url: str) -> None:
        """One of the two may try again; the other is done."""
        await attempt(postgres_url, ["create table d (id int, n int)", "insert into d values (1, 0), (2, 0)"])
        failures: list[ActionError] = []

        async def update(first: int, second: int) -> None:
            change = "update d set n = n + 1 where id = {}"
            try:
                await attempt(postgres_url, [change.format(first), "select pg_sleep(0.5)", change.format(second)])
            except ActionError as error:
                failures.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(update, 1, 2)
            group.start_soon(update, 2, 1)

        assert [(error.kind, error.effect, error.facts["code"]) for error in failures] == [
            ("conflict", "none", "40P01")
        ]
        await attempt(postgres_url, "drop table d")

    async def test_a_lost_commit_is_an_unknown_effect(
        self, attempt: Attempt, slow_commit: str, postgres_url: str
    ) -> None:
        """The server went away while it committed."""

        async def kill() -> None:
            query = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query = 'commit' and state = 'active' and datname = current_database() and pid <> pg_backend_pid()"
            while not await server(postgres_url, query):
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(kill)
            with pytest.raises(TemporaryError) as caught:
                await attempt(postgres_url, f"insert into {slow_commit} values (30)")

        assert (caught.value.kind, caught.value.effect) == ("connection", "unknown")

    async def test_a_commit_under_way_is_awaited(self, attempt: Attempt, slow_commit: str, postgres_url: str) -> None:
        """The cancel comes too late: the row is there."""
        with anyio.move_on_after(0.2):
            await attempt(postgres_url, f"insert into {slow_commit} values (0.5)")

        assert await server(postgres_url, f"select count(*) from {slow_commit}") == 1

    async def test_a_server_that_ends_the_connection(self, attempt: Attempt, postgres_url: str) -> None:
        """The kind is `connection`, and the next attempt has a new one."""
        async with anyio.create_task_group() as group:

            async def kill() -> None:
                query = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like '%pg_sleep(31)%' and datname = current_database() and pid <> pg_backend_pid()"
                while not await server(postgres_url, query):
                    await anyio.lowlevel.checkpoint()

            group.start_soon(kill)
            with pytest.raises(TemporaryError) as caught:
                await attempt(postgres_url, "select pg_sleep(31)")

        assert (caught.value.kind, caught.value.effect) == ("connection", "none")
        assert (await attempt(postgres_url, "select 1 as a"))["row"] == {"a": 1}

    async def test_a_timeout_stops_the_statement_on_the_server(
        self, attempt: Attempt, quiet: Quiet, postgres_url: str
    ) -> None:
        """When the attempt is over, so is its query; the session is used again."""
        before = (await attempt(postgres_url, "select pg_backend_pid() as pid"))["row"]
        await quiet()

        with pytest.raises(TimeoutError), anyio.fail_after(0.3):
            await attempt(postgres_url, "select pg_sleep(32), pg_backend_pid()")

        query = "select count(*) from pg_stat_activity where query like '%pg_sleep(32)%' and state = 'active' and datname = current_database() and pid <> pg_backend_pid()"
        assert await server(postgres_url, query) == 0
        await quiet()
        assert (await attempt(postgres_url, "select pg_backend_pid() as pid"))["row"] == before


class TestKept:
    async def test_a_column_that_changes_its_type_is_seen(self, attempt: Attempt, postgres_url: str) -> None:
        """What was kept about statement and types is dropped and the statement prepared anew."""
        await attempt(postgres_url, "create table k (a int)")
        try:
            await attempt(postgres_url, "insert into k values ($input.a)", a=1)
            await attempt(postgres_url, "select * from k")
            await attempt(postgres_url, "alter table k alter column a type text")

            await attempt(postgres_url, "insert into k values ($input.a)", a="x")
            found = await attempt(postgres_url, "select * from k order by a")
        finally:
            await attempt(postgres_url, "drop table k")

        assert [row["a"] for row in found["rows"]] == ["1", "x"]

    async def test_a_type_made_anew_is_seen(self, attempt: Attempt, postgres_url: str) -> None:
        """Its number is another one."""
        for value in ("old", "new"):
            await attempt(postgres_url, [f"create type changing as enum ('{value}')", "create table c (a changing)"])
            assert (await attempt(postgres_url, "insert into c values ($input.a) returning a", a=value))["row"] == {
                "a": value
            }
            await attempt(postgres_url, ["drop table c", "drop type changing"])

    async def test_behind_a_pooler_statements_have_no_names(self, attempt: Attempt, postgres_url: str) -> None:
        """`?pooler=transaction`: nothing is left prepared on the server."""
        url = f"{postgres_url}?pooler=transaction"

        for number in range(3):
            assert (await attempt(url, "select $input.a + 1 as v", a=number))["row"] == {"v": number + 1}

        assert (await attempt(url, "select count(*) as n from pg_prepared_statements"))["row"] == {"n": 0}

    async def test_a_statement_that_the_server_lost_shows_a_pooler(
        self, attempt: Attempt, quiet: Quiet, postgres_url: str
    ) -> None:
        """SQLSTATE 26000: from then on statements have no names."""
        await attempt(postgres_url, "select $input.a + 1 as v", a=1)
        await quiet()
        await attempt(
            postgres_url,
            "do $$ declare s record; begin for s in select name from pg_prepared_statements loop execute format('deallocate %I', s.name); end loop; end $$",
        )
        await quiet()

        assert (await attempt(postgres_url, "select $input.a + 1 as v", a=1))["row"] == {"v": 2}
        assert (await attempt(postgres_url, "select count(*) as n from pg_prepared_statements"))["row"] == {"n": 0}


class TestSessions:
    async def test_one_after_the_other_needs_one_connection(
        self, attempt: Attempt, quiet: Quiet, postgres_url: str
    ) -> None:
        """Sessions are kept and used again, settings are not."""
        pids = set()
        for _ in range(5):
            await attempt(postgres_url, "select set_config('application_name', 'mine', false)")
            await quiet()
            row = (
                await attempt(
                    postgres_url, "select pg_backend_pid() as pid, current_setting('application_name') as name"
                )
            )["row"]
            await quiet()
            pids.add(row["pid"])
            assert row["name"] == "runner"

        assert len(pids) == 1

    async def test_at_most_ten_connections(self, attempt: Attempt, postgres_url: str) -> None:
        """Thirty attempts at once wait for each other."""
        counts: list[int] = []

        async def work() -> None:
            query = "select count(*) as n, pg_sleep(0.05) from pg_stat_activity where application_name = 'runner' and datname = current_database()"
            counts.append((await attempt(postgres_url, query))["row"]["n"])

        async with anyio.create_task_group() as group:
            for _ in range(30):
                group.start_soon(work)

        assert max(counts) <= 10
        assert len(counts) == 30

    async def test_no_lock_outlives_its_attempt(self, attempt: Attempt, quiet: Quiet, postgres_url: str) -> None:
        """An advisory lock of a session would be held by nobody."""
        await attempt(postgres_url, "select pg_advisory_lock(42)")
        await quiet()

        assert await server(postgres_url, "select pg_try_advisory_lock(42)") is True


class TestConnections:
    async def test_the_environment_completes_nothing(
        self, attempt: Attempt, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """No variable and no file of the daemon's user reaches a connection."""
        passwords = tmp_path / ".pgpass"
        passwords.write_text("*:*:*:*:c4nary")
        passwords.chmod(0o600)
        wrong = {
            "PGHOST": "203.0.113.1",
            "PGPORT": "1",
            "PGUSER": "nobody",
            "PGDATABASE": "nowhere",
            "PGPASSWORD": "c4nary",
            "PGSSLMODE": "verify-full",
        }
        for name, value in {
            **wrong,
            "PGPASSFILE": str(passwords),
            "PGTARGETSESSIONATTRS": "standby",
            "PGSERVICE": "x",
            "HOME": str(tmp_path),
        }.items():
            monkeypatch.setenv(name, value)

        found = await attempt(postgres_url, "select current_user as u, inet_server_port() as p")

        assert found["row"]["u"] == "postgres"

    async def test_no_password_of_the_environment_is_sent(
        self, attempt: Attempt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A server that asks for one, where the connection string has none, gets none."""
        passwords = tmp_path / ".pgpass"
        passwords.write_text("*:*:*:*:c4nary")
        passwords.chmod(0o600)
        monkeypatch.setenv("PGPASSWORD", "c4nary")
        monkeypatch.setenv("PGPASSFILE", str(passwords))
        sent: list[bytes] = []

        async def ask_for_a_password(stream: SocketStream) -> None:
            async with stream:
                await stream.receive()
                await stream.send(b"R\0\0\0\x08\0\0\0\x03")
                sent.append(await stream.receive())

        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
            anyio.create_task_group() as group,
        ):
            group.start_soon(listener.serve, ask_for_a_password)
            port = listener.extra(anyio.abc.SocketAttribute.local_port)
            with pytest.raises(TemporaryError):
                await attempt(f"postgresql://u@127.0.0.1:{port}/d?sslmode=disable", "select 1")
            group.cancel_scope.cancel()

        assert sent == [b"p\0\0\0\x05\0"]

    async def test_a_server_without_tls_where_tls_is_wanted(self, attempt: Attempt, postgres_url: str) -> None:
        """`prefer` goes on in the clear, `require` does not."""
        encrypted = await server(postgres_url, "show ssl") == "on"

        assert (await attempt(f"{postgres_url}?sslmode=prefer", "select 1 as a"))["row"] == {"a": 1}
        if not encrypted:
            with pytest.raises(TemporaryError, match="the connection was lost or could not be made"):
                await attempt(f"{postgres_url}?sslmode=require", "select 1 as a")

    async def test_a_database_that_is_not_there(self, attempt: Attempt, postgres_url: str) -> None:
        """Permanent: the connection string is wrong."""
        with pytest.raises(PermanentError, match=r"invalid catalog name \(3D000\)") as caught:
            await attempt(postgres_url.rpartition("/")[0] + "/c4nary", "select 1")

        assert caught.value.kind == "config"
        assert "c4nary" not in str(caught.value)

    async def test_options_of_the_server(self, attempt: Attempt, postgres_url: str) -> None:
        """What the connection string sets holds for every attempt, and a server's own timeout is one."""
        url = f"{postgres_url}?search_path=pg_catalog&statement_timeout=100"

        assert (await attempt(url, "select current_setting('search_path') as v"))["row"] == {"v": "pg_catalog"}
        with pytest.raises(TemporaryError, match="57014") as caught:
            await attempt(url, "select pg_sleep(5)")
        assert caught.value.kind == "timeout"

    @pytest.mark.parametrize(
        ("host", "limits"),
        [
            ("169.254.169.254", ExecutorLimits()),
            ("[::ffff:169.254.169.254]", ExecutorLimits()),
            ("metadata.google.internal", ExecutorLimits()),
            ("127.0.0.1", ExecutorLimits(allow_private_networks=False)),
            ("localhost", ExecutorLimits(allow_private_networks=False)),
            ("127.0.0.1", ExecutorLimits(own_ports=(5999,))),
        ],
    )
    @pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
    async def test_addresses_that_no_action_may_reach(self, scheme: str, host: str, limits: ExecutorLimits) -> None:
        """Refused before anything leaves the machine."""
        async with open_sql(limits) as executor:
            with pytest.raises(PermanentError) as caught:
                await executor.execute(rendered(f"{scheme}://u:c4nary@{host}:5999/d", "select 1", {}), FakeCall())

        assert caught.value.kind == "refused"
        assert "c4nary" not in str(caught.value)

    async def test_a_password_that_is_wrong_stays_unseen(
        self, executor: SqlExecutor, postgres_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The connection string arrives as a secret; what fails tells nothing of it."""
        canary = f"c4nary{secrets.token_hex(20)}"
        config = rendered(
            "$input.url",
            "select $input.url::int",
            {"url": secret(postgres_url.replace("postgres@", f"nobody:{canary}@"))},
        )

        with pytest.raises(ActionError) as caught:
            await executor.execute(config, FakeCall())

        assert canary not in f"{caught.value}{caught.value.facts}{caplog.text}"

    async def test_a_secret_cast_to_a_number_stays_unseen(self, attempt: Attempt, postgres_url: str) -> None:
        """PostgreSQL's own error would hold 38 of its characters."""
        with pytest.raises(PermanentError) as caught:
            await attempt(
                postgres_url, "select $input.a::text::int", a=secret("c4nary-0123456789-0123456789-0123456789")
            )

        assert str(caught.value) == "PostgreSQL: query: invalid text representation (22P02)"
