"""What a statement may not hold; `@` stands for a reference in these tables."""

from typing import Any

import pytest

from runner.executors.sql.check import check_statement
from runner.executors.sql.connection_string import Dialect
from runner.executors.sql.lexer import HOLE, tokens

ALL = ("postgres", "sqlite", "mysql")
REFUSED = [
    (ALL, "select '@'", "inside a literal"),
    (ALL, "select 'a @ b' from t", "inside a literal"),
    (ALL, "select 1 -- @", "inside a comment"),
    (ALL, "select 1 /* @ */", "inside a comment"),
    (("mysql",), "select 1 # @", "inside a comment"),
    (("postgres", "sqlite"), 'select "@"', "cannot be a name"),
    (("mysql",), 'select "@"', "inside a literal"),
    (("sqlite",), "select [@]", "cannot be a name"),
    (("mysql", "sqlite"), "select `@`", "cannot be a name"),
    (("postgres",), "do $$ begin perform @; end $$", "inside dollar-quoted text"),
    (("postgres",), "select $q$ @ $q$", "inside dollar-quoted text"),
    (("postgres",), r"select E'\'@'", "inside a literal"),
    (("mysql",), r"select '\'@'", "inside a literal"),
    (ALL, "create table t (a int default @)", "create takes no parameters"),
    (ALL, "alter table t add check (a > @)", "alter takes no parameters"),
    (ALL, "drop table @", "drop takes no parameters"),
    (ALL, "set x = @", "set takes no parameters: use select set_config"),
    (("postgres",), "notify c, @", "notify takes no parameters: use select pg_notify"),
    (ALL, "grant select on t to @", "takes no parameters"),
    (("sqlite",), "pragma user_version = @", "takes no parameters"),
    (ALL, "select * from @", "after FROM"),
    (ALL, "select * from t join @ on true", "after JOIN"),
    (ALL, "insert into @ values (1)", "after INTO"),
    (ALL, "update @ set a = 1", "after UPDATE"),
    (ALL, "delete from @", "after FROM"),
    (ALL, "select a as @ from t", "after AS"),
    (ALL, "select t.@ from t", "next to ."),
    (ALL, "select @.a from t", "next to ."),
    (("postgres",), "select a::@ from t", "next to ::"),
    (ALL, "insert into t (@) values (1)", "list of columns"),
    (ALL, "insert into t (a, @) values (1, 2)", "list of columns"),
    (ALL, "select * from t order by @", "order by a value sorts nothing"),
    (ALL, "select * from t order by @ desc limit 1", "order by a value sorts nothing"),
    (ALL, "select count(*) from t group by @", "group by a value"),
    (("postgres",), "select now() - interval @", "write $reference::interval"),
    (ALL, "@", "a statement cannot be a reference"),
    (ALL, "@ where a = 1", "a statement cannot be a reference"),
    (ALL, "select 1; select 2", "under `queries`"),
    (ALL, "select 1; drop table t;", "under `queries`"),
    (ALL, "", "is empty"),
    (ALL, " ; ", "is empty"),
    (ALL, "-- nothing", "is empty"),
    (ALL, "begin", "Runner opens and ends"),
    (ALL, "commit", "Runner opens and ends"),
    (ALL, "rollback", "Runner opens and ends"),
    (ALL, "START TRANSACTION", "Runner opens and ends"),
    (("postgres",), "copy t from stdin", "about the session"),
    (("postgres",), "discard all", "about the session"),
    (("sqlite",), "attach 'x' as y", "about the session"),
    (("mysql",), "use other", "about the session"),
    (("mysql",), "select /*!50000 1 */", "would execute"),
    (ALL, "select a@ from t", "must stand alone"),
    (ALL, "select 'x'@", "must stand alone"),
    (ALL, "select @5", "must stand alone"),
    (ALL, "select @@", "must stand alone"),
    (ALL, "select 'a", "has no end"),
    (("postgres", "mysql"), "select 1 /* a", "has no end"),
]
ACCEPTED = [
    (ALL, "select @"),
    (ALL, "select @;"),
    (ALL, "select @ ; -- done"),
    (ALL, "/* x */ select (@), f(@,@), -@"),
    (ALL, "select 'it''s' || @ from t where a=@"),
    (ALL, "with x as (select @ as a) select * from x"),
    (ALL, "insert into t (a, b) values (@, @)"),
    (ALL, "insert into t values (@), (@)"),
    (ALL, "update t set a = @ where b in (@)"),
    (ALL, "delete from t where a = @"),
    (ALL, "select * from t order by case when @ = 'a' then a else b end"),
    (ALL, "select * from t order by a limit @ offset @"),
    (ALL, "(select @) union (select 1)"),
    (("postgres",), "select extract(year from @::date), substring(@ from 2), trim(both from @), a is distinct from @"),
    (("postgres",), "select * from jsonb_to_recordset(@) as x(a int)"),
    (("postgres",), "select data #> '{a}', data ? 'x', @ from t"),
    (("postgres",), "select @::text, a[@], b[1:2]"),
    (("postgres",), "explain select @"),
    (("postgres",), "call p(@)"),
    (("postgres",), "select @::interval, interval '1 day' * @"),
    (("postgres",), "create function f() returns int language sql as $$ select 1; select 2; $$"),
    (ALL, "create table t (a int)"),
    (
        ("sqlite",),
        "create trigger x after insert on t begin update t set a = case when 1 then 2 end; delete from u; end",
    ),
    (("mysql",), "create procedure p() begin if 1 then select 1; end if; select 2; end"),
    (ALL, "savepoint s"),
    (ALL, "rollback to s"),
    (("mysql",), "select @ from t -- x"),
    (("mysql",), "do sleep(@)"),
]


