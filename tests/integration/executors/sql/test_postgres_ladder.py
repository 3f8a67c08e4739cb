"""Statements that PostgreSQL must find types for, without a cast in the text: prepared as the page says, or refused with the cure."""

from typing import Any

import pytest

from runner.errors import ActionError
from runner.executors.sql.postgres.render import render, shared_slots
from runner.executors.sql.shape import Marks, Written, read
from runner.expressions.template import Bound
from tests.integration.executors.sql.conftest import Attempt

ISO = "2024-05-01T12:00:00Z"
DOCUMENT = '\'{"a":{"b":1}}\'::jsonb'
PREPARED: list[tuple[str, Any, Any]] = [
    ("select $input.a + 1 as v", 41, 42),
    ("select $input.a + $input.a as v", 2, 4),
    ("select $input.a * 1.5 as v", 2.5, "3.75"),
    ("select -$input.a as v", 4, -4),
    ("select $input.a % 3 as v", 7, 1),
    ("select abs($input.a) as v", -3.5, 3.5),
    ("select power($input.a, 2) as v", 3, 9.0),
    ("select round($input.a, 1) as v", 12.25, "12.3"),
    ("select greatest($input.a, 3) as v", 9, 9),
    ("select coalesce($input.a, 7) as v", None, 7),
    ("select nullif($input.a, '') as v", "", None),
    ("select $input.a as v", 5, "5"),
    ("select $input.a as v", "x", "x"),
    ("select $input.a || 'x' as v", "y", "yx"),
    ("select $input.a || $input.a as v", "y", "yy"),
    ("select length($input.a) as v", "abc", 3),
    ("select upper($input.a) as v", "abc", "ABC"),
    ("select md5($input.a) as v", "x", "9dd4e461268c8034f5c8564e155c67a6"),
    ("select 'abc' like $input.a as v", "a%", True),
    ("select 'abc' ~ $input.a as v", "^a", True),
    ("select concat($input.a, '-', $input.a) as v", 5, "5-5"),
    ("select format('%s', $input.a) as v", 5, "5"),
    ("select pg_typeof($input.a)::text as v", 5, "integer"),
    ("select pg_typeof($input.a)::text as v", 1.5, "numeric"),
    ("select pg_typeof($input.a)::text as v", True, "boolean"),
    ("select case when $input.a then 1 else 2 end as v", True, 1),
    ("select case when $input.a > 1 then $input.a else 0 end as v", 4, 4),
    ("select not $input.a as v", False, True),
    ("select $input.a is null as v", None, True),
    ("select $input.a is not distinct from 'x' as v", "x", True),
    ("select $input.a = $input.a as v", 1, True),
    ("select $input.a > 0 and $input.a || '' = '1' as v", 1, True),
    ("select 1 between $input.a and $input.a as v", 1, True),
    ("select exists (select 1 where $input.a) as v", True, True),
    ("select 1 as v where 1 = any($input.a)", [1, 2], 1),
    ("select 'b' = any($input.a) as v", ["a", "b"], True),
    ("select sum(v) as v from unnest($input.a) as v", [1, 2], 3),
    ("select string_agg(v, '') as v from unnest($input.a) as v", ["a", "b"], "ab"),
    ("select array[$input.a, $input.a] as v", 3, ["3", "3"]),
    ("select (array[1, 2, 3])[$input.a] as v", 2, 2),
    ("select array_append(array[1], $input.a) as v", 2, [1, 2]),
    ("select array_length($input.a, 1) as v", [1, 2], 2),
    ("select $input.a <@ array['a', 'b'] as v", ["a"], True),
    ("select json_build_object('k', $input.a) as v", 5, {"k": 5}),
    ("select jsonb_build_object('k', $input.a, 'l', $input.a) as v", [1, 2], {"k": [1, 2], "l": [1, 2]}),
    ("select to_jsonb($input.a) as v", {"a": 1}, {"a": 1}),
    ("select to_json($input.a) as v", "x", "x"),
    ("select jsonb_agg(v) as v from jsonb_array_elements($input.a) as v", [1, {"x": 2}], [1, {"x": 2}]),
    (
        "select max(id) as v from jsonb_to_recordset($input.a) as x(id bigint, t text)",
        [{"id": 2**53 + 1, "t": "x"}],
        2**53 + 1,
    ),
    (f"select {DOCUMENT} #> $input.a as v", ["a", "b"], 1),
    (f"select {DOCUMENT} ? $input.a as v", "a", True),
    (f"select {DOCUMENT} @> $input.a as v", {"a": {}}, True),
    ("select 1 as v limit $input.a", 1, 1),
    ("select 1 as v offset $input.a", 0, 1),
    ("values ($input.a)", 1, "1"),
    ("with w as (select $input.a as q) select q + 1 as v from w", 5, 6),
    ("select sum(x) as v from (values ($input.a), (2)) t(x)", 3, 5),
    ("select row_to_json(x) as v from (select $input.a as q) x", 5, {"q": "5"}),
    ("select date '2024-05-01' + $input.a as v", 1, "2024-05-02"),
    ("select extract(year from $input.a::date) as v", "2024-05-01", 2024),
    ("select to_char($input.a::timestamptz, 'YYYY') as v", ISO, "2024"),
    ("select to_timestamp($input.a) as v", 0, "1970-01-01T00:00:00Z"),
    ("select interval '1 day' * $input.a as v", 2, "P2D"),
    ("select make_interval(days => $input.a) as v", 3, "P3D"),
    ("select timestamptz '2024-05-02 00:00Z' > $input.a as v", ISO, True),
    ("select inet '10.0.0.1' << $input.a as v", "10.0.0.0/8", True),
    ("select int4range(1, 5) && $input.a as v", "[2,3)", True),
    (
        "select uuid '00000000-0000-0000-0000-000000000001' = $input.a as v",
        "00000000-0000-0000-0000-000000000001",
        True,
    ),
    ("explain (costs off) select $input.a", 5, "Result"),
]
REFUSED = [
    ("select date_trunc('day', $input.a) as v", ISO, "write the type behind the reference"),
    ("select to_char($input.a, 'YYYY') as v", ISO, "write the type behind the reference"),
    ("select nosuch($input.a) as v", 1, r"undefined function \(42883\) at nosuch in line 1"),
    ("select $input.a from nosuch", 1, r"undefined table \(42P01\) at nosuch in line 1"),
    ("select 1 as v where 'a' in ($input.a)", ["a"], r"\$input.a: expected text for text, found a list: write `= any"),
    ("select int4range(1, 5) @> $input.a as v", 3, r"the server was given \$input.a as int4range"),
    ("select 1 + $input.a as v", 1.5, r"\$input.a: expected an integer from .* for integer, found a number"),
    ("select 1 + $input.a as v", True, r"\$input.a: expected an integer from .* for integer, found true or false"),
    ("select 1 frm $input.a", 1, r"syntax \(42601\) at \$input.a in line 1"),
]


