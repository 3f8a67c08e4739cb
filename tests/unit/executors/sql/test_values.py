"""Values on their way in, without a database: what fits, what does not, and that no message holds a value."""

import math
from decimal import Decimal
from typing import Any

import pytest

from runner.executors.sql import values
from runner.executors.sql.mysql.values import bind as bind_mysql
from runner.executors.sql.postgres.encode import encode
from runner.executors.sql.postgres.render import json_cast
from runner.executors.sql.postgres.types import PgType
from runner.executors.sql.sqlite.values import bind as bind_sqlite
from runner.executors.sql.values import MisfitError

INTEGER, BIGINT = PgType("int", "integer", 4), PgType("int", "bigint", 8)
REAL, DOUBLE, NUMERIC = PgType("float", "real", 4), PgType("float", "double precision", 8), PgType("numeric", "numeric")
BOOL, TEXT, BYTEA, UUID, JSON = (PgType(role, role) for role in ("bool", "text", "bytea", "uuid", "json"))
DATE, TIME, MOMENT = PgType("date", "date"), PgType("time", "time"), PgType("timestamptz", "timestamptz")
INTEGERS, TEXTS = PgType("array", "integer[]", element=INTEGER), PgType("array", "text[]", element=TEXT)
JSONS = PgType("array", "jsonb[]", element=JSON)


class TestPostgres:
    @pytest.mark.parametrize(
        ("kind", "value", "expected"),
        [
            (INTEGER, 7, 7), (INTEGER, 7.0, 7), (INTEGER, "-7", -7), (BIGINT, 2**53 + 1, 2**53 + 1), (BIGINT, str(2**63 - 1), 2**63 - 1),
            (NUMERIC, 12.1, Decimal("12.1")), (NUMERIC, "12.50", Decimal("12.50")), (NUMERIC, 10**40, Decimal(10**40)), (NUMERIC, 1e-7, Decimal("1E-7")),
            (DOUBLE, 12.1, 12.1), (DOUBLE, 3, 3.0), (DOUBLE, "1e3", 1000.0), (REAL, 0.1, 0.1), (REAL, 2**24, float(2**24)),
            (BOOL, True, True), (BOOL, "false", False), (TEXT, "a,'b\"", "a,'b\""), (TEXT, 5, "5"), (TEXT, 12.1, "12.1"), (TEXT, True, "true"),
            (BYTEA, b"\x00", b"\x00"), (BYTEA, "AAE=", b"\x00\x01"), (DATE, "2000-01-02", 1), (TIME, "00:00:01", 1_000_000), (MOMENT, "2000-01-01", 0),
            (MOMENT, "2000-01-01T02:00:00+02:00", 0), (MOMENT, "infinity", 2**63 - 1), (JSON, "x", '"x"'), (JSON, {"a": [1, None]}, '{"a":[1,null]}'),
            (INTEGERS, [1, None, "2"], [1, None, 2]), (INTEGERS, [[1], [2]], [[1], [2]]), (INTEGERS, [], []), (TEXTS, ["a,b", 1], ["a,b", "1"]),
            (JSONS, [[1], "a", None], ["[1]", '"a"', None]), (INTEGER, None, None),
        ],
    )  # fmt: skip
    def test_what_fits_is_exact(self, kind: Any, value: Any, expected: Any) -> None:
        """JSON values become the column's own, nothing lost."""
        found = encode(value, kind)

        assert found == expected
        assert type(found) is type(expected)

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            (INTEGER, 1.5), (INTEGER, True), (INTEGER, "1.5"), (INTEGER, "x"), (INTEGER, 2**31), (INTEGER, "007"), (INTEGER, " 1"), (INTEGER, "\u0661"),
            (INTEGER, [1]), (BIGINT, 2**63), (BIGINT, 1e300), (BIGINT, "9" * 5000), (NUMERIC, True), (NUMERIC, "12,5"), (NUMERIC, "c4nary"), (NUMERIC, math.nan),
            (DOUBLE, 2**53 + 1), (DOUBLE, "1e400"), (DOUBLE, False), (REAL, 2**24 + 1), (REAL, 1e39), (BOOL, 1), (BOOL, "yes"), (TEXT, {"a": 1}),
            (TEXT, ["a"]), (TEXT, "a\0b"), (TEXT, "\ud800"), (TEXT, b"x"), (BYTEA, "not base64!"), (BYTEA, 5), (DATE, "2024-05-01T00:00:00Z"), (DATE, 5),
            (DATE, "tomorrow"), (MOMENT, "now"), (MOMENT, 5), (TIME, "noon"), (UUID, "c4nary"), (UUID, 5), (JSON, b"x"), (JSON, math.inf), (JSON, "\ud800"),
            (INTEGERS, 5), (INTEGERS, [1, [2]]), (INTEGERS, [[1], [2, 3]]), (INTEGERS, [1.5]), (PgType("composite", "point3d"), {"x": 1}),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused(self, kind: Any, value: Any) -> None:
        """Nothing is rounded or cut; the message says both types and never the value."""
        with pytest.raises(MisfitError) as caught:
            encode(value, kind)

        assert "c4nary" not in str(caught.value)
        assert "expected" in str(caught.value) or "row type" in str(caught.value)

    def test_a_list_for_one_value_names_the_cure(self) -> None:
        """`in ($list)` is the usual mistake."""
        with pytest.raises(MisfitError, match=r"^expected text for text, found a list: write `= any\(\$reference\)`"):
            encode(["a"], TEXT)

    @pytest.mark.parametrize(
        ("value", "cast"),
        [
            (1, "integer"), (2**31, "bigint"), (2**63, "numeric"), (1.5, "numeric"), (True, "boolean"), ("x", "text"), (None, "text"), (b"x", "bytea"),
            ({}, "jsonb"), ([], "jsonb"), ([1, 2], "integer[]"), ([1, 2**40], "bigint[]"), (["a"], "text[]"), ([1, "a"], "jsonb"), ([[1]], "jsonb"), ([{}], "jsonb"),
        ],
    )  # fmt: skip
    def test_types_by_value(self, value: Any, cast: Any) -> None:
        """The last rung's casts are those of PostgreSQL's own literals."""
        assert json_cast(value) == cast