def findings(sql: str, dialect: Dialect, **options: Any) -> Any:
    return check_statement(tokens(sql.replace("@", HOLE), dialect), dialect, **options)


class TestStatements:
    @pytest.mark.parametrize(
        ("dialect", "sql", "expected"),
        [(dialect, sql, text) for dialects, sql, text in REFUSED for dialect in dialects],
    )
    def test_refused_with_the_cure(self, dialect: Dialect, sql: str, expected: Any) -> None:
        """What no parameter can be is refused, and the message says what to do instead."""
        assert any(expected in finding.message for finding in findings(sql, dialect)), findings(sql, dialect)

    @pytest.mark.parametrize(("dialect", "sql"), [(dialect, sql) for dialects, sql in ACCEPTED for dialect in dialects])
    def test_accepted(self, dialect: Dialect, sql: str) -> None:
        """What the database takes is left alone."""
        assert findings(sql, dialect) == []

    def test_exactly_once_allows_no_statement_that_commits(self) -> None:
        """MySQL ends the transaction at DDL; PostgreSQL does not."""
        assert findings("truncate t", "mysql", exactly_once=True)[0].message.startswith(
            "truncate: ends the transaction"
        )
        assert findings("truncate t", "postgres", exactly_once=True) == []

    @pytest.mark.parametrize(
        ("sql", "refused"),
        [
            ("create table t (a int)", True), ("check table t", True), ("set autocommit = 1", True), ("call p()", False),
            ("create temporary table t (a int)", False), ("drop temporary table t", False), ("set names utf8mb4", False),
        ],
    )  # fmt: skip
    def test_what_mysql_commits_by_itself(self, sql: str, refused: Any) -> None:
        """Temporary tables do not end the transaction; a procedure is looked at when it was called."""
        assert bool(findings(sql, "mysql", exactly_once=True)) is refused

    def test_findings_come_in_the_order_of_the_text(self) -> None:
        """Two mistakes are two findings, each at its place."""
        sql = "select '@' from @"

        assert [finding.at for finding in findings(sql, "postgres")] == [8, 16]
