"""
A text cut at its references and `{{ }}`.

    "id = $input.id; {{ now() }}" ──cut()──► ("id = ", Hole($input.id), "; ", Hole({{ now() }}))

`$$` becomes `$` where a reference would follow. What a hole yields later is data and is never cut again. Jinja is
imported when the first `{{ }}` that is more than one reference is met. `runner.expressions.template` is the only
caller.
"""

import re
from typing import Any, Final, NamedTuple

from runner.errors import ExpressionSyntaxError
from runner.expressions.reference import Found, Reference, read_escape, read_reference

MAX_EXPRESSIONS: Final = 1_000
"""In one text; each costs some 150 µs when a file is loaded."""

_OPENS: Final = re.compile(r"\$|\{\{")
_ONE_WORD: Final = re.compile(r"\$\w+")
_BLANKS: Final = re.compile(r"\s*")


class Hole(NamedTuple):
    """A reference, or a parsed expression, that stands in a text: as it was written and where."""

    source: str
    offset: int
    content: Any
    places: tuple[tuple[Reference, int], ...]


def cut(text: str) -> tuple[str | Hole, ...]:
    """The text's parts, no two texts side by side. Raises `ExpressionSyntaxError` with the offset within `text`."""
    if "$" not in text and "{{" not in text:
        return (text,)
    if text[0] == "$" and text[1:2] != "$":
        found = read_reference(text, 0, inside=not _ONE_WORD.fullmatch(text))
        if found and found.end == len(text):
            return (_reference_hole(text, 0, found),)
    return _cut(text)


def cut_expression(text: str) -> Hole:
    """A whole text as one expression, with braces around it or without. Raises `ExpressionSyntaxError`."""
    start = _after_blanks(text, 0)
    if text.startswith("{{", start):
        hole = _braces(text, start)
        if text[hole.offset + len(hole.source) :].strip():
            raise ExpressionSyntaxError(
                "this is one expression: write `{{` and `}}` around all of it or leave them out",
                offset=hole.offset + len(hole.source),
            )
        return hole
    if text.startswith("$", start):
        found = read_reference(text, start, inside=False)
        if found and _after_blanks(text, found.end) == len(text):
            return _reference_hole(text, start, found)
    return _parsed(text, 0, 0, braces=False)


def _cut(text: str) -> tuple[str | Hole, ...]:
    parts: list[str | Hole] = []
    plain: list[str] = []
    at = expressions = 0
    while opening := _OPENS.search(text, at):
        start = opening.start()
        plain.append(text[at:start])
        hole: Hole | None
        if opening[0] == "{{":
            hole = _braces(text, start)
            expressions += 1
            if expressions > MAX_EXPRESSIONS:
                raise ExpressionSyntaxError(f"a text holds at most {MAX_EXPRESSIONS:,} expressions", offset=start)
        elif (end := read_escape(text, start)) is not None:
            plain.append(text[start + 1 : end])
            at = end
            continue
        else:
            found = read_reference(text, start)
            hole = _reference_hole(text, start, found) if found else None
        if hole is None:
            plain.append("$")
            at = start + 1
            continue
        _flush(plain, parts)
        parts.append(hole)
        at = start + len(hole.source)
    plain.append(text[at:])
    _flush(plain, parts)
    return tuple(parts)


def _flush(plain: list[str], parts: list[str | Hole]) -> None:
    text = "".join(plain)
    plain.clear()
    if text:
        parts.append(text)


def _after_blanks(text: str, at: int) -> int:
    return _BLANKS.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing at least


def _reference_hole(text: str, start: int, found: Found) -> Hole:
    return Hole(text[start : found.end], start, found.reference, ((found.reference, start),))


def _braces(text: str, start: int) -> Hole:
    """The hole of the `{{` at `start`; one that holds just a reference needs no Jinja."""
    inner = _after_blanks(text, start + 2)
    if text.startswith("$", inner):
        found = read_reference(text, inner, inside=False)
        if found and text.startswith("}}", end := _after_blanks(text, found.end)):
            return Hole(text[start : end + 2], start, found.reference, ((found.reference, inner),))
    return _parsed(text, start, start + 2, braces=True)


def _parsed(text: str, start: int, inner: int, *, braces: bool) -> Hole:
    from runner.expressions.parse import parse  # noqa: PLC0415  Jinja takes 70 ms to import: only a file that needs it pays

    parsed = parse(text, inner, braces=braces)
    return Hole(text[start : parsed.end], start, parsed, tuple(parsed.places))
