"""
The JSON Schema (2020-12) of a workflow file, for editors: completion, and most mistakes underlined while typing.

    models + specs ──json_schema()──► {"$schema": …, "properties": …, "$defs": {…}}

`runner schema` prints it. It is made from the types that the loader reads, so it cannot say anything else; where a
value may be a template, a text with `$` or `{{` is allowed beside it. What only a whole file can tell (`needs`,
references) is the loader's alone.
"""

import inspect
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, UNSET
from msgspec import inspect as mi

from runner.definitions.builtins import BUILTIN_SPECS
from runner.definitions.fields import Condition, Duration, Size, encode_field
from runner.definitions.kinds import type_of
from runner.definitions.specs import Specs
from runner.definitions.triggers import TRIGGER_MODELS
from runner.definitions.written import WrittenAction, WrittenBody, WrittenFile, WrittenTrigger

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]
Configs = dict[str, type[msgspec.Struct]]

_TEMPLATE: Final[Schema] = {
    "description": "A text with a reference ($input.name) or an expression ({{ … }}).",
    "type": "string",
    "pattern": r"\$|\{\{",
}
_ANY_TEMPLATE: Final[Schema] = {"$ref": "#/$defs/template"}
_NAME: Final = "^[a-z0-9][a-z0-9_-]*$"
_ID: Final = "^[A-Za-z_][A-Za-z0-9_]*(-[A-Za-z0-9_]+)*$"


def json_schema(specs: Specs) -> Schema:
    """The schema of a file whose actions have the engine's types and those of `specs`."""
    return _Schemas({**BUILTIN_SPECS, **specs}).file()


