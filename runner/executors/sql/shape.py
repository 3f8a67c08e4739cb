"""
A statement as drivers get it: text and slots in turn, checked for its dialect, and the values that fill the slots.

    parts of a Statement + params ──read()──► Shape(pieces) ──fill()──► Query(shape, values)

References and the text's own placeholders (`$1`, `?`, `:name` with `params`) become slots alike; each driver writes its
own placeholders. A shape holds no value, so it is kept for as long as the daemon lives and the dialect's checks run
once.

`runner.executors.sql.executor` calls it. It must not know a driver or a value's type.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from runner.errors import PermanentError
from runner.executors.sql.check import MOST_FINDINGS, Finding, check_statement, verb_of
from runner.executors.sql.connection_string import Dialect
from runner.executors.sql.lexer import HOLE, Token, tokens
from runner.executors.sql.targets import Column, targets
from runner.expressions.template import Bound

Params = Sequence[Any] | Mapping[str, Any] | None

MOST_PLACE_DIGITS: Final = 6
NEWLINE: Final = "\n"

_READS: Final = frozenset(("select", "values", "table", "show", "explain", "describe"))
_WRITES: Final = frozenset(("insert", "update", "delete", "merge", "replace", "into"))


class Slot(NamedTuple):
    """Where a value goes. `source` as written (`$input.id`, `:name`), `key` its number or the key in `params`."""

    source: str
    key: int | str
    is_param: bool = False
    alone_in_list: bool = False
    """It is all that `in ( … )` holds, so that a list may be spread there."""

    column: Column | None = None
    """The column that it is written into as it is, where the text shows it."""


class Shape(NamedTuple):
    """One statement without its values. `verb` is its first word, `reads` whether it changes nothing."""

    pieces: tuple[str | Slot, ...]
    verb: str
    reads: bool

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots in the order of the text."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Slot))


class Query(NamedTuple):
    """A statement ready for a driver: `values` fill the shape's slots in order, secrets still wrapped."""

    shape: Shape
    values: tuple[Any, ...]
    label: str
    """How errors name it: `query` or `queries[2]`."""


class Written(NamedTuple):
    """A text with a `HOLE` for each reference, and the references as they were written."""

    sql: str
    sources: tuple[str, ...]

    @staticmethod
    def of(parts: Sequence[str | Bound]) -> "Written":
        """The parts of a statement, joined."""
        sql = "".join(part if isinstance(part, str) else HOLE for part in parts)
        return Written(sql, tuple(part.source for part in parts if not isinstance(part, str)))

    def original(self, at: int) -> str:
        """The text before `at` as its author sees it."""
        before = self.sql[:at].split(HOLE)
        return before[0] + "".join(source + text for source, text in zip(self.sources, before[1:], strict=False))

    def place(self, at: int) -> str:
        """`line 2, column 7` of the text as its author sees it."""
        return place_in(self.original(at))


def place_in(before: str) -> str:
    """The place that follows the text `before`, both counting from 1."""
    return f"line {before.count(NEWLINE) + 1}, column {len(before) - before.rfind(NEWLINE)}"


class Marks(NamedTuple):
    """Which placeholders `params` gives values: names of a mapping, or (`by_place`) the places of a list."""

    names: frozenset[str] = frozenset()
    by_place: bool = False

    @staticmethod
    def of(params: Params) -> "Marks":
        """What these `params` fill."""
        if isinstance(params, Mapping):
            return Marks(names=frozenset(params))
        return Marks(by_place=params is not None)

    def fills(self, mark: str) -> bool:
        """Whether the placeholder `mark` has a value; `:name` that is not in a mapping may be an array's slice."""
        return mark[1:] in self.names if mark[0] == ":" else self.by_place and mark[0] in "$?"