class TestLadder:
    @pytest.mark.parametrize(("query", "value", "expected"), PREPARED)
    async def test_prepared(self, attempt: Attempt, postgres_url: str, query: str, value: Any, expected: Any) -> None:
        """The statement runs as it is written, and again from what was kept about it."""
        for _ in range(2):
            found = await attempt(postgres_url, query, a=value)

            assert next(iter(found["row"].values())) == expected

    @pytest.mark.parametrize(("query", "value", "message"), REFUSED)
    async def test_refused_with_the_cure(
        self, attempt: Attempt, postgres_url: str, query: str, value: Any, message: str
    ) -> None:
        """What cannot be decided or does not fit names the reference or the word, and what to do."""
        with pytest.raises(ActionError, match=message):
            await attempt(postgres_url, query, a=value)

    async def test_a_failed_rung_leaves_the_transaction_whole(self, attempt: Attempt, postgres_url: str) -> None:
        """What an earlier statement did is still there."""
        found = await attempt(
            postgres_url,
            [
                "create temp table l (n int)",
                "insert into l values (1)",
                "select pg_typeof($input.a)::text as t, n from l",
            ],
            a=5,
        )

        assert found[2]["row"] == {"t": "integer", "n": 1}

    async def test_the_same_source_with_other_values_is_two_parameters(
        self, attempt: Attempt, postgres_url: str
    ) -> None:
        """An expression that gives something else each time is not taken for one value."""
        found = await attempt(postgres_url, "select {{ uuid() }} as a, {{ uuid() }} as b")

        assert found["row"]["a"] != found["row"]["b"]

    def test_rungs(self) -> None:
        """One parameter, one an occurrence, one with casts; texts that look like placeholders stay."""
        parts: list[str | Bound] = ["select ", Bound("$x", 1), ", '$9', ", Bound("$y", 2), ", ", Bound("$x", 1)]
        shape = read(Written.of(parts), "postgres", Marks(), exactly_once=False, label="query")
        shared, types = shared_slots(shape, (1, 2, 1)), ["integer", "text", "integer"]

        assert render(shape, "shared", shared, types, {}) == ("select $1, '$9', $2, $1", (0, 1))
        assert render(shape, "apart", shared, types, {}) == ("select $1, '$9', $2, $3", (0, 1, 2))
        assert render(shape, "cast", shared, types, {}).sql == "select $1::integer, '$9', $2::text, $1::integer"
        assert render(shape, "shared", shared, types, {2: "inet[]"}).sql == "select $1, '$9', $2::text[]::inet[], $1"
