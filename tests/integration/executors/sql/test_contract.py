"""What every database must do, whichever it is: one suite over the three."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from runner.errors import ActionError, PermanentError, TemporaryError
from runner.executors.sql.executor import open_sql
from runner.ports import ExecutorLimits
from tests.integration.executors.sql.conftest import Attempt, Database, FakeCall, Quiet, rendered, secret

HOSTILE = [
    "'; drop table t; --",
    "\\'; drop table t; #",
    "' or '1'='1",
    '"quoted" `ticked` [bracketed]',
    "back\\slash \\0 \\n %s %(x)s ? $1 :name {{ x }}",
    "$$ $tag$ /* */ -- ;",
    "emoji 🧨👩‍👩‍👧 and combining é",
    "\u202eright to left\u202c שלום مرحبا",
    "line\nbreak\ttab\rreturn",
    "¿ \u0080 \u00a0 \ufeff \uffff",
    "",
    " ",
    "null",
    "x" * 70_000,
]


@pytest.fixture
async def table(attempt: Attempt, database: Database) -> AsyncIterator[Any]:
    """A table `(id integer, a text)`, gone afterwards."""
    name = f"t_{secrets.token_hex(6)}"
    kind = "longtext character set utf8mb4" if database.dialect == "mysql" else "text"
    await attempt(database.url, f"create table {name} (id integer primary key, a {kind})")
    yield name
    await attempt(database.url, f"drop table {name}")


class TestValues:
    async def test_hostile_text_arrives_unchanged(self, attempt: Attempt, database: Database, table: str) -> None:
        """Whatever a value holds, it is a value: the table gets it as it was."""
        for number, text in enumerate(HOSTILE):
            await attempt(database.url, f"insert into {table} (id, a) values ($input.id, $input.a)", id=number, a=text)

        found = await attempt(database.url, f"select a from {table} order by id")

        assert [row["a"] for row in found["rows"]] == HOSTILE

    async def test_a_hostile_value_finds_only_itself(self, attempt: Attempt, database: Database, table: str) -> None:
        """A condition compares with the value and is no condition of its own."""
        await attempt(database.url, f"insert into {table} values (1, 'a')")

        found = await attempt(database.url, f"select * from {table} where a = $input.a", a="' or '1'='1")

        assert found == {"row": None, "rows": [], "row_count": 0}

    async def test_huge_integers_are_exact(self, attempt: Attempt, database: Database, table: str) -> None:
        """Beyond 2^53, where doubles have gaps."""
        number = 2**53 + 1
        kind = "signed" if database.dialect == "mysql" else "bigint"

        found = await attempt(database.url, f"select cast($input.n as {kind}) as n", n=number)

        assert found["row"] == {"n": number}

    async def test_half_a_surrogate_pair_is_a_clear_error(
        self, attempt: Attempt, database: Database, table: str
    ) -> None:
        """No database can hold it; the message names the reference."""
        with pytest.raises(PermanentError, match=r"query: \$input\.a: expected Unicode text") as caught:
            await attempt(database.url, f"insert into {table} values (1, $input.a)", a="x\ud800")

        assert caught.value.kind == "value"

    async def test_null_is_null(self, attempt: Attempt, database: Database, table: str) -> None:
        """Everywhere."""
        await attempt(database.url, f"insert into {table} values (1, $input.a)", a=None)

        assert (await attempt(database.url, f"select a from {table} where a is null"))["row_count"] == 1


class TestResults:
    async def test_row_rows_and_row_count(self, attempt: Attempt, database: Database, table: str) -> None:
        """The first row, all rows, and how many were returned or changed."""
        inserted = await attempt(database.url, f"insert into {table} values (1, 'a'), (2, 'b')")
        changed = await attempt(database.url, f"update {table} set a = 'c' where id = 2")
        found = await attempt(database.url, f"select id, a from {table} order by id;")

        assert inserted == {"row": None, "rows": [], "row_count": 2}
        assert changed["row_count"] == 1
        assert found == {"row": {"id": 1, "a": "a"}, "rows": [{"id": 1, "a": "a"}, {"id": 2, "a": "c"}], "row_count": 2}

    async def test_more_rows_than_allowed_are_an_error(self, attempt: Attempt, database: Database, table: str) -> None:
        """Not a silent cut; exactly as many are none, and the session goes on."""
        for number in range(3):
            await attempt(database.url, f"insert into {table} values ($input.n, 'a')", n=number)

        with pytest.raises(PermanentError, match=r"more than 2 rows \(max_rows\)") as caught:
            await attempt(database.url, f"select * from {table}", config={"max_rows": 2})

        assert caught.value.kind == "limit"
        assert (await attempt(database.url, f"select * from {table}", config={"max_rows": 3}))["row_count"] == 3

    async def test_a_result_without_end_is_bounded(self, attempt: Attempt, database: Database) -> None:
        """A billion rows never come into memory."""
        query = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000000) select i from n"
        if database.dialect == "mysql":
            query = "select a.seq from seq_1_to_1000000 a, seq_1_to_1000 b"

        with anyio.fail_after(20), pytest.raises(PermanentError, match="more than 1000 rows"):
            await attempt(database.url, query)

    async def test_too_many_bytes_are_an_error(self, attempt: Attempt, database: Database, table: str) -> None:
        """A few rows may be too large as well."""
        for number in range(3):
            await attempt(database.url, f"insert into {table} values ($input.n, $input.a)", n=number, a="x" * 2_000_000)

        with pytest.raises(PermanentError, match=r"larger than 5000000 bytes \(max_response_size\)"):
            await attempt(database.url, f"select a from {table}")

    async def test_two_columns_of_one_name_are_an_error(self, attempt: Attempt, database: Database) -> None:
        """One of them would be lost."""
        with pytest.raises(PermanentError, match="two columns are named a: give one of them another name with AS"):
            await attempt(database.url, "select 1 as a, 2 as a")


class TestTransactions:
    async def test_queries_are_one_transaction(self, attempt: Attempt, database: Database, table: str) -> None:
        """The value is a list; later statements see what earlier ones did."""
        found = await attempt(
            database.url, [f"insert into {table} values (1, $input.a)", f"select a from {table}"], a="x"
        )

        assert [one["row_count"] for one in found] == [1, 1]
        assert found[1]["row"] == {"a": "x"}

    async def test_what_fails_rolls_back_whole(self, attempt: Attempt, database: Database, table: str) -> None:
        """A mistake in the second statement undoes the first."""
        with pytest.raises(PermanentError, match=r"queries\[1\]") as caught:
            await attempt(
                database.url, [f"insert into {table} values (1, 'a')", f"insert into {table} values (1, 'b')"]
            )

        assert (caught.value.kind, caught.value.effect) == ("value", "none")
        assert (await attempt(database.url, f"select * from {table}"))["row_count"] == 0

    async def test_too_many_rows_roll_back_too(self, attempt: Attempt, database: Database, table: str) -> None:
        """An error leaves nothing done."""
        with pytest.raises(PermanentError, match="max_rows"):
            await attempt(
                database.url,
                [f"insert into {table} values (1, 'a'), (2, 'b')", f"select * from {table}"],
                config={"max_rows": 1},
            )

        assert (await attempt(database.url, f"select * from {table}"))["row_count"] == 0

    async def test_only_what_may_change_something_says_that_it_leaves(
        self, attempt: Attempt, database: Database, table: str
    ) -> None:
        """A read that is cut off has done nothing."""
        reads, writes = FakeCall(), FakeCall()

        await attempt(database.url, f"select * from {table}", call=reads)
        await attempt(database.url, f"insert into {table} values (1, 'a')", call=writes)

        assert (reads.left, writes.left) == (0, 1)

    async def test_isolation(self, attempt: Attempt, database: Database, table: str) -> None:
        """A level that the database has is taken, another is refused by name."""
        found = await attempt(database.url, f"select count(*) as n from {table}", config={"isolation": "serializable"})

        assert found["row"] == {"n": 0}
        if database.dialect == "sqlite":
            with pytest.raises(PermanentError, match="expected one of serializable"):
                await attempt(database.url, "select 1 as a", config={"isolation": "read committed"})


class TestLists:
    @pytest.mark.parametrize(("values", "found"), [([1, 3], [1, 3]), ([], []), ([2], [2])])
    async def test_a_list_alone_is_spread(
        self, attempt: Attempt, database: Database, table: str, values: Any, found: Any
    ) -> None:
        """`in ( … )` on SQLite and MySQL, `= any( … )` on PostgreSQL; an empty list matches nothing."""
        await attempt(database.url, f"insert into {table} values (1, 'a'), (2, 'b'), (3, 'c')")
        condition = "= any($input.ids)" if database.dialect == "postgres" else "in ($input.ids)"

        rows = (await attempt(database.url, f"select id from {table} where id {condition} order by id", ids=values))[
            "rows"
        ]

        assert [row["id"] for row in rows] == found

    async def test_not_in_an_empty_list_is_everything(self, attempt: Attempt, database: Database, table: str) -> None:
        """As logic has it."""
        await attempt(database.url, f"insert into {table} values (1, 'a')")
        condition = "<> all($input.ids)" if database.dialect == "postgres" else "not in ($input.ids)"

        assert (await attempt(database.url, f"select id from {table} where id {condition}", ids=[]))["row_count"] == 1


class TestParams:
    async def test_by_name_and_by_place(self, attempt: Attempt, database: Database) -> None:
        """Statements of other tools run as they are."""
        mark = "$1::int" if database.dialect == "postgres" else "?"
        cast = "::int" if database.dialect == "postgres" else ""

        by_name = await attempt(
            database.url, f"select :a{cast} as a, :a{cast} as b", config={"params": {"a": "$input.x"}}, x=5
        )
        by_place = await attempt(database.url, f"select {mark} as a", config={"params": [7]})

        assert (by_name["row"], by_place["row"]) == ({"a": 5, "b": 5}, {"a": 7})

    async def test_a_value_that_nothing_uses_is_refused(self, attempt: Attempt, database: Database) -> None:
        """It would be a mistake somewhere."""
        with pytest.raises(PermanentError, match=r"^params\.b: no statement has a placeholder for it"):
            await attempt(database.url, "select :a as a", config={"params": {"a": 1, "b": 2}})


class TestErrors:
    async def test_a_mistake_in_the_text_names_it(self, attempt: Attempt, database: Database) -> None:
        """A table that is not there is permanent, and nothing was done."""
        with pytest.raises(PermanentError, match="nosuch") as caught:
            await attempt(database.url, "select * from nosuch")

        assert (caught.value.kind, caught.value.effect) == ("statement", "none")

    @pytest.mark.parametrize(
        "query",
        [
            "insert into {table} values (1, $input.a), (1, $input.a)",
            "insert into {table} values ($input.a, 'x')",
            "select * from {table} where nosuch = $input.a",
            "insert into {table} (id) select id from nosuch where a = $input.a",
            "update {table} set id = $input.a",
        ],
    )
    async def test_no_error_holds_a_secret(
        self, attempt: Attempt, database: Database, table: str, query: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither the value nor a part of it, in the error or what is logged about it."""
        canary = "c4nary-" + "0123456789abcdef" * 4
        await attempt(database.url, f"insert into {table} values (7, 'x')")

        with pytest.raises(ActionError) as caught:
            await attempt(database.url, query.format(table=table), a=secret(canary))

        told = (
            f"{caught.value} {caught.value.facts} {caught.value.__cause__!r} {caught.value.__context__!r} {caplog.text}"
        )
        assert "c4nary" not in str(caught.value) + str(caught.value.facts)
        assert caught.value.__suppress_context__, told
        assert "c4nary" not in "".join(record.getMessage() for record in caplog.records if record.levelname != "DEBUG")

    async def test_a_reference_where_the_dialect_allows_none_is_refused_before_anything_is_sent(
        self, attempt: Attempt, database: Database
    ) -> None:
        """The dialect is known now, so what was let through at load is looked at again."""
        with pytest.raises(PermanentError, match=r"^query, line 1, column 9: a reference inside a literal"):
            await attempt(database.url, "select '$input.a'", a=1)


