"""
Whether one scalar is what a model's field asks for, and the words that say what it should have been.

    read_leaf(30, Duration) → ValueError: expected a duration such as 30s, found the number 30: write 30s

`runner.definitions.shape` walks mappings and lists and asks here for everything below. Nothing here knows positions. A
text of a config is never repeated in a message unless the field takes one of a few words: a password may stand in it.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from msgspec import inspect as mi

from runner.definitions.fields import Condition, Duration, Size, Text, own_field
from runner.expressions.nearest import suggestion
from runner.expressions.scope import MappingScope
from runner.expressions.template import Deferred, Statement, compile_all

_SHOWN: Final = 40
_TYPE_WORDS: Final = {
    **dict.fromkeys(("text", "str", "date", "datetime", "enum"), "string"),
    **dict.fromkeys(("float", "decimal", "double"), "number"),
    **dict.fromkeys(("dict", "map", "mapping", "json"), "object"),
    **dict.fromkeys(("list", "tuple"), "array"),
}
_TRUTH: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_KINDS: Final[dict[type, str]] = {
    Condition: "an expression",
    Deferred: "an expression",
    Duration: "a duration such as 30s",
    Size: "a size such as 10MB",
    Statement: "an SQL statement",
    Text: "text",
}


def read_leaf(value: Any, info: mi.Type) -> Any:
    """The value as a field of type `info` holds it. Raises ValueError with what was expected and what was found."""
    return _READERS[type(info)](value, info)


def mismatch(value: Any, info: mi.Type) -> ValueError:
    """`expected …, found …`, with the cure where it is known."""
    return ValueError(f"expected {expected_by(info)}, found {found(value, info)}{_cure(value, info)}")


def expected_by(info: mi.Type) -> str:
    """What a type takes, in words."""
    return _WORDS[type(info)](info)


def found(value: Any, info: mi.Type) -> str:
    """What a value is, in words; its text only where the type takes one of a few."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {str(value)[:_SHOWN]}"
    if isinstance(value, str):
        wordy = isinstance(info, mi.LiteralType | mi.BoolType) or getattr(info, "cls", None) in (Duration, Size)
        return repr(value[:_SHOWN]) if wordy else "text"
    return "a list" if isinstance(value, list) else "a mapping"


def _cure(value: Any, info: mi.Type) -> str:
    kind = getattr(info, "cls", None)
    if value is None:
        return ": give a value or leave the key out"
    if isinstance(info, mi.BoolType) and isinstance(value, str) and value.lower() in _TRUTH:
        return f": write {_TRUTH[value.lower()]} (text in YAML 1.2)"
    if isinstance(value, str) and isinstance(info, mi.IntType | mi.FloatType):
        return ": drop the quotes" if re.fullmatch(r"[0-9]{1,15}", value) else ""
    if type(value) in (int, float) and kind is Duration:
        return f": write {value}s" if value >= 0 else ""
    if not isinstance(value, str | list | dict) and (isinstance(info, mi.StrType) or kind in (Text, Statement)):
        return ": quote it"
    if isinstance(value, str) and isinstance(info, mi.ListType | mi.VarTupleType):
        return ": write it as a list, [ … ]"
    if isinstance(value, str) and isinstance(info, mi.LiteralType):
        if (word := _TYPE_WORDS.get(value)) in info.values:
            return f": write {word}"
        return suggestion(value, map(str, info.values))
    return ""


# ------------------------------------------------------------------------------------------------------------- reading


def _none(value: Any, info: mi.Type) -> Any:
    if value is not None:
        raise mismatch(value, info)
    return None


def _bool(value: Any, info: mi.Type) -> Any:
    if not isinstance(value, bool):
        raise mismatch(value, info)
    return value


def _number(value: Any, info: Any) -> Any:
    fits = type(value) is int or (isinstance(info, mi.FloatType) and type(value) is float)
    if not fits or (info.ge is not None and value < info.ge) or (info.gt is not None and value <= info.gt):
        raise mismatch(value, info)
    if (info.le is not None and value > info.le) or (info.lt is not None and value >= info.lt):
        raise mismatch(value, info)
    return value


