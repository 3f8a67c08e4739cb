"""MySQL and MariaDB themselves: every common type, what the connector gets wrong, sessions."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from runner.errors import ActionError, PermanentError, TemporaryError
from runner.executors.sql.executor import open_sql
from runner.ports import ExecutorLimits
from tests.integration.executors.sql.conftest import Attempt, FakeCall, Quiet, rendered

COLUMNS: list[tuple[str, Any, Any]] = [
    ("boolean", True, 1),
    ("tinyint", -128, -128),
    ("smallint", 300, 300),
    ("mediumint", 70_000, 70_000),
    ("int", "12", 12),
    ("bigint", 2**53 + 1, 2**53 + 1),
    ("bigint unsigned", 2**64 - 1, 2**64 - 1),
    ("decimal(10,2)", "12.50", "12.50"),
    ("decimal(10,2)", 12.1, "12.10"),
    ("decimal(30,0)", 2**70, 2**70),
    ("double", 12.1, 12.1),
    ("double", 1e300, 1e300),
    ("float", 12.1, 12.1),
    ("bit(3)", 5, 5),
    ("year", 2024, 2024),
    ("varchar(50) collate utf8mb4_bin", "a, 'b'", "a, 'b'"),
    ("text", "%s ? 🧨", "%s ? 🧨"),
    ("text", 12.1, "12.1"),
    ("char(5)", "abc", "abc"),
    ("enum('x','y')", "x", "x"),
    ("set('x','y')", "x,y", "x,y"),
    ("blob", b"\x00\xff", "AP8="),
    ("varbinary(9)", b"\x00\xff", "AP8="),
    ("date", "2024-05-01", "2024-05-01"),
    ("datetime", "2024-05-01T12:30:00", "2024-05-01T12:30:00"),
    ("datetime(6)", "2024-05-01T12:30:00.123456+02:00", "2024-05-01T10:30:00.123456"),
    ("timestamp(3)", "2024-05-01T12:30:00.5Z", "2024-05-01T12:30:00.5Z"),
    ("time", "12:30:00", "12:30:00"),
    ("time", "-838:59:59", "-838:59:59"),
    ("time(3)", "00:00:00.25", "00:00:00.25"),
    ("json", {"a": [1, None]}, '{"a":[1,null]}'),
    ("char(36)", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("longtext", "x" * 300_000, "x" * 300_000),
]


@pytest.fixture
async def url(attempt: Attempt, mysql_url: str) -> AsyncIterator[str]:
    yield mysql_url
    await attempt(mysql_url, "drop table if exists v")


class TestTypes:
    async def test_plain_json_values_into_every_common_column_and_back(self, attempt: Attempt, url: str) -> None:
        """As the tables in `mysql.values` say; MariaDB's JSON is text."""
        for kind, value, expected in COLUMNS:
            await attempt(url, f"create or replace table v (a {kind} null)")
            await attempt(url, "insert into v values ($input.a)", a=value)
            assert (await attempt(url, "select a from v"))["row"] == {"a": expected}, kind
            await attempt(url, "update v set a = $input.a", a=None)
            assert (await attempt(url, "select a from v"))["row"] == {"a": None}, kind

    @pytest.mark.parametrize(
        "query",
        ["insert into v values ($input.a)", "insert into v (a) values (1), ($input.a)", "update v set a = $input.a"],
    )
    @pytest.mark.parametrize("value", [1.5, "1.5"])
    async def test_a_fraction_into_an_integer_column_is_refused(
        self, attempt: Attempt, url: str, query: str, value: Any
    ) -> None:
        """These databases would round it without a word."""
        await attempt(url, "create table v (a int)")

        with pytest.raises(
            PermanentError, match=r"\$input.a: expected an integer for its column, found a number with a fraction"
        ):
            await attempt(url, query, a=value)

        assert (await attempt(url, "select * from v"))["row_count"] == 0

    async def test_fractions_elsewhere_are_as_they_were(self, attempt: Attempt, url: str) -> None:
        """The check is about integer columns alone."""
        await attempt(url, "create table v (a int, b double, c text)")

        await attempt(url, "insert into v (b, c, a) values ($input.x, $input.x, round($input.x))", x=2.5)

        assert (await attempt(url, "select b, c from v"))["row"] == {"b": 2.5, "c": "2.5"}

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("int", "c4nary"),
            ("tinyint", 300),
            ("varchar(3)", "c4nary"),
            ("datetime", "c4nary"),
            ("enum('x')", "c4nary"),
            ("decimal(5,2)", 12345),
            ("int unsigned", -1),
        ],
    )
    async def test_what_does_not_fit_is_an_error(self, attempt: Attempt, url: str, kind: str, value: Any) -> None:
        """Sessions are strict, whatever the server's default; the column is named, the value is not."""
        await attempt(url, f"create table v (a {kind})")

        with pytest.raises(PermanentError, match=r", column a$") as caught:
            await attempt(url, "insert into v values ($input.a)", a=value)

        assert caught.value.kind == "value"
        assert "c4nary" not in f"{caught.value}{caught.value.facts}"

    async def test_dates_that_python_cannot_hold(self, attempt: Attempt, url: str) -> None:
        """Zero dates come back as they are."""
        await attempt(url, ["create table v (a date, b datetime)", "insert into v values ('0000-00-00', '0000-00-00')"])

        assert (await attempt(url, "select a, b from v"))["row"] == {"a": "0000-00-00", "b": "0000-00-00T00:00:00"}

    async def test_a_year_does_not_shift_what_follows(self, attempt: Attempt, url: str) -> None:
        """The connector alone reads it as text of some other length."""
        await attempt(url, ["create table v (a year, b text)", "insert into v values (2024, 'x')"])

        assert (await attempt(url, "select a, b from v"))["row"] == {"a": 2024, "b": "x"}

    async def test_a_row_of_several_packets(self, url: str) -> None:
        """Over 16 MB, where the connector would cut a value and take its rest for a row."""
        query = "select repeat('a', 9000000) as a, repeat('b', 9000000) as b"
        async with open_sql(ExecutorLimits(max_response_size=50_000_000)) as executor:
            row = (await executor.execute(rendered(url, query, {}), FakeCall())).value["row"]

        assert (row["a"], row["b"]) == ("a" * 9_000_000, "b" * 9_000_000)

    async def test_sums_are_numbers(self, attempt: Attempt, url: str) -> None:
        """A decimal without fraction digits is an integer."""
        assert (await attempt(url, "select sum(n) as s from (select 1 as n union select 2) t"))["row"] == {"s": 3}


