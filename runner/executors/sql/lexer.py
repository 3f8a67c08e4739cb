"""
Cut SQL text into tokens, as PostgreSQL, SQLite or MySQL would.

    select $input.a || 'x'  ──►  word(select) ref op(|) op(|) string('x')

Small on purpose: it knows where literals, quoted names, comments and placeholders begin and end, since that decides
where a reference may stand. It does not know grammar. A reference arrives as the character `HOLE` (NUL, which no SQL
text may hold), so that one inside a literal is part of that literal's token. Time is linear in the text: every pattern
is possessive.

`runner.executors.sql.check` and `runner.executors.sql.shape` call it.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from runner.executors.sql.connection_string import Dialect

HOLE: Final = "\0"
"""Stands for a reference in a text that is lexed."""

Kind = Literal["word", "number", "string", "quoted", "comment", "mark", "ref", "op"]
"""`quoted`: a quoted name. `mark`: a placeholder that the text itself holds (`$1`, `?`, `:name`)."""


class Token(NamedTuple):
    """A piece of SQL, `text == sql[start:end]`; `closed` is False where it runs to the end of the text unfinished."""

    kind: Kind
    text: str
    start: int
    end: int
    closed: bool = True

    @property
    def low(self) -> str:
        """A bare word in lower case, an operator as it is, otherwise empty: what grammar is compared with."""
        return self.text.lower() if self.kind == "word" else self.text if self.kind == "op" else ""


_SHARED: Final = r"""
    (?P<space>\s++)
  | (?P<ref>\0)
  | (?P<number>(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?+\d++)?+)
"""
_WORD: Final = r"| (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*+)"
_NAMED: Final = r"| (?P<colon>::|:=|:(?P<name>[A-Za-z_]\w*+))"

_PATTERNS: Final[Mapping[Dialect, re.Pattern[str]]] = {
    "postgres": re.compile(
        _SHARED
        + r"""
  | (?P<comment>--[^\n]*+)
  | (?P<block>/\*)
  | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*+(?P<escaped_end>')?+)
  | (?P<string>(?:[uU]&|[bBxXnN])?+'(?:[^']|'')*+(?P<string_end>')?+)
  | (?P<quoted>(?:[uU]&)?+"(?:[^"]|"")*+(?P<quoted_end>")?+)
  | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*+)?+\$)
  | (?P<mark>\$\d++)
"""
        + _WORD
        + _NAMED
        + "| (?P<op>.)",
        re.VERBOSE | re.DOTALL,
    ),
    "sqlite": re.compile(
        _SHARED
        + r"""
  | (?P<comment>--[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?+)
  | (?P<string>[xX]?+'(?:[^']|'')*+(?P<string_end>')?+)
  | (?P<quoted>"(?:[^"]|"")*+(?P<quoted_end>")?+)
  | (?P<tick>`(?:[^`]|``)*+(?P<tick_end>`)?+)
  | (?P<bracket>\[[^\]]*+(?P<bracket_end>\])?+)
  | (?P<mark>\?\d*+|[@$]\w++)
"""
        + _WORD
        + _NAMED
        + "| (?P<op>.)",
        re.VERBOSE | re.DOTALL,
    ),
    "mysql": re.compile(
        _SHARED
        + r"""
  | (?P<comment>\#[^\n]*+|--(?=\s|\Z)[^\n]*+)
  | (?P<star>/\*(?:[^*]|\*(?!/))*+(?P<star_end>\*/)?+)
  | (?P<string>[xXbBnN]?+'(?:[^'\\]|\\.|'')*+(?P<string_end>')?+)
  | (?P<double>"(?:[^"\\]|\\.|"")*+(?P<double_end>")?+)
  | (?P<tick>`(?:[^`]|``)*+(?P<tick_end>`)?+)
  | (?P<mark>\?)
"""
        + _WORD
        + _NAMED
        + "| (?P<op>.)",
        re.VERBOSE | re.DOTALL,
    ),
}
_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("comment", "block", "star"), "comment"),
    **dict.fromkeys(("string", "escaped", "double", "dollar"), "string"),
    **dict.fromkeys(("quoted", "tick", "bracket"), "quoted"),
    "ref": "ref",
    "number": "number",
    "mark": "mark",
    "word": "word",
    "op": "op",
}
_BLOCK_EDGE: Final = re.compile(r"/\*|\*/")


def tokens(sql: str, dialect: Dialect) -> list[Token]:
    """All tokens but white space, in order. Never raises: what is odd is an `op`, or a token that is not `closed`."""
    match_at, found, at = _PATTERNS[dialect].match, list[Token](), 0
    while match := match_at(sql, at):
        at = match.end()
        if match.lastgroup not in {"space", None}:
            found.append(_token(sql, match))
            at = found[-1].end
    return found


def _token(sql: str, match: re.Match[str]) -> Token:
    group, start, end = str(match.lastgroup), match.start(), match.end()
    if group == "colon":
        return Token("mark" if match["name"] else "op", match[0], start, end)
    if group == "block":
        return _up_to(sql, start, _block_end(sql, end), "comment")
    if group == "dollar":
        closing = sql.find(match[0], end)
        return _up_to(sql, start, closing + end - start if closing >= 0 else None, "string")
    ends = f"{group}_end"
    return Token(_KINDS[group], match[0], start, end, closed=ends not in match.re.groupindex or match[ends] is not None)


def _up_to(sql: str, start: int, end: int | None, kind: Kind) -> Token:
    stop = len(sql) if end is None else end
    return Token(kind, sql[start:stop], start, stop, closed=end is not None)


def _block_end(sql: str, at: int) -> int | None:
    """Where PostgreSQL's nested comment ends that was opened before `at`."""
    depth = 1
    for edge in _BLOCK_EDGE.finditer(sql, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return None
