"""
What a plain (unquoted) YAML scalar means: YAML 1.2's core schema, without its traps.

    no, on, 12:30, 2024-01-01 → text      7, 0x1f, 1.5, true, null → what they say      007, 1_000, .inf → an error

`runner.definitions.yaml` asks; nothing in here knows YAML's structure. An error is a ValueError that says "quote it".
"""

import math
import re
from typing import Final

MAX_DIGITS: Final = 1_000
"""Digits of a number; more is text that somebody forgot to quote."""

_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMERIC: Final = frozenset("0123456789+-.")
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OTHER_BASE: Final = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")
_UNDERSCORES: Final = re.compile(r"[-+]?[0-9]+(?:_[0-9]*)+(?:\.[0-9_]*)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

Scalar = str | int | float | bool | None


def plain(text: str) -> Scalar:
    """The value of a plain scalar. Raises ValueError, with the cure, for a number that readers disagree about."""
    if text in _WORDS:
        return _WORDS[text]
    return _number(text) if text[0] in _NUMERIC else text


def _number(text: str) -> Scalar:
    if _FLOAT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(
                f"a number of {len(text):,} characters: expected at most {MAX_DIGITS:,}; if it is text, quote it"
            )
        return int(text) if _INTEGER.fullmatch(text) else _finite(text)
    if _OTHER_BASE.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(
                f"a number of {len(text):,} characters: expected at most {MAX_DIGITS:,}; if it is text, quote it"
            )
        return int(text, 0)
    if _LEADING_ZERO.fullmatch(text):
        raise ValueError(
            "a number with leading zeros is octal to one reader and decimal to the next: quote it, or drop the zeros"
        )
    if _UNDERSCORES.fullmatch(text):
        raise ValueError(
            "a number with underscores is text to one reader and a number to the next: quote it, or drop them"
        )
    if _NO_NUMBER.fullmatch(text):
        raise ValueError("JSON has no infinity and no NaN: quote it if it is text")
    return text


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("the number is too big for 64-bit floating point: quote it")
    return value


def tagged(tag: str, text: str, quoted: bool) -> Scalar:  # noqa: FBT001  read once, by position, in one place
    """The value of a scalar with a tag of the core schema (`!!str 5`). Raises ValueError for any other tag."""
    if tag in ("!", "tag:yaml.org,2002:str"):
        return text
    value = text if quoted and tag not in _TAGS else plain(text)
    expected = _TAGS.get(tag)
    if expected is None:
        raise ValueError(
            f"the tag {short_tag(tag)} means nothing here; for a negation write `not`, else quote the whole value"
        )
    if type(value) not in expected:
        raise ValueError(f"the tag {short_tag(tag)} does not fit this value")
    return value


def short_tag(tag: str) -> str:
    """A tag as it was written, cut to a readable length."""
    return tag.replace("tag:yaml.org,2002:", "!!")[:30]


_TAGS: Final[dict[str, tuple[type, ...]]] = {
    "tag:yaml.org,2002:int": (int,),
    "tag:yaml.org,2002:float": (float, int),
    "tag:yaml.org,2002:bool": (bool,),
    "tag:yaml.org,2002:null": (type(None),),
}