def read(written: Written, dialect: Dialect, marks: Marks, *, exactly_once: bool, label: str) -> Shape:
    """The statement's shape. Raises PermanentError (`statement`) with everything that is wrong in it and the cure."""
    found = tokens(written.sql, dialect)
    findings = check_statement(found, dialect, exactly_once=exactly_once) + check_marks(found, dialect, marks)
    if findings:
        text = "; ".join(f"{label}, {written.place(finding.at)}: {finding.message}" for finding in findings)
        raise PermanentError(text, kind="statement")
    grammar = [token for token in found if token.kind != "comment"]
    words = {token.low for token in grammar}
    verb = verb_of(grammar)
    return Shape(
        pieces=_pieces(written, grammar, marks),
        verb=verb,
        reads=(verb in _READS or verb == "with") and words.isdisjoint(_WRITES),
    )


def check_marks(found: Sequence[Token], dialect: Dialect, marks: Marks) -> list[Finding]:
    """Placeholders that nobody gives a value. `:name` is one on SQLite alone; elsewhere it may be a slice."""
    missing = [
        Finding(token.start, f"the placeholder {token.text[:40]} has no value: write a reference, or give `params`")
        for token in found
        if token.kind == "mark" and not marks.fills(token.text) and (token.text[0] != ":" or dialect == "sqlite")
    ]
    return missing[:MOST_FINDINGS]


def mark_key(text: str, position: int) -> int | str:
    """Which of `params` a placeholder means: `$2`, `?2` → 1, `?` → its own place, `:name` → name."""
    digits = text[1:]
    if text[0] == ":":
        return digits
    return (
        int(digits) - 1 if digits.isdigit() and len(digits) < MOST_PLACE_DIGITS else position if text == "?" else digits
    )


def fill(shape: Shape, parts: Sequence[str | Bound], params: Params, label: str) -> Query:
    """The shape with its values. Raises PermanentError (`value`) for a placeholder that `params` does not hold."""
    bound = [part.value for part in parts if not isinstance(part, str)]
    values = [_param(slot, params, label) if slot.is_param else bound[int(slot.key)] for slot in shape.slots]
    return Query(shape, tuple(values), label)


def _param(slot: Slot, params: Params, label: str) -> Any:
    if isinstance(params, Mapping):
        if slot.key in params:
            return params[str(slot.key)]
    elif params is not None and isinstance(slot.key, int) and 0 <= slot.key < len(params):
        return params[slot.key]
    raise PermanentError(f"{label}: the placeholder {slot.source} has no value in params", kind="value")


def unused_params(shapes: Sequence[Shape], params: Params) -> list[str]:
    """The keys or places (`params[1]`) that no statement uses."""
    used = {slot.key for shape in shapes for slot in shape.slots if slot.is_param}
    if isinstance(params, Mapping):
        return [f"params.{name}" for name in params if name not in used]
    return [f"params[{index}]" for index in range(len(params or ())) if index not in used]


def _pieces(written: Written, grammar: Sequence[Token], marks: Marks) -> tuple[str | Slot, ...]:
    pieces: list[str | Slot] = []
    at = references = places = 0
    columns = targets(grammar)
    for index, token in enumerate(grammar):
        if token.kind != "ref" and not (token.kind == "mark" and marks.fills(token.text)):
            continue
        alone, column = _is_alone_in_list(grammar, index), columns.get(index)
        if token.kind == "ref":
            slot = Slot(written.sources[references], references, alone_in_list=alone, column=column)
            references += 1
        else:
            slot = Slot(token.text, mark_key(token.text, places), is_param=True, alone_in_list=alone, column=column)
            places += 1
        pieces += [written.sql[at : token.start], slot]
        at = token.end
    pieces.append(written.sql[at:].rstrip().rstrip(";"))
    return tuple(pieces)


def _is_alone_in_list(grammar: Sequence[Token], index: int) -> bool:
    around = [token.low for token in grammar[max(0, index - 2) : index + 2]]
    return around[:2] == ["in", "("] and around[-1] == ")"