def _text(value: Any, info: Any) -> Any:
    if not isinstance(value, str) or not (info.min_length or 0) <= len(value):
        raise mismatch(value, info)
    if (info.max_length or len(value)) < len(value) or (info.pattern and not re.search(info.pattern, value)):
        raise mismatch(value, info)
    return value


def _literal(value: Any, info: Any) -> Any:
    """One of a few words; a number that is spelled like one of them counts, as in `on: [429]`."""
    word = str(value) if type(value) is int and all(isinstance(choice, str) for choice in info.values) else value
    if isinstance(value, bool) or word not in info.values:
        raise mismatch(value, info)
    return word


def _custom(value: Any, info: Any) -> Any:
    kind = info.cls
    if kind in (Text, Statement, Deferred):
        return _text_kind(value, info)
    if kind is Condition:
        text = str(value).lower() if isinstance(value, bool) else value
        return Condition(_text_kind(text, info))
    if kind is Duration:
        return Duration.parse(_text_kind(value, info))
    if kind is Size:
        return Size.parse(value)
    own = own_field(kind)
    if own is not None:
        return _own_kind(value, own)
    raise TypeError(f"a model's field has the type {kind.__name__}, which no file can hold")


def _text_kind(value: Any, info: mi.Type) -> str:
    if not isinstance(value, str) or not value:
        raise mismatch(value or None, info) if value == "" else mismatch(value, info)
    return value


def _own_kind(value: Any, kind: Any) -> Any:
    """A package's own kind, made as it will be when rendered; a wrong expression is told where it is compiled."""
    leaf = kind.leaf_kind(value)
    if leaf == "deferred" and isinstance(value, str | list | dict):
        template, _ = compile_all(value, {(): leaf})
        return value if template is None else kind.parse(template.evaluate(MappingScope({})).value)
    return value if leaf in ("expression", "statement") else kind.parse(value)


_READERS: Final[dict[type[mi.Type], Callable[[Any, Any], Any]]] = {
    mi.AnyType: lambda value, _: value,
    mi.BoolType: _bool,
    mi.CustomType: _custom,
    mi.FloatType: _number,
    mi.IntType: _number,
    mi.LiteralType: _literal,
    mi.NoneType: _none,
    mi.StrType: _text,
}


# --------------------------------------------------------------------------------------------------------------- words


def _one_of(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _bounds(info: Any) -> str:
    words = [f"at least {info.ge}"] * (info.ge is not None) + [f"more than {info.gt}"] * (info.gt is not None)
    words += [f"at most {info.le}"] * (info.le is not None) + [f"less than {info.lt}"] * (info.lt is not None)
    return f" of {' and '.join(words)}" if words else ""


def _struct_words(info: Any) -> str:
    names = [field.encode_name for field in info.fields]
    return f"a mapping with {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"  # noqa: PLR2004  what a line holds


_WORDS: Final[dict[type[mi.Type], Callable[[Any], str]]] = {
    mi.AnyType: lambda _: "a value",
    mi.BoolType: lambda _: "true or false",
    mi.CustomType: lambda info: _KINDS.get(info.cls) or str(info.cls.expected),
    mi.DictType: lambda _: "a mapping",
    mi.FloatType: lambda info: f"a number{_bounds(info)}",
    mi.IntType: lambda info: f"a whole number{_bounds(info)}",
    mi.ListType: lambda _: "a list",
    mi.LiteralType: lambda info: _one_of([str(value) for value in info.values]),
    mi.Metadata: lambda info: expected_by(info.type),
    mi.NoneType: lambda _: "nothing",
    mi.StrType: lambda info: f"text that matches {info.pattern}" if info.pattern else "text",
    mi.StructType: _struct_words,
    mi.UnionType: lambda info: _one_of([expected_by(kind) for kind in info.types if not isinstance(kind, mi.NoneType)]),
    mi.VarTupleType: lambda _: "a list",
}
