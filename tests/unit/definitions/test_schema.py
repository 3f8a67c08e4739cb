"""The JSON Schema of a workflow file: good files fit it, what has the wrong shape does not."""

import re
from pathlib import Path
from typing import Any

import pytest

from runner.definitions.schema import DIALECT, json_schema
from runner.definitions.yaml import read_yaml
from runner.executors import action_types

GOOD = sorted((Path(__file__).parents[2] / "workflows" / "good").glob("*.yaml"))
SCHEMA = json_schema(action_types())
KNOWN = {
    "$defs", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "default", "description", "enum",
    "exclusiveMinimum", "if", "items", "maximum", "minimum", "minItems", "pattern", "patternProperties", "properties",
    "required", "then", "title", "type",
}  # fmt: skip
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": (int, float),
    "integer": int,
}


def fits(value: Any, schema: Any) -> bool:
    """Whether a value fits, by the keywords that the schema uses: a second reading of the standard, for these tests."""
    if schema is True or schema == {}:
        return True
    if schema is False:
        return False
    if "$ref" in schema:
        return fits(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    if not all(fits(value, each) for each in schema.get("allOf", ())):
        return False
    if "if" in schema and fits(value, schema["if"]) and not fits(value, schema["then"]):
        return False
    if "anyOf" in schema and not any(fits(value, each) for each in schema["anyOf"]):
        return False
    return _plain(value, schema) and _object(value, schema) and _array(value, schema)


def _plain(value: Any, schema: dict[str, Any]) -> bool:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(
        isinstance(value, TYPES[kind]) and (type(value) is not bool or kind == "boolean") for kind in kinds
    ):
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        return False
    number = type(value) in (int, float)
    above = not number or value >= schema.get("minimum", value)
    below = not number or value <= schema.get("maximum", value)
    return above and below and (not number or "exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])


def _object(value: Any, schema: dict[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for key, item in value.items():
        matching = [each for pattern, each in patterns.items() if re.search(pattern, key)]
        other = [] if matching else [schema.get("additionalProperties", True)]
        if not all(fits(item, each) for each in ([known[key]] if key in known else matching or other)):
            return False
    return all(key in value for key in schema.get("required", ()))


def _array(value: Any, schema: dict[str, Any]) -> bool:
    if not isinstance(value, list):
        return True
    return len(value) >= schema.get("minItems", 0) and all(fits(item, schema.get("items", {})) for item in value)


def schemas(of: Any) -> list[dict[str, Any]]:
    """Every schema in a schema."""
    if isinstance(of, list):
        return [found for item in of for found in schemas(item)]
    if not isinstance(of, dict):
        return []
    below = [
        *of.get("properties", {}).values(),
        *of.get("patternProperties", {}).values(),
        *of.get("$defs", {}).values(),
    ]
    below += [of[key] for key in ("items", "if", "then", "anyOf", "allOf", "additionalProperties") if key in of]
    return [of, *schemas(below)]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_fits(path: Path) -> None:
    """All that the loader takes, an editor takes."""
    assert fits(read_yaml(path.read_text(), path.name).root.value, SCHEMA)


ACTION = "actions: [{id: a, type: set, config: 1}]"
HTTP = "actions: [{id: a, type: http, config: {url: $input.u, %s}}]"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "actions: []",
        f"acions: 1\n{ACTION}",
        f"name: Not Small\n{ACTION}",
        f"timeout: 30\n{ACTION}",
        f"timeout: 5 minutes\n{ACTION}",
        f"concurrency: 0\n{ACTION}",
        f"concurrency: {{limit: many}}\n{ACTION}",
        f"inputs: {{a: {{type: text}}}}\n{ACTION}",
        f"inputs: {{a: {{default: 1}}}}\n{ACTION}",
        f"triggers: [{{type: http, config: {{path: /x}}}}]\n{ACTION}",
        f"triggers: [{{type: http, config: {{path: /x, auth: open}}}}]\n{ACTION}",
        f"triggers: [{{type: cron, config: {{}}}}]\n{ACTION}",
        f"triggers: [{{type: schedule, config: {{evry: 5m}}}}]\n{ACTION}",
        "actions: [{type: set, config: 1}]",
        "actions: [{id: a b, type: set, config: 1}]",
        "actions: [{id: a, type: htpp, config: {}}]",
        "actions: [{id: a, type: set}]",
        "actions: [{id: a, type: set, config: 1, on_error: ignore}]",
        "actions: [{id: a, type: set, config: 1, retry: {max_attempts: 0}}]",
        "actions: [{id: a, type: http, config: {}}]",
        "actions: [{id: a, type: group, config: {actions: [{id: b, type: http}]}}]",
        HTTP % "timeout: 5s",
        HTTP % "follow_redirects: 'yes'",
        HTTP % "paginate: {max_pages: many}",
    ],
)
def test_what_has_the_wrong_shape_does_not_fit(text: str) -> None:
    """What an editor can underline while somebody types."""
    assert not fits(read_yaml(text, "a.yaml").root.value, SCHEMA)


@pytest.mark.parametrize(
    "extra",
    [
        "follow_redirects: $input.f",
        "paginate: {next: $this.n, max_pages: '{{ $input.n }}'}",
        "headers: $input.h",
        "body: [1, null]",
    ],
)
def test_a_template_may_stand_where_a_value_may(extra: str) -> None:
    """A text with a reference or an expression fits every field of a config."""
    assert fits(read_yaml(HTTP % extra, "a.yaml").root.value, SCHEMA)


def test_it_says_its_dialect_and_means_what_these_tests_read() -> None:
    """No keyword that nobody checks; every reference leads somewhere."""
    assert SCHEMA["$schema"] == DIALECT
    assert {key for schema in schemas(SCHEMA) for key in schema} <= KNOWN
    assert {schema["$ref"].removeprefix("#/$defs/") for schema in schemas(SCHEMA) if "$ref" in schema} <= set(
        SCHEMA["$defs"]
    )
