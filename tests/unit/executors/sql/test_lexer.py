"""Where literals, names, comments and placeholders begin and end, in each dialect."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.executors.sql.connection_string import Dialect
from runner.executors.sql.lexer import tokens

DIALECTS: tuple[Dialect, ...] = ("postgres", "sqlite", "mysql")


def kinds(sql: str, dialect: Dialect) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokens(sql, dialect)]


class TestTokens:
    @pytest.mark.parametrize(
        ("dialect", "sql", "expected"),
        [
            ("postgres", "a'b''c'd", [("word", "a"), ("string", "'b''c'"), ("word", "d")]),
            ("postgres", r"'a\' b", [("string", r"'a\'"), ("word", "b")]),
            ("postgres", r"E'a\' b'", [("string", r"E'a\' b'")]),
            (
                "postgres",
                "U&'x' b'1' x'f' n'q'",
                [("string", "U&'x'"), ("string", "b'1'"), ("string", "x'f'"), ("string", "n'q'")],
            ),
            ("postgres", '"a""b" U&"c"', [("quoted", '"a""b"'), ("quoted", 'U&"c"')]),
            ("postgres", "$$a'b$$ $q$ $$ $q$", [("string", "$$a'b$$"), ("string", "$q$ $$ $q$")]),
            ("postgres", "a$b$c$1", [("word", "a$b$c$1")]),
            ("postgres", "$1::int", [("mark", "$1"), ("op", "::"), ("word", "int")]),
            ("postgres", "a ? :x", [("word", "a"), ("op", "?"), ("mark", ":x")]),
            (
                "postgres",
                "/* a /* b */ c */ d -- e\nf",
                [("comment", "/* a /* b */ c */"), ("word", "d"), ("comment", "-- e"), ("word", "f")],
            ),
            ("postgres", "a #>> b", [("word", "a"), ("op", "#"), ("op", ">"), ("op", ">"), ("word", "b")]),
            (
                "sqlite",
                '[a b] `c` "d" ?2 @e $f :g',
                [
                    ("quoted", "[a b]"),
                    ("quoted", "`c`"),
                    ("quoted", '"d"'),
                    ("mark", "?2"),
                    ("mark", "@e"),
                    ("mark", "$f"),
                    ("mark", ":g"),
                ],
            ),
            ("sqlite", "/* /* */ a", [("comment", "/* /* */"), ("word", "a")]),
            ("mysql", r"'a\'b' ", [("string", r"'a\'b'")]),
            ("mysql", '"a\\"b" # c\n`d``e`', [("string", '"a\\"b"'), ("comment", "# c"), ("quoted", "`d``e`")]),
            ("mysql", "a--b -- c", [("word", "a"), ("op", "-"), ("op", "-"), ("word", "b"), ("comment", "-- c")]),
            ("mysql", "? @v := 1.5e3", [("mark", "?"), ("op", "@"), ("word", "v"), ("op", ":="), ("number", "1.5e3")]),
            ("mysql", "/*!1 x*/", [("comment", "/*!1 x*/")]),
        ],
    )
    def test_pieces(self, dialect: Dialect, sql: str, expected: Any) -> None:
        """Each dialect's own literals, names, comments and placeholders."""
        assert kinds(sql, dialect) == expected

    @pytest.mark.parametrize("dialect", DIALECTS)
    @pytest.mark.parametrize("sql", ["'a", '"a', "/* a", "`a", "[a", "$q$ a", "E'a\\"])
    def test_what_has_no_end_runs_to_the_end(self, dialect: Dialect, sql: str) -> None:
        """Whatever began there is one token that is not closed, or plain text of that dialect."""
        assert "".join(token.text for token in tokens(sql, dialect)).replace(" ", "") == sql.replace(" ", "")

    @given(sql=st.text(alphabet="aE'\"`[]$-/*#\\;?:@1 \n\0x&U", max_size=60), dialect=st.sampled_from(DIALECTS))
    def test_no_character_is_lost(self, sql: str, dialect: Dialect) -> None:
        """Tokens follow each other, lie in the text, and leave out white space alone."""
        found = tokens(sql, dialect)

        assert all(sql[token.start : token.end] == token.text for token in found)
        assert "".join(token.text for token in found).split() == "".join(_gapless(sql, found)).split()

    @pytest.mark.parametrize("dialect", DIALECTS)
    @pytest.mark.parametrize("piece", ["'", "''a", "/*", "$a$", "\\", "[", "1e", "(", "\0"])
    def test_time_is_linear(self, dialect: Dialect, piece: Any) -> None:
        """Twenty thousand of the worst pieces take less than three seconds of one core."""
        started = time.thread_time()

        tokens(piece * 20_000, dialect)

        assert time.thread_time() - started < 3


def _gapless(sql: str, found: Any) -> Iterator[Any]:
    at = 0
    for token in found:
        assert sql[at : token.start].strip() == ""
        yield token.text
        at = token.end
    assert sql[at:].strip() == ""
