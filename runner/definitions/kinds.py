"""
How each text of a config is compiled, read off the model's types.

    leaf_kinds({"query": "select $input.n", "max_rows": 5}, SqlConfig) → {("query",): "statement"}

`runner.definitions.shape` follows the same types to say what may stand where; `runner.engine.plan` compiles by this. A
text that is not named is a template. `literal=True` reads a model whose plain fields are no templates: triggers.
"""

from functools import cache
from typing import Any, Final

import msgspec
from msgspec import inspect as mi

from runner.definitions.fields import Condition, CustomField, Text
from runner.definitions.paths import Path
from runner.expressions.template import Deferred, LeafKind, Statement

_FIXED: Final[dict[type, LeafKind]] = {
    Condition: "expression",
    Deferred: "deferred",
    Statement: "statement",
    Text: "template",
}


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
    """The kind of each text in `raw` that is no plain template, by its path. `model` None: any value, all templates."""
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


class _Walk:
    def __init__(self, kinds: dict[Path, LeafKind], *, literal: bool) -> None:
        self.kinds = kinds
        self.literal = literal

    def value(self, raw: Any, info: mi.Type, path: Path) -> None:
        info = narrow(info, raw)
        if isinstance(info, mi.Metadata):
            leaf = (info.extra or {}).get("leaf")
            if leaf:
                self.mark(raw, path, leaf if isinstance(raw, str) or leaf == "literal" else "template")
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
        if isinstance(kind, CustomField):
            return kind.leaf_kind(raw)
        return "literal" if self.literal else "template"

    def mark(self, raw: Any, path: Path, kind: LeafKind) -> None:
        if kind == "template":
            return
        if isinstance(raw, str):
            self.kinds[path] = kind
        elif isinstance(raw, dict):
            for key, item in raw.items():
                self.mark(item, (*path, key), kind)
        elif isinstance(raw, list):
            for index, item in enumerate(raw):
                self.mark(item, (*path, index), kind)
