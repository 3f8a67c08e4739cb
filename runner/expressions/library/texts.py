"""
Functions on text: case, trimming, splitting, replacing, and regular expressions in linear time.

`match`, `find` and `sub` look anywhere in the text (`^` and `$` tie them to its ends) by RE2, which has no
look-around and no back-references. One match is bounded by the sizes of text and pattern, all of them by CPU time,
since a text may hold a match at each letter. The registry in `runner.expressions.library` is the only caller.
"""

import re
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import re2

from runner.errors import EvaluationError, ExpressionLimitError
from runner.expressions.bounds import Evaluation
from runner.expressions.labels import ABSENT
from runner.expressions.library.arguments import text, utf8, whole
from runner.expressions.library.function import Function, plain, unlabelled
from runner.expressions.values import spell

MAX_PATTERN_CHARACTERS: Final = 1_000
MAX_PROGRAM: Final = 2_000
"""Instructions of a compiled pattern: `(a{1000}){1000}` is short and huge."""
MAX_MATCH_WORK: Final = 16_000_000
"""Characters of text times instructions of pattern: the worst that one match can cost, 5 to 7 ns each when measured."""

_GROUP: Final = re.compile(r"\\(?:([0-9])|g<([0-9]{1,2}|[A-Za-z_][A-Za-z0-9_]*)>|(\\))")


def lower(evaluation: Evaluation, value: Any) -> str:
    """In small letters."""
    evaluation.room(len(text(value)))
    return text(value).lower()


def upper(evaluation: Evaluation, value: Any) -> str:
    """In capitals."""
    evaluation.room(len(text(value)))
    return text(value).upper()


def title(evaluation: Evaluation, value: Any) -> str:
    """The first letter of each word in upper case; a word ends at a space or a dash."""
    evaluation.room(len(text(value)))
    return re.sub(r"[^\s\-(\[{<]+", lambda word: word[0][0].upper() + word[0][1:].lower(), text(value))


def trim(evaluation: Evaluation, value: Any, chars: Any = None) -> str:
    """Without white space, or without any of `chars`, at both ends."""
    evaluation.room(len(text(value)))
    return text(value).strip(None if chars is None else text(chars, "chars"))


def split(evaluation: Evaluation, value: Any, sep: Any = None, maxsplit: Any = -1) -> list[str]:
    """At `sep`, or at runs of white space, at most `maxsplit` times from the left."""
    separator = None if sep is None else text(sep, "sep")
    if separator == "":
        raise EvaluationError("needs a `sep` that is not empty; for letters write | list")
    most = whole(maxsplit, "maxsplit", least=-1)
    evaluation.read(len(text(value)))
    bounded = evaluation.steps_left + 1 if most < 0 else min(most, evaluation.steps_left + 1)
    pieces = text(value).split(separator, bounded)
    evaluation.step(len(pieces))
    evaluation.room(len(text(value)))
    return pieces


def replace(evaluation: Evaluation, value: Any, old: Any, new: Any, count: Any = None) -> str:
    """Each `old` as `new`, or the first `count` of them."""
    source, before, after = text(value), text(old, "old"), text(new, "new")
    evaluation.read(len(source))
    times = source.count(before)
    if count is not None:
        times = min(times, whole(count, "count"))
    evaluation.room(len(source) + times * (len(after) - len(before)))
    return source.replace(before, after, times)


def string(evaluation: Evaluation, value: Any) -> str:
    """As text: JSON's spelling, text as it is, bytes as the UTF-8 they must be."""
    if isinstance(value, bytes):
        evaluation.room(len(value))
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise EvaluationError("is given bytes that are no UTF-8; write them by | b64encode or | hex") from None
    return spell(evaluation, value)


def match(evaluation: Evaluation, value: Any, regex: Any) -> bool:
    """Whether the regular expression matches anywhere in the text; `^` and `$` tie it to the ends."""
    return next(_matches(evaluation, text(value), regex), None) is not None


def find(evaluation: Evaluation, value: Any, regex: Any, every: Any = None) -> Any:
    """
    The first match: its text, with one group the group's, with several a list of them; absent where nothing matches.

    With `every=true` the list of all matches.
    """
    if every:
        found = []
        for one in _matches(evaluation, text(value), regex):
            evaluation.room(len(one[0]))
            found.append(_found(one))
        return found
    first = next(_matches(evaluation, text(value), regex), None)
    return ABSENT if first is None else _found(first)


def sub(evaluation: Evaluation, value: Any, regex: Any, new: Any) -> str:
    r"""Each match as `new`, in which `\1` or `\g<name>` is a group of the match and `\0` the whole."""
    source = text(value)
    pieces = _GROUP.split(text(new, "new"))
    made, at, size = [], 0, 0
    for one in _matches(evaluation, source, regex):
        written = source[at : one.start()] + _expanded(pieces, one)
        size += len(written)
        evaluation.fits(size)
        made.append(written)
        at = one.end()
    evaluation.room(size + len(source) - at)
    return "".join([*made, source[at:]])


def _matches(evaluation: Evaluation, source: str, regex: Any) -> Iterator[Any]:
    pattern = text(regex, "regex")
    utf8(source)
    compiled = compile_pattern(pattern)
    evaluation.read(len(source))
    if len(source) * compiled.programsize > MAX_MATCH_WORK:
        raise ExpressionLimitError("is given too long a text for this regular expression")
    began = time.thread_time()
    for found in compiled.finditer(source):
        began = evaluation.matching(began)
        evaluation.step()
        yield found


def compile_pattern(pattern: str) -> Any:
    """
    The pattern as RE2's program. Raises `EvaluationError` for one that is wrong, `ExpressionLimitError` for one too
    large.
    """
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise ExpressionLimitError(f"takes a regular expression of at most {MAX_PATTERN_CHARACTERS:,} characters")
    utf8(pattern)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 4_000_000
    try:
        compiled = re2.compile(pattern, options)
    except re2.error:
        raise EvaluationError(
            "is given a regular expression that is wrong (RE2's syntax: no look-around, no \\1 in it)"
        ) from None
    if compiled.programsize > MAX_PROGRAM:
        raise ExpressionLimitError("is given a regular expression that is too large")
    return compiled


def _found(one: Any) -> Any:
    groups = list(one.groups())
    return one[0] if not groups else groups[0] if len(groups) == 1 else groups


def _expanded(pieces: list[Any], one: Any) -> str:
    """`pieces` are text, then (digit, name, backslash) of which one is there, then text, and so on."""
    made = [pieces[0]]
    for digit, name, after in zip(pieces[1::4], pieces[2::4], pieces[4::4], strict=True):
        group = digit or name
        try:
            made.append("\\" if group is None else one[int(group) if group.isdigit() else group] or "")
        except IndexError:
            raise EvaluationError("names a group in `new` that the regular expression does not have") from None
        made.append(after)
    return "".join(made)


FILTERS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "lower": plain(lower),
        "upper": plain(upper),
        "title": plain(title),
        "trim": plain(trim),
        "split": plain(split),
        "replace": plain(replace),
        "string": plain(string),
        "match": unlabelled(match),
        "find": plain(find),
        "sub": plain(sub),
    }
)
