"""
Whether a value of a file has the shape that a model asks for: every error of it at once.

    node + type information ──Shape.read()──► what it holds; what cannot be read is told, and its default stands in

A `Shape` for engine keys takes everything literally and makes instances; one with `templates` reads the config of an
action, where a text with a reference or `{{ }}` may stand for any value, and only checks. The types are
`msgspec.inspect`'s, so packages need nothing but their model. `runner.definitions.load` calls this; cross checks are
`runner.definitions.check`'s.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from msgspec import inspect as mi

from runner.definitions.fields import Text, own_field
from runner.definitions.findings import Findings
from runner.definitions.hints import unknown_key
from runner.definitions.kinds import fields_of, has_marks, narrow, texts, type_of
from runner.definitions.leaves import mismatch, read_leaf
from runner.definitions.nodes import Node
from runner.definitions.paths import Path
from runner.expressions.template import Deferred, Statement, compile_all

FAILED: Final = object()
"""What reading gives where nothing could be read; the problem was told."""

_ANY_TEXT: Final = (Text, Statement, Deferred)
"""Kinds that take every text: whether it is a template does not matter to its shape."""

Hint = Callable[[str], str | None]
"""A sentence about an unknown key; None where there is nothing special to say of it, "" where it is no mistake."""


@lru_cache(maxsize=2048)
def is_template(text: str) -> bool:
    """Whether a text holds a reference or an expression; `$5` and `$$input.n` hold none."""
    if not has_marks(text):
        return False
    template, _ = compile_all(text, None)
    return template is None or not template.is_constant


class Shape:
    """Reads nodes by type. `words` hold what other systems call the keys of a model."""

    def __init__(self, findings: Findings, words: Mapping[type, Mapping[str, str]], *, templates: bool = False) -> None:
        self.findings = findings
        self.words = words
        self.templates = templates
        self._readers: dict[type[mi.Type], Callable[[Node, Any, Path], Any]] = {
            mi.DictType: self._dict,
            mi.ListType: self._list,
            mi.Metadata: self._metadata,
            mi.StructType: self._struct,
            mi.UnionType: self._union,
            mi.VarTupleType: self._list,
        }

    def model(self, node: Node, model: type, path: Path) -> Any:
        """An instance of `model` (with `templates`: the raw value), or FAILED."""
        return self.read(node, type_of(model), path)

    def read(self, node: Node, info: mi.Type, path: Path) -> Any:
        """The value at `node` as `info` asks for it, or FAILED; what is wrong goes to the findings."""
        if node.broken:
            return FAILED
        if self.templates and self._stands_for_a_value(node, info):
            return node.value
        reader = self._readers.get(type(info))
        if reader is not None:
            return reader(node, info, path)
        try:
            return read_leaf(node.value, info)
        except ValueError as error:
            self.findings.at(path, str(error))
            return FAILED

    def _stands_for_a_value(self, node: Node, info: mi.Type) -> bool:
        """Whether a template stands where any value may; a kind of its own says itself what its texts are."""
        if isinstance(info, mi.Metadata | mi.UnionType | mi.AnyType):
            return False
        if isinstance(info, mi.CustomType):
            if info.cls in _ANY_TEXT:
                return False
            own = own_field(info.cls)
            if own is not None:
                return own.leaf_kind(node.value) == "template" and _any_template(node.value)
        return isinstance(node.value, str) and is_template(node.value)

    def _metadata(self, node: Node, info: mi.Metadata, path: Path) -> Any:
        leaf = (info.extra or {}).get("leaf")
        if self.templates and leaf == "literal":
            return Shape(self.findings, self.words).read(node, info.type, path)
        return self.read(node, info.type, path)

    def _union(self, node: Node, info: mi.UnionType, path: Path) -> Any:
        if node.value is None and any(isinstance(kind, mi.NoneType) for kind in info.types) and self.templates:
            return None
        if self.templates and isinstance(node.value, str) and is_template(node.value):
            custom = [kind for kind in info.types if isinstance(kind, mi.CustomType)]
            return self.read(node, custom[0], path) if custom else node.value
        chosen = narrow(info, node.value)
        if isinstance(chosen, mi.UnionType | mi.NoneType):
            return self._fail(node, info, path)
        return self.read(node, chosen, path)

    def _fail(self, node: Node, info: mi.Type, path: Path) -> Any:
        self.findings.at(path, str(mismatch(node.value, info)))
        return FAILED

    def _list(self, node: Node, info: Any, path: Path) -> Any:
        """A list or tuple; items that failed are left out of what is made of it, not out of the problems."""
        if not isinstance(node.items, list):
            return self._fail(node, info, path)
        if len(node.items) < (info.min_length or 0):
            self.findings.at(path, "expected at least one item, found an empty list")
        items = [self.read(item, info.item_type, (*path, index)) for index, item in enumerate(node.items)]
        kept = [item for item in items if item is not FAILED]
        return tuple(kept) if isinstance(info, mi.VarTupleType) else kept

    def _dict(self, node: Node, info: mi.DictType, path: Path) -> Any:
        if not isinstance(node.items, dict):
            return self._fail(node, info, path)
        values = {key: self.read(item, info.value_type, (*path, key)) for key, item in node.items.items()}
        return {key: value for key, value in values.items() if value is not FAILED}

    def _struct(self, node: Node, info: mi.StructType, path: Path) -> Any:
        if not isinstance(node.items, dict):
            return self._fail(node, info, path)
        values = self.fields(node, info.cls, path)
        return node.value if self.templates else info.cls(**values)

    def fields(self, node: Node, model: type, path: Path, hint: Hint | None = None) -> dict[str, Any]:
        """
        The fields of a mapping by their names in `model`, with a stand-in for each required one that could not be read.

        `hint` is asked about unknown keys before the words of the model are.
        """
        assert isinstance(node.items, dict)
        fields = fields_of(model)
        values: dict[str, Any] = {}
        for key, item in node.items.items():
            if key not in fields:
                sentence = hint(key) if hint else None
                if sentence != "":
                    self.findings.at_key((*path, key), sentence or unknown_key(key, fields, self.words.get(model, {})))
            elif (value := self.read(item, fields[key].type, (*path, key))) is not FAILED:
                values[fields[key].name] = value
        for key, field in fields.items():
            if field.required and field.name not in values:
                if key not in node.items:
                    self.findings.at(path, f"the key {key} is missing")
                values[field.name] = _stand_in(field.type)
        return values


def _any_template(value: Any) -> bool:
    return any(is_template(text.text) for text in texts(value))


def _stand_in(info: mi.Type) -> Any:
    """A value for a required field that could not be read, so that the other checks can go on."""
    for kind, value in _STAND_INS.items():
        if isinstance(info, kind):
            return value
    return None


_STAND_INS: Final[dict[type[mi.Type], Any]] = {mi.StrType: "", mi.LiteralType: "", mi.VarTupleType: ()}
