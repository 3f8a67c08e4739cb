"""
How each text of a config is compiled, read off the model's types.

    leaf_kinds({"query": "select $input.n", "max_rows": 5}, SqlConfig) → {("query",): "statement"}

`runner.definitions.shape` follows the same types to say what may stand where; `runner.engine.plan` compiles by this. A
text that is not named is a template. `literal=True` reads a model whose plain fields are no templates: triggers.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect as mi

from runner.definitions.fields import Condition, Text, own_field
from runner.definitions.paths import Path
from runner.expressions.template import Deferred, LeafKind, Statement

_FIXED: Final[dict[type, LeafKind]] = {
    Condition: "expression",
    Deferred: "deferred",
    Statement: "statement",
    Text: "template",
}


NO_KINDS: Final[Mapping[Path, LeafKind]] = MappingProxyType({})


@cache
def type_of(model: Any) -> mi.Type:
    """The type information of a model or of any annotation; computed once."""
    return mi.type_info(model)


@cache
def fields_of(model: type[msgspec.Struct]) -> dict[str, mi.Field]:
    """The fields of a model by the key that they have in a file."""
    info = type_of(model)
    assert isinstance(info, mi.StructType)
    return {field.encode_name: field for field in info.fields}


def leaf_kinds(raw: Any, model: type[msgspec.Struct] | None, *, literal: bool = False) -> dict[Path, LeafKind]:
    """The kinds in `raw` that are no plain template, by path. `model` None: any value, all templates."""
    kinds: dict[Path, LeafKind] = {}
    if model is not None:
        _Walk(kinds, literal=literal).value(raw, type_of(model), ())
    return kinds


def narrow(info: mi.Type, raw: Any) -> mi.Type:
    """The alternative of a union that a value of `raw`'s JSON type would be; the type itself where it is none."""
    if not isinstance(info, mi.UnionType):
        return info
    accepted = _ALTERNATIVES.get(type(raw), ())
    for alternative in info.types:
        inner = alternative.type if isinstance(alternative, mi.Metadata) else alternative
        if isinstance(inner, accepted):
            return alternative
    rest = [alternative for alternative in info.types if not isinstance(alternative, mi.NoneType)]
    return rest[0] if len(rest) == 1 else info


_ALTERNATIVES: Final[dict[type, tuple[type[mi.Type], ...]]] = {
    dict: (mi.StructType, mi.DictType),
    list: (mi.ListType, mi.VarTupleType),
    str: (mi.StrType, mi.LiteralType),
    bool: (mi.BoolType,),
    int: (mi.IntType, mi.FloatType),
    float: (mi.FloatType,),
    type(None): (mi.NoneType,),
}


def parts(raw: Any, info: mi.Type) -> list[tuple[str | int, Any, mi.Type]] | None:
    """Steps, values and types below a mapping or list that fits `info`'s outer form; None where it does not."""
    if isinstance(raw, dict) and isinstance(info, mi.StructType):
        fields = fields_of(info.cls)
        return [(key, item, fields[key].type) for key, item in raw.items() if key in fields]
    if isinstance(raw, dict) and isinstance(info, mi.DictType):
        return [(key, item, info.value_type) for key, item in raw.items()]
    if isinstance(raw, list) and isinstance(info, mi.ListType | mi.VarTupleType):
        return [(index, item, info.item_type) for index, item in enumerate(raw)]
    return None


class WrittenText(NamedTuple):
    """A text of a config; `computed` where it is no literal, `later` where an executor computes it over `$this`."""

    path: Path
    text: str
    kind: LeafKind
    later: bool

    @property
    def computed(self) -> bool:
        """Whether it has a reference or an expression in it, as far as can be told without compiling."""
        return self.kind in ("expression", "deferred") or (self.kind != "literal" and has_marks(self.text))


def has_marks(text: str) -> bool:
    """Whether a text may hold a reference or an expression."""
    return "$" in text or "{{" in text


def texts(raw: Any, kinds: Mapping[Path, LeafKind] = NO_KINDS, path: Path = ()) -> Iterator[WrittenText]:
    """Every text in a value with the kind that it is compiled as, those handed down from above included."""
    return _texts(raw, kinds, path, "template", later=False)


def _texts(
    raw: Any, kinds: Mapping[Path, LeafKind], path: Path, kind: LeafKind, *, later: bool
) -> Iterator[WrittenText]:
    kind = kinds.get(path, kind)
    later = later or kind == "deferred"
    if isinstance(raw, str):
        yield WrittenText(path, raw, kind, later)
        return
    below: LeafKind = kind if kind in ("literal", "statement") else "template"
    items = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list | tuple) else ()
    for step, item in items:
        yield from _texts(item, kinds, (*path, step), below, later=later)


class _Walk:
    def __init__(self, kinds: dict[Path, LeafKind], *, literal: bool) -> None:
        self.kinds = kinds
        self.literal = literal

    def value(self, raw: Any, info: mi.Type, path: Path) -> None:
        info = narrow(info, raw)
        if isinstance(info, mi.Metadata):
            leaf = (info.extra or {}).get("leaf")
            if leaf:
                self.mark(raw, path, "template" if leaf == "expression" and not isinstance(raw, str) else leaf)
            else:
                self.value(raw, info.type, path)
        elif isinstance(info, mi.CustomType):
            self.mark(raw, path, self.custom(info.cls, raw))
        elif (below := parts(raw, info)) is not None:
            for step, item, kind in below:
                self.value(item, kind, (*path, step))
        else:
            self.mark(raw, path, "literal" if self.literal else "template")

    def custom(self, kind: type, raw: Any) -> LeafKind:
        if kind in _FIXED:
            return _FIXED[kind]
        own = own_field(kind)
        if own is not None:
            return own.leaf_kind(raw)
        return "literal" if self.literal else "template"

    def mark(self, raw: Any, path: Path, kind: LeafKind) -> None:
        """Compiling hands a kind down to what lies below, so the outermost place is named."""
        if kind != "template" and isinstance(raw, str | dict | list):
            self.kinds[path] = kind
