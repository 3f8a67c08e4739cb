"""Origins: read in every spelling, held against each other by the whole and never by a part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.origins import HostError, OriginError, admitted, origin_of, parse_origin, parse_origins


class TestParse:
    @pytest.mark.parametrize(
        ("text", "origin"),
        [
            ("api.example.com", "https://api.example.com"),
            (" API.Example.COM. ", "https://api.example.com"),
            ("https://api.example.com:443/", "https://api.example.com"),
            ("HTTP://api.example.com", "http://api.example.com"),
            ("http://api.example.com:443", "http://api.example.com:443"),
            ("api.example.com:8443", "https://api.example.com:8443"),
            ("*.Example.com", "https://*.example.com"),
            ("https://*.bücher.example:8443", "https://*.xn--bcher-kva.example:8443"),
            ("Bücher.example", "https://xn--bcher-kva.example"),
            ("api。example。com", "https://api.example.com"),
            ("2130706433", "https://127.0.0.1"),
            ("0x7f.1", "https://127.0.0.1"),
            ("[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
            ("localhost", "https://localhost"),
            ("postgres://db.internal", "postgresql://db.internal"),
            ("postgresql://DB.internal:5433", "postgresql://db.internal:5433"),
            ("mariadb://db.internal:3306", "mysql://db.internal"),
            ("postgresql:///var/run/postgresql", "postgresql:///var/run/postgresql"),
            ("mysql:///run/mysqld/mysqld.sock", "mysql:///run/mysqld/mysqld.sock"),
            ("sqlite://", "sqlite://"),
        ],
    )
    def test_one_spelling_which_reads_the_same_again(self, text: str, origin: str) -> None:
        """https and the scheme's port unless written; lower case, ASCII, no trailing dot."""
        found = parse_origin(text)

        assert str(found) == origin
        assert parse_origin(origin) == found

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "is no origin"),
            ("ftp://a.test", "a scheme that no action speaks: expected one of https, http, postgresql"),
            ("https://", "is no origin"),
            ("a.test/path", "without a user, a path or a query"),
            ("a.test?x", "without a user, a path or a query"),
            ("a.test#x", "without a user, a path or a query"),
            ("a.test\\@b.test", "without a user, a path or a query"),
            ("a test", "is no origin"),
            ("a.test:0", "a port that is not between 1 and 65535"),
            ("a.test:65536", "a port that is not between 1 and 65535"),
            ("a.test:", "is no origin"),
            ("a..test", "characters that no host name has"),
            ("ex*ample.test", "characters that no host name has"),
            ("*", "characters that no host name has"),
            ("a.*.test", "characters that no host name has"),
            ("*.test", "a name of two labels or more"),
            ("*.1.2.3", "a name of two labels or more"),
            ("*.[::1]", "is no origin"),
            ("[::g]", "is no origin"),
            ("[fe80::1%eth0]", "is no origin"),
            ("::1", "is no origin"),
            ("1.2.3.4.5", "is no IPv4 address"),
            ("db.internal:5432", "expected postgresql://db.internal:5432 or https://db.internal:5432; say which"),
            ("db.internal:3306", "expected mysql://db.internal:3306 or https://db.internal:3306; say which"),
            ("sqlite:///data/x.db", "expected sqlite:// alone"),
            ("https:///etc", "is no origin"),
            ("xn--\ud800", "is not a valid international name"),
        ],
    )
    def test_what_is_no_origin(self, text: str, expected: str) -> None:
        """The error says what was expected."""
        with pytest.raises(OriginError) as caught:
            parse_origin(text)

        assert expected in str(caught.value)

    @pytest.mark.parametrize("text", ["https://bob:hunter2hunter2@a.test", "https://hooks.test/T00/B00/hunter2hunter2"])
    def test_a_url_that_was_pasted_with_its_secret_is_not_quoted(self, text: str) -> None:
        """A password or a token in a path is in no message."""
        with pytest.raises(OriginError, match="without a user, a path or a query") as caught:
            parse_origin(text)

        assert "hunter2" not in str(caught.value)

    def test_a_list_is_sorted_and_holds_each_once(self) -> None:
        """So that two lists that mean the same are the same."""
        assert parse_origins(["B.test", "a.test:443", "https://a.test", "b.test."]) == parse_origins(
            ["a.test", "b.test"]
        )

    @given(st.text(max_size=40) | st.text(max_size=40).map(lambda text: f"https://{text}"))
    def test_any_text(self, text: str) -> None:
        """An origin that reads the same again, or an error of ours."""
        try:
            found = parse_origin(text)
        except OriginError:
            return
        assert parse_origin(str(found)) == found


class TestAdmits:
    @pytest.mark.parametrize(
        ("allowed", "asked", "is_admitted"),
        [
            ("api.example.com", "https://api.example.com", True),
            ("api.example.com", "http://api.example.com", False),
            ("api.example.com", "https://api.example.com:8443", False),
            ("api.example.com", "https://api.example.com.evil.test", False),
            ("api.example.com", "https://evil-api.example.com", False),
            ("api.example.com", "https://x.api.example.com", False),
            ("*.example.com", "https://api.example.com", True),
            ("*.example.com", "https://a.b.example.com", True),
            ("*.example.com", "https://example.com", False),
            ("*.example.com", "https://evilexample.com", False),
            ("*.example.com", "https://example.com.evil.test", False),
            ("*.example.com", "https://*.api.example.com", True),
            ("*.example.com", "https://*.example.com", True),
            ("api.example.com", "https://*.example.com", False),
            ("*.api.example.com", "https://*.example.com", False),
            ("postgresql://db.test", "postgres://db.test:5432", True),
            ("postgresql://db.test", "mysql://db.test:5432", False),
            ("postgresql:///run/pg", "postgresql:///run/pg/", True),
            ("postgresql:///run/pg", "postgresql:///run/pg2", False),
            ("sqlite://", "sqlite://", True),
        ],
    )
    def test_the_whole_counts_and_never_a_part(self, allowed: str, asked: str, *, is_admitted: bool) -> None:
        """Scheme, port and host are equal; `*.` stands for one or more labels."""
        assert admitted([parse_origin(allowed)], parse_origin(asked)) is is_admitted

    def test_nothing_is_admitted_by_nothing(self) -> None:
        """An empty list is no leave."""
        assert not admitted([], parse_origin("a.test"))

    @pytest.mark.parametrize(
        ("scheme", "host", "port", "origin"),
        [
            ("postgres", "DB.Test.", 5432, "postgresql://db.test"),
            ("mariadb", "::1", 3307, "mysql://[::1]:3307"),
            ("postgres", "/run/pg/", 5433, "postgresql:///run/pg"),
            ("https", "0x7f.1", 443, "https://127.0.0.1"),
        ],
    )
    def test_where_a_connection_goes(self, scheme: str, host: str, port: int, origin: str) -> None:
        """What a driver was given is an origin in the same spelling."""
        assert origin_of(scheme, host, port) == parse_origin(origin)

    @pytest.mark.parametrize("host", ["fe80::1%eth0", "a b", "", "a@b"])
    def test_a_host_that_cannot_be_read_has_no_origin(self, host: str) -> None:
        """So that nothing can be sent to it that is bound to anywhere."""
        with pytest.raises(HostError):
            origin_of("postgres", host, 5432)
