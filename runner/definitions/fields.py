"""
The kinds of field that a config model may have besides Python's own.

    class HttpConfig(Struct):
        url: Text                      # text, or a secret that arrives wrapped
        response_timeout: Duration     # "30s" → 30.0
        expect: Deferred | None        # an expression over $this, computed by the executor
    class SqlConfig(Struct):
        query: Statement               # text whose references become bound parameters

`runner.definitions.load` reads a model's types to know how each leaf of a file is compiled (`Statement` and `Deferred` have
a way of their own, everything else is a template) and what it may hold; `decode` turns a rendered config into the model. A
leaf that holds a template is accepted at load wherever a value may stand, and checked when it was rendered.
"""

import re
from typing import Any, Final, TypeVar

import msgspec

from runner.expressions.template import Deferred, Statement
from runner.secret import Secret

T = TypeVar("T")

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZE_UNITS: Final = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_SIZE: Final = re.compile(r"(\d+) ?(B|KB|MB|GB|KiB|MiB|GiB)")


class Text:
    """Annotates a field of text that may arrive as a `Secret`; never instantiated: the field holds `str` or `Secret`."""


class Duration(float):
    """Seconds, written `500ms`, `30s`, `10m`, `2h`, `1d`, or several of them after each other (`1h30m`)."""

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Raises ValueError with what was expected."""
        if not text or _DURATION.sub("", text):
            raise ValueError(f"expected a duration such as 500ms, 30s, 10m, 2h or 1d, found {text[:40]!r}")
        return cls(sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text)))


class Size(int):
    """Bytes, written as a number or `10MB`, `64KiB`."""

    @classmethod
    def parse(cls, value: str | int) -> "Size":
        """Raises ValueError with what was expected."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value)
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"expected a size such as 500KB, 10MB or 1GiB, found {str(value)[:40]!r}")
        return cls(int(match[1]) * _SIZE_UNITS[match[2]])


class Condition(str):
    """The text of an expression that the engine tests: `if`, `until`; without braces or with them."""

    __slots__ = ()


def decode(rendered: Any, model: type[T]) -> T:
    """
    A rendered config as its model; `Secret`, `Statement` and `Deferred` leaves stay what they are.

    Raises `msgspec.ValidationError`, whose text names the key path and the expected type and never the value.
    """
    return msgspec.convert(rendered, model, strict=True, dec_hook=decode_field)


def decode_field(kind: type, value: Any) -> Any:
    """One leaf of a kind that msgspec does not know; for `msgspec.convert(dec_hook=…)`. Raises ValueError."""
    if kind is Text:
        if isinstance(value, str | Secret):
            return value
        raise ValueError(f"expected text, found {type(value).__name__}")
    if kind is Duration:
        return Duration.parse(value) if isinstance(value, str) else _refuse("a duration such as 30s", value)
    if kind is Size:
        return Size.parse(value)
    if kind is Condition:
        return Condition(value) if isinstance(value, str) else _refuse("an expression", value)
    if kind in (Statement, Deferred):
        return value if isinstance(value, kind) else _refuse(kind.__name__.lower(), value)
    return _refuse(kind.__name__, value)


def encode_field(value: Any) -> Any:
    """The same leaves as JSON, for `msgspec.json.encode(enc_hook=…)`: a duration in seconds, text as it is."""
    if isinstance(value, Duration):
        return f"{value:g}s"
    if isinstance(value, Size):
        return int(value)
    if isinstance(value, Condition):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _refuse(expected: str, value: Any) -> Any:
    raise ValueError(f"expected {expected}, found {type(value).__name__}")