class TestTheOthers:
    @pytest.mark.parametrize(
        ("value", "sqlite", "mysql"),
        [
            (True, 1, 1),
            (12.1, 12.1, Decimal("12.1")),
            (1e300, 1e300, 1e300),
            ([1, "é"], '[1,"é"]', '[1,"é"]'),
            ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z", "2024-05-01 12:00:00"),
            ("2024-05-01T12:00:00.5+02:00", "2024-05-01T12:00:00.5+02:00", "2024-05-01 10:00:00.5"),
            ("2024-05-01T12:00:00", "2024-05-01T12:00:00", "2024-05-01T12:00:00"),
            (b"x", b"x", b"x"),
            (None, None, None),
        ],
    )
    def test_bound_as_documented(self, value: Any, sqlite: Any, mysql: Any) -> None:
        """The tables in both `values` modules."""
        assert (bind_sqlite(value), bind_mysql(value)) == (sqlite, mysql)

    @pytest.mark.parametrize("bind", [bind_sqlite, bind_mysql])
    @pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", {"a": math.nan}])
    def test_refused(self, bind: Any, value: Any) -> None:
        """What the database would turn into NULL or cannot hold."""
        with pytest.raises(MisfitError):
            bind(value)

    def test_integers_beyond_64_bits(self) -> None:
        """SQLite refuses them, MySQL has DECIMAL."""
        assert bind_mysql(2**70) == Decimal(2**70)
        with pytest.raises(MisfitError, match="at most 64 bits"):
            bind_sqlite(2**63)


class TestResults:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("12.50", "12.50"),
            ("12", 12),
            ("-0", 0),
            ("1E+3", 1000),
            ("1E-7", "0.0000001"),
            (str(10**30), 10**30),
            ("NaN", "NaN"),
            ("-Infinity", "-Infinity"),
            ("9" * 5000, "9" * 5000),
        ],
    )
    def test_decimals(self, value: Any, expected: Any) -> None:
        """An integer where there are no fraction digits, else text with all of them."""
        assert values.from_decimal(Decimal(value)) == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("1e400", "Infinity"), (str(2**70), 2**70), ('{"a":[1.5,null]}', {"a": [1.5, None]}), ('"\\u00e9"', "é")],
    )
    def test_json(self, text: str, expected: Any) -> None:
        """Integers are exact whatever their size."""
        assert values.from_json(text) == expected

    @pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, "{c4nary"])
    def test_json_that_cannot_be_read(self, text: str) -> None:
        """A clear error, without the text."""
        with pytest.raises(MisfitError, match=r"^the database holds JSON that cannot be read here"):
            values.from_json(text)
