"""Statements from their files, put together with rows and conditions (`runner.store.statements`)."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runner.ports import RunFilter
from runner.store.migrate import migrate
from runner.store.statements import MOST_VALUES, load, migrations, page, split, with_rows

WIDTHS = {
    "appends": {"journal": 5, "blobs": 4, "change": 9, "wait": 2, "unpark": 2, "park": 5, "remember": 3},
    "admissions": {"revisions": 2, "runs": 16, "dedupe": 4},
}
FRAGMENTS = {
    "row",
    "page",
    "pages",
    "part",
    "any",
    "of_workflow",
    "of_state",
    "of_states",
    "of_parent",
    "that_waits",
    "older",
    "not_before",
    "of_trigger",
    "of_label",
    "with_text",
}
FEW_ROWS = {
    "store",
    "counts",
    "changed",
    "gone",
    "ancestors",
    "suspects",
    "swept",
    "schedules",
    "json_each",
    "pragma_page_count",
    "pragma_freelist_count",
    "pragma_page_size",
    "CONSTANT",
    "2",
    "(subquery-1)",
    "(subquery-3)",
    "(subquery-6)",
}
SMALL_INDEXES = ("INDEX runs_ready", "INDEX runs_superseded")
"""Of what waits, however much there is beside it."""


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """The current schema, in memory."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, Path("memory"), migrations())
        yield connection


def _statements() -> Iterator[tuple[str, str]]:
    for theme in ("appends", "admissions", "lanes", "lookups", "retention", "starts", "vault_notes"):
        sql = load(theme)
        for name in sorted(sql.keys() - FRAGMENTS):
            values = "(" + ", ".join("?" * WIDTHS.get(theme, {}).get(name, 1)) + ")"
            text = sql[name].replace("{row}", sql.get("row", "")).replace("{rows}", f"{values}, {values}")
            yield f"{theme}.{name}", text


def _plan(database: sqlite3.Connection, statement: str) -> list[str]:
    names = re.findall(r":([a-z_]+)", statement)
    values: Any = dict.fromkeys(names, "1") if names else ("1",) * statement.count("?")
    return [row[3] for row in database.execute("explain query plan " + statement, values)]


class TestPlans:
    @pytest.mark.parametrize("statement", [pytest.param(text, id=name) for name, text in _statements()])
    def test_no_statement_walks_through_a_table(self, database: sqlite3.Connection, statement: str) -> None:
        """Each finds its rows by an index, so that it costs the same in a store of a million runs."""
        plan = [step for step in _plan(database, statement) if step.startswith("SCAN")]
        scans = [step.split()[1] for step in plan if not step.endswith(SMALL_INDEXES)]

        assert set(scans) <= FEW_ROWS

    @pytest.mark.parametrize(
        ("wanted", "index"),
        [
            (RunFilter(), "sqlite_autoindex_runs_1"),
            (RunFilter(before="r"), "sqlite_autoindex_runs_1 (id<?)"),
            (RunFilter(workflow="w"), "runs_by_workflow (workflow=? AND state=?)"),
            (RunFilter(workflow="w", before="r"), "runs_by_workflow (workflow=? AND state=? AND id<?)"),
            (RunFilter(states=("failed", "running"), before="r"), "runs_by_state (state=? AND id<?)"),
            (RunFilter(parent="p", workflow="w", states=("failed",)), "runs_by_parent (parent=?)"),
        ],
    )
    def test_a_page_walks_along_one_index(self, database: sqlite3.Connection, wanted: RunFilter, index: str) -> None:
        """Each part of it stops at the limit; only what the parts have found is sorted."""
        statement, values = page(load("lookups"), wanted)

        plan = [row[3] for row in database.execute("explain query plan " + statement, values)]

        assert {step.partition(" USING INDEX ")[2] for step in plan if " runs " in step} == {index}
        in_parts = wanted.parent is None and (wanted.workflow is not None or bool(wanted.states))
        assert ("USE TEMP B-TREE FOR ORDER BY" in plan) == in_parts

    def test_a_claim_looks_at_nobody_who_is_held(self, database: sqlite3.Connection) -> None:
        """Its index holds only runs that may go."""
        assert "SCAN runs USING INDEX runs_ready" in _plan(database, load("admissions")["claim"])


class TestTexts:
    def test_every_statement_is_described(self) -> None:
        """A name, a line that says what it is for unless it is a fragment, and the statement."""
        for path in (Path(__file__).parents[3] / "runner" / "store" / "sql").glob("*.sql"):
            for piece in path.read_text().split("-- name: ")[1:]:
                name, second = piece.splitlines()[:2]
                assert second.startswith("-- ") or name in FRAGMENTS, f"{path.name}: {name}"

    def test_a_script_is_split_at_its_statements(self) -> None:
        """A semicolon within a text or a trigger's body ends none."""
        script = "select ';';\ncreate trigger t after insert on a begin\n  select 1;\nend;\nselect\n2;"

        assert [statement.strip() for statement in split(script)] == [
            "select ';';",
            "create trigger t after insert on a begin\n  select 1;\nend;",
            "select\n2;",
        ]

    @pytest.mark.parametrize("number", [0, 1, MOST_VALUES // 2, MOST_VALUES // 2 + 1])
    def test_rows_are_bound_as_many_as_there_are(self, database: sqlite3.Connection, number: int) -> None:
        """Beyond what one statement can bind there are several."""
        database.execute("create table pairs (a, b)")

        with_rows(database, "insert into pairs values {rows}", [(each, str(each)) for each in range(number)])

        assert database.execute("select count(*), count(distinct a) from pairs").fetchone() == (number, number)
