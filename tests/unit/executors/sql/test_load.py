"""What is refused when a file is loaded, with its place."""

from typing import Any

import pytest

from runner.executors.sql import ACTION_TYPE
from runner.ports import WrittenConfig

POSTGRES = "postgresql://u:c4nary@h/d"


def problems(templates: Any = (), **raw: Any) -> Any:
    found = ACTION_TYPE.check(WrittenConfig(raw, frozenset((name,) for name in templates)))
    return [(problem.path, problem.line, problem.column, problem.message) for problem in found]


class TestConfig:
    @pytest.mark.parametrize(
        ("raw", "path", "message"),
        [
            ({}, "", "expected one of query and queries"),
            ({"query": "select 1", "queries": ["select 1"]}, "query", "expected one of query and queries"),
            ({"queries": []}, "queries", "at least one statement"),
            (
                {"query": "vacuum", "transaction": False, "isolation": "serializable"},
                "isolation",
                "needs a transaction",
            ),
            ({"queries": ["vacuum"], "transaction": False}, "queries", "needs a transaction"),
            ({"query": "vacuum", "transaction": False, "exactly_once": True}, "exactly_once", "needs a transaction"),
            ({"queries": ["select $1"], "params": [1]}, "params", "a list goes with `query`"),
            (
                {"query": "select 1", "connection_string": "oracle://c4nary"},
                "connection_string",
                "expected postgresql://",
            ),
            ({"query": "select 1", "connection_string": "postgresql:///d"}, "connection_string", "has no host"),
            (
                {"query": "select 1", "connection_string": "sqlite:///a.db", "isolation": "read committed"},
                "isolation",
                "serializable",
            ),
        ],
    )
    def test_what_does_not_go_together(self, raw: Any, path: Any, message: str) -> None:
        """Each mistake is a problem at its key."""
        found = problems(**{"connection_string": POSTGRES, **raw})

        assert [(where, message in text) for where, _, _, text in found] == [(path, True)]
        assert "c4nary" not in str(found)

    def test_a_good_config_has_no_problem(self) -> None:
        """Templates stand wherever a value may."""
        assert (
            problems(("connection_string",), connection_string="$env.DATABASE_URL", query="select $input.a", params={})
            == []
        )


class TestStatements:
    def test_a_finding_has_the_place_in_the_file(self) -> None:
        """Line and column count from the leaf's own text."""
        found = problems(
            connection_string=POSTGRES, queries=["select 1", "select $input.a,\n  '{{ $input.b | upper }}'"]
        )

        assert [(path, line, column) for path, line, column, _ in found] == [("queries[1]", 2, 4)]

    @pytest.mark.parametrize(
        ("query", "connection", "refused"),
        [
            ("select data #> $input.a from t", "$env.X", False),
            ("select data # $input.a", "mysql://h/d", True),
            ("select a[$input.a] from t", "$env.X", False),
            ("select '$input.a'", "$env.X", True),
            ("select '{{ $input.a }}'", "postgresql://h/$input.b", True),
            ("select $q$ $input.a $q$", "$env.X", False),
            ("select $q$ $input.a $q$", POSTGRES, True),
            ("create table t (a int default $input.a)", "$env.X", True),
            ("select $1", POSTGRES, True),
            ("select ?", "$env.X", False),
            ("select $$input.a", POSTGRES, False),
        ],
    )
    def test_an_unknown_dialect_refuses_what_all_three_refuse(self, query: str, connection: Any, refused: Any) -> None:
        """What is right in one of them is looked at again before the first execution."""
        templates = ("connection_string",) if "$" in connection else ()

        assert bool(problems(templates, connection_string=connection, query=query)) is refused

    def test_what_is_no_expression_is_left_to_the_loader(self) -> None:
        """The loader says it, once."""
        assert problems(connection_string=POSTGRES, query="select {{ $input. }} where '$input.a'") == []
