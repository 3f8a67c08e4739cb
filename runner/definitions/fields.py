"""
The kinds of field that a config model may have besides Python's own.

    class HttpConfig(Struct):
        url: Text                      # text, or a secret that arrives wrapped
        response_timeout: Duration     # "30s" → 30.0
        items: Deferred | None         # an expression over $this, computed by the executor
    class SqlConfig(Struct):
        query: Statement               # text whose references become bound parameters

`runner.definitions.kinds` reads a model's types to know how each leaf of a file is compiled (`Statement` and `Deferred`
have a way of their own, everything else is a template) and what it may hold; `decode` turns a rendered config into the
model. A leaf that holds a template is accepted at load wherever a value may stand, and checked when it was rendered.

msgspec allows none of these kinds in a union but with None. A package that wants one (a status or an expression) brings
a class of its own that is a `CustomField`.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, Protocol, TypeVar, cast, runtime_checkable

import msgspec

from runner.expressions.template import Deferred, LeafKind, Statement
from runner.secret import Secret

T = TypeVar("T")

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_LONGEST: Final = 3660 * 86400.0
_RATE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)/([smh])")
_SIZE_UNITS: Final = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_SIZE: Final = re.compile(r"([0-9]{1,12}) ?(B|KB|MB|GB|KiB|MiB|GiB)")


class _Annotation(type):
    """A class that only annotates: msgspec asks whether what `decode_field` gave is an instance of it."""

    holds: tuple[type, ...]

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.holds)


class Text(metaclass=_Annotation):
    """Annotates a field of text that may be secret; never instantiated: the field holds `str` or `Secret`."""

    holds = (str, Secret)


class Duration(float):
    """Seconds, written `500ms`, `30s`, `10m`, `2h`, `1d`, or several of them after each other (`1h30m`)."""

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Raises ValueError with what was expected."""
        if not text or _DURATION.sub("", text):
            raise ValueError(f"expected a duration such as 500ms, 30s, 10m, 2h or 1d, found {text[:40]!r}")
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
        if seconds > _LONGEST:
            raise ValueError(f"expected a duration of at most ten years, found {text[:40]!r}")
        return cls(seconds)


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


Computed = Annotated[Any, msgspec.Meta(extra={"leaf": "expression"})]
"""A value whose text is an expression that gives anything, as `for_each`; any other JSON is a template."""

Templated = Annotated[Any, msgspec.Meta(extra={"leaf": "template"})]
"""Any JSON value that is a template, in a model whose other fields are literal: engine keys, triggers."""

Expression = Annotated[str, msgspec.Meta(extra={"leaf": "expression"})]
"""A text that is an expression whose value is wanted."""

LITERAL: Final = msgspec.Meta(extra={"leaf": "literal"})
"""`Annotated[kind, LITERAL]`: nothing in it is a template, in the config of an action too."""


class Rate(float):
    """Starts a second, written `10/s`, `30/m`, `100/h`."""

    expected = "a rate such as 10/s, 30/m or 100/h"

    @classmethod
    def leaf_kind(cls, raw: Any) -> LeafKind:  # noqa: ARG003  as `CustomField` has it
        """An engine key is never a template."""
        return "literal"

    @classmethod
    def parse(cls, value: Any) -> "Rate":
        """Raises ValueError with what was expected."""
        match = _RATE.fullmatch(value) if isinstance(value, str) else None
        if match is None or float(match[1]) == 0:
            raise ValueError(f"expected {cls.expected}")
        return cls(float(match[1]) / _UNITS[match[2]])


@runtime_checkable
class CustomField(Protocol):
    """
    What a class must bring to be the type of a field, besides the kinds above: all are asked of the class.

    `expected` says in words what may stand there ("a status such as 2xx, a list of them or an expression").
    """

    expected: str

    @classmethod
    def leaf_kind(cls, raw: Any) -> LeafKind:
        """How every text in `raw`, the field's value as it stands in the file, is compiled."""

    @classmethod
    def parse(cls, value: Any) -> Any:
        """An instance made of the rendered (or, at load, literal) value. Raises ValueError with what was expected."""


@cache
def own_field(kind: type) -> type[CustomField] | None:
    """The class of a field's type where a package brought it, else None; asked often, so remembered."""
    return cast("type[CustomField]", kind) if isinstance(kind, CustomField) else None


def decode(rendered: Any, model: type[T]) -> T:
    """
    A rendered config as its model; `Secret`, `Statement` and `Deferred` leaves stay what they are.

    Raises `msgspec.ValidationError`, whose text names the key path and the expected type and never the value.
    """
    return msgspec.convert(rendered, model, strict=True, dec_hook=decode_field)


def decode_field(kind: type, value: Any) -> Any:
    """One leaf of a kind that msgspec does not know; for `msgspec.convert(dec_hook=…)`. Raises ValueError."""
    if kind in _LEAVES:
        accepted, make, expected = _LEAVES[kind]
        return make(value) if isinstance(value, accepted) else _refuse(expected, value)
    own = own_field(kind)
    if own is not None:
        return own.parse(value)
    return _refuse(kind.__name__, value)


def encode_field(value: Any) -> Any:
    """The same leaves as JSON, for `msgspec.json.encode(enc_hook=…)`: a duration in seconds, text as it is."""
    if isinstance(value, Duration):
        return f"{value:.6f}".rstrip("0").rstrip(".") + "s"
    if isinstance(value, Size):
        return int(value)
    if isinstance(value, Condition):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _refuse(expected: str, value: Any) -> Any:
    raise ValueError(f"expected {expected}, found {type(value).__name__}")


def _same(value: Any) -> Any:
    return value


_LEAVES: Final[dict[type, tuple[type | tuple[type, ...], Callable[[Any], Any], str]]] = {
    Text: ((str, Secret), _same, "text"),
    Duration: (str, Duration.parse, "a duration such as 30s"),
    Size: ((str, int), Size.parse, "a size such as 10MB"),
    Condition: (str, Condition, "an expression"),
    Statement: (Statement, _same, "a statement"),
    Deferred: (Deferred, _same, "an expression"),
}
