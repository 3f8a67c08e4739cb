"""Errors hold names and numbers, never what the server said about values."""

import sqlite3
from typing import Any

import pytest
from mysql.connector.errors import DatabaseError

from runner.errors import PermanentError, TemporaryError
from runner.executors.sql.mysql.failures import failure as mysql_failure
from runner.executors.sql.sqlite.failures import failure as sqlite_failure


class TestMysql:
    @pytest.mark.parametrize(
        ("number", "state", "message", "kind", "told"),
        [
            (
                1062,
                "23000",
                "Duplicate entry 'c4nary' for key 'orders.PRIMARY'",
                "value",
                "dup entry (1062, 23000), constraint orders.PRIMARY",
            ),
            (1366, "22007", "Incorrect integer value: 'c4nary' for column `d`.`t`.`n` at row 1", "value", ", column n"),
            (
                1292,
                "22007",
                "Incorrect datetime value: 'c4nary' for column 'x' at row 1' for column `d`.`t`.`at` at row 1",
                "value",
                ", column at",
            ),
            (1048, "23000", "Column 'a' cannot be null", "value", ", column a"),
            (1054, "42S22", "Unknown column 'nope' in 'field list'", "statement", ", column nope"),
            (1146, "42S02", "Table 'd.nope' doesn't exist", "statement", ", table d.nope"),
            (
                1064,
                "42000",
                "You have an error in your SQL syntax near 'c4nary' at line 1",
                "statement",
                "parse error (1064, 42000)",
            ),
            (1644, "45000", "c4nary for key 'x' said a trigger", "statement", "signal exception (1644, 45000)"),
            (1213, "40001", "Deadlock found", "conflict", "lock deadlock (1213, 40001)"),
            (1045, "28000", "Access denied for user 'c4nary'@'h'", "refused", "access denied"),
            (2013, None, "Lost connection to MySQL server at 'c4nary'", "connection", "the connection was lost"),
        ],
    )
    def test_built_from_number_and_names(self, number: Any, state: Any, message: str, kind: Any, told: Any) -> None:
        """A name is taken from its own place in a text that is known, and from nowhere else."""
        error = mysql_failure(DatabaseError(msg=message, errno=number, sqlstate=state), "query")

        assert (error.kind, told in str(error)) == (kind, True), str(error)
        assert "c4nary" not in str(error) + str(error.facts)
        assert isinstance(error, TemporaryError if kind in {"conflict", "connection"} else PermanentError)


class TestSqlite:
    @pytest.mark.parametrize(
        ("name", "message", "kind", "told"),
        [
            (
                "SQLITE_CONSTRAINT_UNIQUE",
                "UNIQUE constraint failed: t.a, t.b",
                "value",
                "UNIQUE constraint failed: t.a, t.b",
            ),
            ("SQLITE_CONSTRAINT_TRIGGER", "c4nary", "value", "a constraint or a trigger refused the values"),
            (
                "SQLITE_CONSTRAINT_DATATYPE",
                "cannot store REAL value in INTEGER column t.a",
                "value",
                "cannot store REAL value in INTEGER column t.a",
            ),
            ("SQLITE_ERROR", "no such table: nope", "statement", "no such table: nope"),
            ("SQLITE_ERROR", "malformed JSON c4nary", "statement", "the statement was refused (SQLITE_ERROR)"),
            ("SQLITE_ERROR", "no such table: c4nary and more", "statement", "the statement was refused (SQLITE_ERROR)"),
            ("SQLITE_BUSY", "database is locked", "conflict", "database is locked"),
            ("SQLITE_AUTH", "not authorized", "refused", "not allowed here"),
            ("SQLITE_INTERRUPT", "interrupted", "timeout", "was interrupted"),
        ],
    )
    def test_built_from_code_and_names(self, name: Any, message: str, kind: Any, told: Any) -> None:
        """A message that no pattern knows is not passed on."""
        raised = sqlite3.OperationalError(message)
        raised.sqlite_errorname = name

        error = sqlite_failure(raised, "query")

        assert (error.kind, told in str(error)) == (kind, True), str(error)
        if "c4nary and" in message or "JSON" in message or "TRIGGER" in name:
            assert "c4nary" not in str(error)
