"""A statement's text and slots, and the values of `params`."""

import time
from contextlib import suppress
from typing import Any

import pytest

from runner.errors import PermanentError
from runner.executors.sql.connection_string import Dialect
from runner.executors.sql.shape import Marks, Query, Written, fill, read, unused_params
from runner.expressions.template import Bound


def shaped(parts: Any, params: Any = None, dialect: Dialect = "postgres") -> Query:
    shape = read(Written.of(parts), dialect, Marks.of(params), exactly_once=False, label="query")
    return fill(shape, parts, params, "query")


class TestSlots:
    def test_references_are_cut_out(self) -> None:
        """Text and slots take turns; the values are beside them."""
        query = shaped(["select ", Bound("$input.a", 1), " + ", Bound("$input.b", 2), ";"])

        assert [piece if isinstance(piece, str) else piece.source for piece in query.shape.pieces] == [
            "select ",
            "$input.a",
            " + ",
            "$input.b",
            "",
        ]
        assert query.values == (1, 2)

    @pytest.mark.parametrize(
        ("sql", "dialect", "params", "values"),
        [
            ("select $2, $1", "postgres", ["a", "b"], ("b", "a")),
            ("select ?, ?", "sqlite", ["a", "b"], ("a", "b")),
            ("select ?2, ?1", "sqlite", ["a", "b"], ("b", "a")),
            ("select ?, ?", "mysql", ["a", "b"], ("a", "b")),
            ("select :x, :y, :x", "postgres", {"x": 1, "y": 2}, (1, 2, 1)),
            ("select :x, ':x' -- :x", "mysql", {"x": 1}, (1,)),
            ("select a[1:n], :x::int", "postgres", {"x": 1}, (1,)),
            ("select data ? 'k', $1", "postgres", [1], (1,)),
        ],
    )
    def test_params_fill_the_texts_own_placeholders(self, sql: str, dialect: Dialect, params: Any, values: Any) -> None:
        """A list by place, a mapping by name; what is no placeholder there stays text."""
        assert shaped([sql], params, dialect).values == values

    @pytest.mark.parametrize(
        ("sql", "dialect", "params", "expected"),
        [
            ("select $1", "postgres", None, "the placeholder $1 has no value"),
            ("select ?", "mysql", None, "the placeholder ? has no value"),
            ("select :x", "sqlite", {"y": 1}, "the placeholder :x has no value"),
            ("select $2", "postgres", [1], "the placeholder $2 has no value in params"),
            ("select $0", "postgres", [1], "the placeholder $0 has no value in params"),
            ("select @x", "sqlite", {"x": 1}, "the placeholder @x has no value"),
        ],
    )
    def test_a_placeholder_without_value_is_refused(
        self, sql: str, dialect: Dialect, params: Any, expected: Any
    ) -> None:
        """The message names it."""
        with pytest.raises(PermanentError) as caught:
            shaped([sql], params, dialect)

        assert expected in str(caught.value)

    def test_params_that_nothing_uses_are_named(self) -> None:
        """A value too many is a mistake somewhere."""
        shape = shaped(["select :x"], {"x": 1}).shape

        assert unused_params([shape], {"x": 1, "y": 2}) == ["params.y"]
        assert unused_params([shape], [1]) == ["params[0]"]

    @pytest.mark.parametrize(
        ("sql", "alone"), [("a in (@)", True), ("a in (@, 1)", False), ("f(@)", False), ("a not in ( @ )", True)]
    )
    def test_a_reference_alone_in_a_list_is_known(self, sql: str, alone: Any) -> None:
        """Only there a list may be spread."""
        before, after = sql.split("@")

        assert shaped([f"select 1 where {before}", Bound("$x", 1), after]).shape.slots[0].alone_in_list is alone

    @pytest.mark.parametrize(
        ("sql", "reads"),
        [
            ("select 1", True), ("values (1)", True), ("with x as (select 1) select * from x", True), ("insert into t values (1)", False),
            ("with x as (delete from t returning a) select * from x", False), ("select 1 into t", False), ("create table t (a int)", False),
        ],
    )  # fmt: skip
    def test_what_only_reads_is_known(self, sql: str, reads: Any) -> None:
        """What may change something is never taken for reading."""
        assert shaped([sql]).shape.reads is reads

    @pytest.mark.parametrize("piece", [";", "?", "'", "\0", "\0 ", "set a = \0, ", "(", "end ", "a\0"])
    @pytest.mark.parametrize("start", ["", "update t ", "create trigger "])
    def test_time_is_linear(self, start: str, piece: str) -> None:
        """Forty thousand of the worst characters are read or refused within three seconds of one core."""
        sql = start + piece * (40_000 // len(piece))
        sources = ("$x",) * sql.count("\0")
        started = time.thread_time()

        with suppress(PermanentError):
            read(Written(sql, sources), "mysql", Marks(), exactly_once=False, label="query")

        assert time.thread_time() - started < 3

    def test_an_error_counts_lines_and_columns_as_the_author_sees_them(self) -> None:
        """References count as they were written."""
        with pytest.raises(PermanentError, match=r"^query, line 2, column 22: a reference inside a literal"):
            shaped(["select\n  ", Bound("$input.long", 1), " as a, '", Bound("$x", 2), "'"])


class TestTargets:
    @pytest.mark.parametrize(
        ("sql", "columns"),
        [
            ("insert into t (a, `B`) values (@, @), (@, 1)", [("t", "a"), ("t", "b"), ("t", "a")]),
            ("insert ignore into d.t (a) value (@)", [("d.t", "a")]),
            ("replace into t (a, b) values (f(@, 1), (@))", [None, None]),
            ("insert into t (a, b) values (@ + 1, @)", [None, ("t", "b")]),
            ("insert into t (a) values (@) on duplicate key update b = @", [("t", "a"), ("t", "b")]),
            ("update t set a = @, b = @ + 1, c = 1 where d = @", [("t", "a"), None, None]),
            ("update t set a = 1 where b = @ and c = @", [None, None]),
            ("insert into t set a = @", [("t", "a")]),
            ("insert into t (a) select @", [None]),
            ("select @", [None]),
        ],
    )
    def test_the_column_of_a_value_is_known_where_it_is_plain(self, sql: str, columns: Any) -> None:
        """A value inside an expression has none."""
        texts = sql.split("@")
        parts = [part for text in texts for part in (text, Bound("$x", 1))][:-1]

        found = [slot.column and slot.column[:2] for slot in shaped(parts, dialect="mysql").shape.slots]

        assert found == columns

    def test_without_names_the_place_counts(self) -> None:
        """The table knows its columns' order."""
        parts = ["insert into t values (1, ", Bound("$x", 1), "), (", Bound("$y", 1), ", 2)"]

        assert [slot.column and slot.column.place for slot in shaped(parts, dialect="mysql").shape.slots] == [1, 0]
