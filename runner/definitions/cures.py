"""
What to do about a YAML syntax error, looked up from the line where the parser gave up.

    if: "a" == $x        →  text stands after the closing quote: quote the whole value, as in if: '…'

A parser says where it stopped, seldom what was meant. `runner.definitions.yaml` asks for a sentence with the cure; the
order of the table is the order of trust. Values are never repeated in a message, since a password may stand in them.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple


class _Line(NamedTuple):
    """The line where the parser stopped: its text, the column (from 0), and the parser's own words."""

    text: str
    column: int
    problem: str
    context: str


class _Cure(NamedTuple):
    """A cure that fits where `applies` finds it; the column (from 0) that it blames, or None for the parser's own."""

    applies: Callable[[_Line], int | None]
    message: str


_VALUE: Final = r"(?:^|[\s{\[,-])(?P<key>[\w.$-]+|\"[^\"]*\"|'[^']*'):\s+"


def explain(text: str, error: Any) -> tuple[str, int, int]:
    """Message, line and column (counted from 1) for a PyYAML `MarkedYAMLError`."""
    mark = error.problem_mark or error.context_mark
    if "unexpected end of stream" in (error.problem or "") and error.context_mark is not None:
        mark = error.context_mark
    lines = text.split("\n")
    row, column = mark.line, mark.column
    for candidate in _rows(error, row, lines):
        line = _Line(lines[candidate], column if candidate == row else 0, error.problem or "", error.context or "")
        for cure in _CURES:
            found = cure.applies(line)
            if found is not None:
                return f"this is no YAML: {cure.message}", candidate + 1, found + 1
    opened = error.context_mark
    since = f" (what begins in line {opened.line + 1})" if opened and opened.line != row else ""
    return f"this is no YAML: {_plain_words(error)}{since}", row + 1, column + 1


def _rows(error: Any, row: int, lines: list[str]) -> list[int]:
    """The lines to look at: where the parser stopped, where the thing began, the last line with text before."""
    rows = [row] if row < len(lines) else []
    if error.context_mark is not None:
        rows.append(error.context_mark.line)
    before = row - 1
    while before >= 0 and not lines[before].strip():
        before -= 1
    rows.append(before)
    return [
        candidate
        for index, candidate in enumerate(rows)
        if 0 <= candidate < len(lines) and candidate not in rows[:index]
    ]


def _plain_words(error: Any) -> str:
    problem = error.problem or "the parser stopped here"
    for words, cure in _WORDS:
        if words in problem or words in (error.context or ""):
            return cure
    return str(problem)


def _at(pattern: str) -> Callable[[_Line], int | None]:
    """A cure that fits where the pattern is found; it blames the group `at`, or the match's start."""
    compiled = re.compile(pattern)

    def applies(line: _Line) -> int | None:
        match = compiled.search(line.text)
        if match is None:
            return None
        return match.start("at") if "at" in compiled.groupindex else match.start()

    return applies


def _when(words: str, pattern: str) -> Callable[[_Line], int | None]:
    """The same, where the parser said these words."""
    find = _at(pattern)
    return lambda line: find(line) if words in line.problem or words in line.context else None


_CURES: Final = (
    _Cure(_at(r"^ *(?P<at>\t)"), "a tab indents this line; YAML indents by spaces"),
    _Cure(_when("cannot start any token", r"^\s*(?:[^#'\"]*\s)?(?P<at>\t)\s*\S"), "a tab stands here; use spaces"),
    _Cure(
        _at(_VALUE + r"(?P<at>\{\{)"),
        'a value that begins with {{ is a mapping to YAML: quote the whole value, as in "{{ … }}"',
    ),
    _Cure(
        _at(_VALUE + r"(?P<at>\"(?:[^\"\\]|\\.)*\")\s*[^\s,}\]#]"),
        """text stands after the closing quote: quote the whole value, as in '"a" == $x'""",
    ),
    _Cure(
        _at(_VALUE + r"(?P<at>'(?:[^']|'')*')\s*[^\s,}\]#]"),
        "text stands after the closing quote: quote the whole value, as in \"'a' == $x\" (in '…' a ' is written '')",
    ),
    _Cure(
        _when("did not find expected ',' or", r"[{\[].*?:\s+(?P<at>[^\s\"'{\[,][^\"'{},]*?\[)"),
        "inside { } and [ ] a value that holds [ ] { } or , must be quoted: quote the whole value",
    ),
    _Cure(
        _when("expected ',' or", r"[{\[].*?:\s+(?P<at>[^\s\"'{\[,][^\"'{},]*?[\[{])"),
        "inside { } and [ ] a value that holds [ ] { } or , must be quoted: quote the whole value",
    ),
    _Cure(_at(_VALUE + r"(?P<at>[@`])"), "a value cannot begin with @ or `: quote the whole value"),
    _Cure(_at(_VALUE + r"(?P<at>%)"), "a value cannot begin with %: quote the whole value"),
    _Cure(
        _when("alias", _VALUE + r"(?P<at>\*)"), "a value that begins with * is an alias to YAML: quote the whole value"
    ),
    _Cure(
        _when("anchor", _VALUE + r"(?P<at>&)"), "a value that begins with & is an anchor to YAML: quote the whole value"
    ),
    _Cure(
        _when("tag", _VALUE + r"(?P<at>!)"),
        "a value that begins with ! is a tag to YAML: write `not`, or quote the whole value",
    ),
    _Cure(
        _when("block scalar", _VALUE + r"(?P<at>[|>])"),
        "a value that begins with | or > is a text block to YAML: quote the whole value",
    ),
    _Cure(
        _when("mapping values are not allowed", r"^\s*(?:- +)?[\w-]+:\s+(?P<at>[^\s\"'{\[|>].*?:(?:\s|$))"),
        "a value that holds ': ' must be quoted: quote the whole value",
    ),
    _Cure(_when("not allowed", r"^\s*(?P<at>[\w-]+:(?=[^\s/:])\S*)"), "a space is missing after the colon"),
    _Cure(_when("expected ':'", r"^\s*(?P<at>[\w-]+:(?=[^\s/:])\S*)"), "a space is missing after the colon"),
    _Cure(
        _when("entries are not allowed", r":\s+(?P<at>- )"),
        "a list begins on a line of its own below its key, or is written [a, b]",
    ),
)

_WORDS: Final = (
    ("unexpected end of stream", "a quote that opens here is never closed"),
    (
        "mapping values are not allowed",
        "a key stands where none can: the indentation differs, or the line above is already a value",
    ),
    ("found unknown escape", "inside \"…\" a \\ begins an escape: write \\\\, or use '…'"),
    ("invalid Unicode character escape", "the escape names half of a surrogate pair: write the character itself"),
    ("could not find expected ':'", "a key without a colon"),
    ("expected ',' or '}'", "a { is never closed, or a comma is missing"),
    ("expected ',' or ']'", "a [ is never closed, or a comma is missing"),
    ("did not find expected key", "the indentation is not that of the keys above, or the value before is not closed"),
    ("expected <block end>", "the indentation is not that of the keys above, or the value before is not closed"),
    (
        "did not find expected '-' indicator",
        "the indentation is not that of the list above: each item begins with - there",
    ),
    ("expected node content", "a value is missing before this"),
    ("mapping keys are not allowed", "a value that begins with ? must be quoted"),
    ("entries are not allowed", "a - stands where no list can begin"),
)