class _Schemas:
    """Builds schemas by type; each model becomes one definition, one more where its values may be templates."""

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self.definitions: dict[str, Schema] = {"template": _TEMPLATE}
        self._makers: dict[type[mi.Type], Callable[[Any, bool], Schema]] = {
            mi.AnyType: lambda _info, _templates: {},
            mi.BoolType: lambda _info, _templates: {"type": "boolean"},
            mi.CustomType: _custom,
            mi.DictType: self._dict,
            mi.FloatType: lambda info, _templates: {"type": "number", **_bounds(info)},
            mi.IntType: lambda info, _templates: {"type": "integer", **_bounds(info)},
            mi.ListType: self._list,
            mi.LiteralType: lambda info, _templates: {"enum": _choices(info.values)},
            mi.Metadata: self._metadata,
            mi.NoneType: lambda _info, _templates: {"type": "null"},
            mi.StrType: lambda info, _templates: {"type": "string", **_lengths(info)},
            mi.StructType: self._reference,
            mi.UnionType: self._union,
            mi.VarTupleType: self._list,
        }

    def file(self) -> Schema:
        actions: Schema = {"type": "array", "items": {"$ref": "#/$defs/Action"}}
        triggers: Schema = {"type": "array", "items": {"$ref": "#/$defs/Trigger"}}
        body = {"actions": {**actions, "minItems": 1}, "on_failure": actions, "finally": actions}
        self.definitions["Body"] = self.struct(WrittenBody, body)
        self.definitions["Trigger"] = self.typed(WrittenTrigger, TRIGGER_MODELS, templates=False)
        configs = {name: spec.config for name, spec in self.specs.items()}
        self.definitions["Action"] = self.typed(WrittenAction, configs, templates=True)
        self.definitions["Action"]["properties"]["id"]["pattern"] = _ID
        top = self.struct(WrittenFile, {**body, "triggers": triggers})
        top["properties"]["name"] = {"type": "string", "pattern": _NAME}
        top["patternProperties"] = {"^x-": {}}
        return {"$schema": DIALECT, "title": "Runner workflow", **top, "$defs": dict(sorted(self.definitions.items()))}

    def typed(self, model: type[msgspec.Struct], configs: Configs, *, templates: bool) -> Schema:
        """A model with a `type`, whose `config` hangs on it."""
        own = {"set", "group"} if templates else set()
        schema = self.struct(model, {"type": {"enum": sorted({*configs, *own})}})
        rules = []
        for name, config in sorted(configs.items()):
            then: Schema = {"properties": {"config": self._reference(type_of(config), templates)}}
            if any(field.required for field in msgspec.structs.fields(config)):
                then["required"] = ["config"]
            rules.append(_when(name, then))
        if templates:
            rules.append(_when("group", {"properties": {"config": {"$ref": "#/$defs/Body"}}, "required": ["config"]}))
            rules.append(_when("set", {"required": ["config"]}))
        return {**schema, "allOf": rules}

    def struct(self, model: Any, instead: dict[str, Schema], *, templates: bool = False) -> Schema:
        """A model as an object; `instead` are schemas of fields whose type says too little."""
        info = type_of(model)
        assert isinstance(info, mi.StructType)
        properties = {
            field.encode_name: instead.get(field.encode_name) or self.field(field, templates=templates)
            for field in info.fields
        }
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        required = [field.encode_name for field in info.fields if field.required]
        if required:
            schema["required"] = required
        if model.__doc__:
            schema["description"] = inspect.cleandoc(model.__doc__)
        return schema

    def field(self, field: mi.Field, *, templates: bool) -> Schema:
        schema = self.of(field.type, templates=templates)
        default = field.default
        if default in (NODEFAULT, UNSET, None, "", ()) or "$ref" in schema:
            return schema
        return {**schema, "default": msgspec.to_builtins(default, enc_hook=encode_field)}

    def of(self, info: mi.Type, *, templates: bool) -> Schema:
        """The schema of a type; with `templates` a template may stand in its place."""
        schema = self._makers[type(info)](info, templates)
        takes_any_text = not schema or schema.get("type") == "string" or isinstance(info, mi.Metadata | mi.UnionType)
        if not templates or takes_any_text:
            return schema
        return {"anyOf": [schema, _ANY_TEMPLATE]}

    def _reference(self, info: Any, templates: bool) -> Schema:  # noqa: FBT001  a table's function
        name = info.cls.__name__ + ("Templates" if templates else "")
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = self.struct(info.cls, {}, templates=templates)
        return {"$ref": f"#/$defs/{name}"}

    def _list(self, info: mi.ListType | mi.VarTupleType, templates: bool) -> Schema:  # noqa: FBT001  a table's function
        return {"type": "array", "items": self.of(info.item_type, templates=templates)}

    def _dict(self, info: mi.DictType, templates: bool) -> Schema:  # noqa: FBT001  a table's function
        return {"type": "object", "additionalProperties": self.of(info.value_type, templates=templates)}

    def _metadata(self, info: mi.Metadata, templates: bool) -> Schema:  # noqa: FBT001  a table's function
        literal = (info.extra or {}).get("leaf") == "literal"
        return self.of(info.type, templates=templates and not literal)

    def _union(self, info: mi.UnionType, templates: bool) -> Schema:  # noqa: FBT001  a table's function
        kinds = [kind for kind in info.types if templates or not isinstance(kind, mi.NoneType)]
        schemas: list[Schema] = []
        for kind in kinds:
            schema = self.of(kind, templates=templates)
            schemas += [each for each in schema.get("anyOf", [schema]) if each not in schemas]
        if {"type": "string"} in schemas:
            schemas = [schema for schema in schemas if schema != _ANY_TEMPLATE]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _when(kind: str, then: Schema) -> Schema:
    return {"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": then}


def _custom(info: mi.CustomType, _templates: bool) -> Schema:  # noqa: FBT001  a table's function
    if info.cls is Condition:
        return {"type": ["string", "boolean"], "description": "An expression, with or without {{ }}."}
    if info.cls is Duration:
        return {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"}
    if info.cls is Size:
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}
    expected = getattr(info.cls, "expected", None)
    return {"description": f"Expects {expected}."} if expected else {"type": "string"}


def _bounds(info: Any) -> Schema:
    words = {"minimum": info.ge, "exclusiveMinimum": info.gt, "maximum": info.le, "exclusiveMaximum": info.lt}
    return {word: bound for word, bound in words.items() if bound is not None}


def _lengths(info: Any) -> Schema:
    words = {"minLength": info.min_length, "maxLength": info.max_length, "pattern": info.pattern}
    return {word: bound for word, bound in words.items() if bound is not None}


def _choices(values: tuple[Any, ...]) -> list[Any]:
    """The words of a literal, and the numbers that the loader takes for them (`on: [429]`)."""
    return [*values, *(int(value) for value in values if isinstance(value, str) and value.isdigit())]
