"""
The grammar of `$root.path` (language, References).

    "Bearer $secret.API_KEY!" ──read_reference(text, 7)──► Found($secret.API_KEY, end 22)

Longest match: `$input.a-b` is one name. `$secret` and `$env` take exactly one name and nothing after it is a path. A
root that needs a name is text without one; a word one letter away from a root is an error; every other `$` is text.
`runner.expressions.cut` finds references in text, `runner.expressions.lexer` in expressions; `runner.definitions`
checks whether what they name exists. Nothing here looks a value up.
"""

import re
from typing import Final, NamedTuple

from runner.errors import ExpressionSyntaxError
from runner.expressions.labels import Path

ROOTS: Final = ("secret", "env", "input", "vars", "trigger", "action", "this", "item", "index", "last", "run")
"""Every root that a reference may have."""

ONE_NAME: Final = frozenset({"secret", "env"})
"""Roots that take exactly one name; what follows it is text."""

NEVER_WHOLE: Final = ONE_NAME | {"action"}
"""Roots that mean nothing without a name, wherever they stand."""

NEED_NAME: Final = NEVER_WHOLE | {"input", "vars", "trigger", "last", "run"}
"""
Roots that are text without a name inside a longer text; alone or in an expression those not in `NEVER_WHOLE` mean all
of it.
"""

MAX_INDEX_DIGITS: Final = 9
_SHOWN: Final = 80

_WORD: Final = re.compile(r"\$([^\W\d]\w*)")
_ONE_NAME: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)")
_STEP: Final = re.compile(
    r"\.([A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*)"  # .name, .name-with-dashes
    r"|\.([0-9]+)|\[([0-9]+)\]"  # .0, [0]
    r"|\['([^'\\]*)'\]|\[\"([^\"\\]*)\"\]"  # ['any text'], ["any text"]
)


class Reference(NamedTuple):
    """`$root.path` as it stands in a text: `("action", ("fetch", "body", 0))`."""

    root: str
    path: Path

    def __str__(self) -> str:
        """As a person would write it, for messages: `$action.fetch.body[0]`; cut after 80 characters."""
        text = "$" + self.root
        for step in self.path:
            simple = isinstance(step, str) and _STEP.fullmatch("." + step)
            text += f".{step}" if simple else f"[{step!r}]"
            if len(text) > _SHOWN:
                return text[:_SHOWN] + "…"
        return text


class Found(NamedTuple):
    """A reference in a text and where the text goes on."""

    reference: Reference
    end: int


def read_reference(text: str, start: int, *, inside: bool = True) -> Found | None:
    """
    The reference that begins with the `$` at `start`, or None where that `$` is text.

    `inside` says that it stands within a longer text, where `$input` alone is text. Raises `ExpressionSyntaxError`
    for a word one letter away from a root, for `$secret` without a name where it would have to be a reference, for an
    endless index.
    """
    word = _WORD.match(text, start)
    if word is None:
        return None
    root = word[1]
    if root not in ROOTS:
        _refuse_near_miss(root, start)
        return None
    if root in ONE_NAME:
        path, end = _read_one_name(text, word.end(), root)
    else:
        path, end = _read_path(text, word.end())
    if not path and root in NEED_NAME:
        if inside:
            return None
        if root in NEVER_WHOLE:
            raise ExpressionSyntaxError(
                f"${root} needs a name: write ${root}.{'ID' if root == 'action' else 'NAME'}", offset=start
            )
    return Found(Reference(root, path), end)


def read_escape(text: str, start: int) -> int | None:
    """Where the text goes on after the `$$` at `start` that stands for one `$`, or None where both are text."""
    if not text.startswith("$$", start):
        return None
    try:
        found = read_reference(text, start + 1)
    except ExpressionSyntaxError:
        word = _WORD.match(text, start + 1)
        return word.end() if word else None
    return found.end if found else None


def one_apart(word: str, other: str) -> bool:
    """Whether one letter put in, left out, changed or swapped with its neighbour makes `word` into `other`."""
    if word == other or abs(len(word) - len(other)) > 1:
        return False
    same = 0
    while same < min(len(word), len(other)) and word[same] == other[same]:
        same += 1
    left, right = word[same:], other[same:]
    if len(left) != len(right):
        return left[1:] == right or left == right[1:]
    return left[1:] == right[1:] or (left[:2] == right[:2][::-1] and left[2:] == right[2:])


def _refuse_near_miss(word: str, start: int) -> None:
    for root in ROOTS:
        if one_apart(word, root):
            raise ExpressionSyntaxError(
                f"${word} is no reference; did you mean ${root}? (for the text itself write $${word})", offset=start
            )


def _read_one_name(text: str, at: int, root: str) -> tuple[Path, int]:
    name = _ONE_NAME.match(text, at)
    if name:
        return (name[1],), name.end()
    if text.startswith(("['", '["'), at):
        raise ExpressionSyntaxError(f"${root} takes one name after a dot: write ${root}.NAME", offset=at)
    return (), at


def _read_path(text: str, at: int) -> tuple[Path, int]:
    path: list[str | int] = []
    while step := _STEP.match(text, at):
        name, dotted, index, single, double = step.groups()
        digits = dotted or index
        if digits is None:
            path.append(next(part for part in (name, single, double) if part is not None))
        elif len(digits) > MAX_INDEX_DIGITS:
            raise ExpressionSyntaxError(f"an index has at most {MAX_INDEX_DIGITS} digits", offset=at)
        else:
            path.append(int(digits))
        at = step.end()
    return tuple(path), at
