"""Connection strings: read once, by us, without help from the environment, and never repeated."""

from typing import Any

import pytest

from runner.executors.sql.connection_string import Dialect, Host, parse


class TestServers:
    @pytest.mark.parametrize(
        ("text", "dialect", "hosts", "user", "password", "database"),
        [
            ("postgresql://u:p@h:5433/d", "postgres", (Host("h", 5433),), "u", "p", "d"),
            ("postgres://h", "postgres", (Host("h", 5432),), "postgres", "", "postgres"),
            ("POSTGRES://h/", "postgres", (Host("h", 5432),), "postgres", "", "postgres"),
            ("postgresql://u@a:1,b:2/d", "postgres", (Host("a", 1), Host("b", 2)), "u", "", "d"),
            ("postgresql://u:p%40%2F%23@[::1]:9/d%20e", "postgres", (Host("::1", 9),), "u", "p@/#", "d e"),
            ("postgresql://u@/d?host=/run/pg", "postgres", (Host("/run/pg", 5432),), "u", "", "d"),
            ("mysql://h", "mysql", (Host("h", 3306),), "root", "", ""),
            ("mariadb://u:@h/d", "mysql", (Host("h", 3306),), "u", "", "d"),
            ("mysql://u@/d?unix_socket=/run/m.sock", "mysql", (Host("/run/m.sock", 3306),), "u", "", "d"),
        ],
    )
    def test_parts(self, text: str, dialect: Dialect, hosts: Any, user: Any, password: Any, database: str) -> None:
        """Every part is read, percent-decoded, with defaults that are written down."""
        target = parse(text)

        assert (target.dialect, target.hosts, target.user) == (dialect, hosts, user)
        assert (target.password, target.database) == (password, database)

    def test_defaults_do_not_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """PGHOST and its like complete nothing."""
        for name in ("PGHOST", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGPORT"):
            monkeypatch.setenv(name, "1")

        target = parse("postgresql://h")

        assert (target.hosts[0].port, target.user, target.password, target.database) == (
            5432,
            "postgres",
            "",
            "postgres",
        )


class TestSqlite:
    @pytest.mark.parametrize(
        ("text", "path"),
        [
            ("sqlite:///a/b.db", "a/b.db"),
            ("sqlite:////a/b.db", "/a/b.db"),
            ("sqlite://a.db", "a.db"),
            ("sqlite:///a%20b.db?mode=ro", "a b.db"),
        ],
    )
    def test_path(self, text: str, path: Any) -> None:
        """Three slashes are relative, four absolute."""
        assert parse(text).path == path


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("oracle://c4nary@h", "expected postgresql://"),
            ("", "expected postgresql://"),
            ("postgresql://c4nary:c4nary@/d", "has no host"),
            ("postgresql:///d", "has no host"),
            ("postgresql://u:c4nary@x@h/d", "write @ in a user or password as %40"),
            ("postgresql://u:c4nary#x@h/d", "as %23"),
            ("postgresql://u:c4nary/x@h/d", "as %2F"),
            ("postgresql://u@h:c4nary/d", "expected host or host:port"),
            ("postgresql://u@h:70000/d", "not between 1 and 65535"),
            ("postgresql://u@h/d?c4nar=1", "unknown option 'c4nar', known are"),
            ("postgresql://u@h/d?sslmode=c4nary", "sslmode expects one of disable"),
            ("postgresql://u@h/d\n", "a line break"),
            ("postgresql://h/d?host=/x", "a host and a socket"),
            ("postgresql://u@/d?host=relative", "an absolute path"),
            ("mysql://a,b/d", "one host"),
            ("mysql://h/d?connect_timeout=c4nary", "a number of seconds"),
            ("sqlite://", "the path of a file"),
            ("sqlite:///:memory:", "would vanish"),
        ],
    )
    def test_message(self, text: str, expected: Any) -> None:
        """The message says what was expected and holds no part of the string."""
        with pytest.raises(ValueError, match=r"^connection_string: ") as caught:
            parse(text)

        assert expected in str(caught.value)
        assert "c4nary" not in str(caught.value)

    def test_a_target_prints_without_its_password(self) -> None:
        """Neither repr nor str tells more than the kind."""
        target = parse("postgresql://u:c4nary@h/d")

        assert repr(target) == str(target) == "Target(postgres, ****)"