class TestSessions:
    async def test_sessions_are_in_utc_and_forget(self, attempt: Attempt, quiet: Quiet, url: str) -> None:
        """Variables and settings of one attempt do not reach the next."""
        await attempt(url, ["set @mine = 5", "set time_zone = '+05:00'"])
        await quiet()

        for _ in range(2):
            row = (await attempt(url, "select @mine as mine, @@time_zone as zone, @@sql_mode as mode"))["row"]
            assert (row["mine"], row["zone"]) == (None, "+00:00")
            assert "STRICT_ALL_TABLES" in row["mode"]

    async def test_isolation(self, attempt: Attempt, url: str) -> None:
        """For the one transaction."""
        query = "select trx_isolation_level as v from information_schema.innodb_trx where trx_mysql_thread_id = connection_id()"
        await attempt(url, "create table v (a int) engine = innodb")

        for level in ("serializable", "read committed"):
            found = await attempt(
                url, ["insert into v values (1)", "select sleep(0.15) as s", query], config={"isolation": level}
            )
            assert found[2]["row"] == {"v": level.upper()}

    async def test_several_statements_never_run_as_one(self, attempt: Attempt, url: str) -> None:
        """The protocol itself refuses what the lexer would let through."""
        with pytest.raises(PermanentError):
            await attempt(url, "create procedure p() begin end; drop table v; begin end")

    async def test_no_file_is_sent_to_the_server(self, attempt: Attempt, url: str) -> None:
        """LOCAL INFILE is off."""
        await attempt(url, "create table v (a text)")

        with pytest.raises(ActionError):
            await attempt(url, "load data local infile '/etc/hostname' into table v", config={"transaction": False})

        assert (await attempt(url, "select * from v"))["row_count"] == 0

    async def test_a_deadlock_is_a_conflict(self, attempt: Attempt, url: str) -> None:
        """One of the two may try again."""
        await attempt(
            url, ["create table v (a int primary key, n int) engine = innodb", "insert into v values (1, 0), (2, 0)"]
        )
        failures: list[ActionError] = []

        async def update(first: int, second: int) -> None:
            change = "update v set n = n + 1 where a = {}"
            try:
                await attempt(url, [change.format(first), "select sleep(0.5) as s", change.format(second)])
            except ActionError as error:
                failures.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(update, 1, 2)
            group.start_soon(update, 2, 1)

        assert [(error.kind, error.facts["code"]) for error in failures] == [("conflict", 1213)]

    async def test_a_server_that_ends_the_connection(self, attempt: Attempt, url: str) -> None:
        """The kind is `connection`, and the next attempt has a new one."""

        async def kill() -> None:
            query = (
                "select id from information_schema.processlist where db = database() and info like 'select sleep(31)%'"
            )
            while not (found := await attempt(url, query))["rows"]:
                await anyio.lowlevel.checkpoint()
            await attempt(url, f"kill {found['row']['id']}", config={"transaction": False})

        async with anyio.create_task_group() as group:
            group.start_soon(kill)
            with pytest.raises(TemporaryError) as caught:
                await attempt(url, "select sleep(31) as s")

        assert caught.value.kind == "connection"
        assert (await attempt(url, "select 1 as a"))["row"] == {"a": 1}

    async def test_a_timeout_stops_the_statement_on_the_server(self, attempt: Attempt, url: str) -> None:
        """When the attempt is over, so is its query."""
        with anyio.move_on_after(0.3):
            await attempt(url, "select sleep(32) as s")

        query = "select count(*) as n from information_schema.processlist where db = database() and info like 'select sleep(32)%'"
        with anyio.fail_after(30):
            while (await attempt(url, query))["row"]["n"]:
                await anyio.lowlevel.checkpoint()

    async def test_tls_that_is_wanted_and_not_there(self, attempt: Attempt, url: str) -> None:
        """Refused before the password is sent."""
        has_tls = (await attempt(url, "select @@have_ssl as v"))["row"]["v"] == "YES"

        if not has_tls:
            with pytest.raises(TemporaryError, match="could not be made"):
                await attempt(f"{url}?sslmode=require", "select 1 as a")