class TestCancellation:
    async def test_a_statement_is_stopped_and_the_next_one_runs(
        self, attempt: Attempt, database: Database, table: str
    ) -> None:
        """After a timeout the table is free and connections work."""
        slow = {
            "postgres": f"update {table} set a = pg_sleep(30)::text",
            "mysql": f"update {table} set a = sleep(30)",
            "sqlite": f"insert into {table} with recursive n(i) as (select 2 union all select i + 1 from n) select i, 'x' from n where i < 0",
        }[database.dialect]
        await attempt(database.url, f"insert into {table} values (1, 'a')")

        with anyio.move_on_after(0.3) as scope:
            await attempt(database.url, slow)
        assert scope.cancelled_caught

        with anyio.fail_after(30):
            await attempt(database.url, f"update {table} set a = 'b' where id = 1")
            assert (await attempt(database.url, f"select a from {table}"))["row"] == {"a": "b"}

    async def test_many_at_once_and_some_cancelled(self, attempt: Attempt, database: Database, table: str) -> None:
        """Whatever instant a cancel comes at, the pool stays whole."""

        async def work(number: Any) -> None:
            with anyio.move_on_after(number * 0.002 if number % 2 else 60):
                await attempt(database.url, f"select count(*) as n, {number} as k from {table}")

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for number in range(40):
                    group.start_soon(work, number)

        assert (await attempt(database.url, f"select count(*) as n from {table}"))["row"] == {"n": 0}


class TestSessions:
    async def test_what_an_attempt_sets_does_not_reach_the_next(
        self, attempt: Attempt, quiet: Quiet, database: Database, table: str
    ) -> None:
        """Temporary tables go with the attempt that made them."""
        await attempt(database.url, ["create temporary table mine (a integer)", "insert into mine values (1)"])
        await quiet()

        for _ in range(3):
            with pytest.raises(PermanentError, match="mine"):
                await attempt(database.url, "select * from mine")

    @pytest.mark.parametrize("scheme", ["postgresql", "mysql", "mariadb"])
    async def test_a_server_that_is_not_there(self, scheme: str) -> None:
        """A connection that cannot be made may be tried again, and nothing was done."""
        async with open_sql(ExecutorLimits()) as executor:
            with pytest.raises(TemporaryError) as caught:
                await executor.execute(rendered(f"{scheme}://u:c4nary@127.0.0.1:1/d", "select 1", {}), FakeCall())

        assert (caught.value.kind, caught.value.effect) == ("connection", "none")
        assert "c4nary" not in str(caught.value)
