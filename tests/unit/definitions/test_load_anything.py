"""Whatever a file holds, loading gives a workflow or our error and nothing else, in bounded time."""

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runner.definitions.catalog import EMPTY, build
from runner.definitions.load import Loaded, load_text
from runner.definitions.model import Workflow
from runner.errors import DefinitionError
from tests.unit.definitions.models import specs

SPECS = specs()
# fmt: off
KEYS = (
    "actions", "id", "type", "config", "needs", "if", "for_each", "concurrency", "rate", "retry", "timeout",
    "on_error", "on_interrupt", "output", "sensitive", "name", "description", "labels", "inputs", "vars",
    "triggers", "on_failure", "finally", "max_attempts", "delay", "until", "on", "limit", "key", "when_full",
    "default", "enum", "secret", "url", "method", "headers", "tags", "query", "expect", "page", "next", "most",
    "slow", "verify", "ratio", "when", "label", "for", "callback", "wait", "error", "response", "status",
    "body", "path", "auth", "bearer", "basic", "hmac", "jwt", "cron", "every", "anchor", "timezone", "jitter",
    "workflow", "state", "x-y", "<<", "a", "b",
)
WORDS = (
    "set", "group", "stop", "wait", "workflow", "work", "http", "schedule", "run", "string", "integer",
    "object", "array", "fail", "continue", "a", "b", "x", "GET", "none", "$input.a", "$action.a", "$action.a.b",
    "$vars.a", "$item", "$this.x", "$secret.A", "$trigger.body", "$run.callback.a", "$last.output", "{{", "$",
    "$inputs.a", "5m", "10/s", "1d", "2xx", "*", "@daily", "Europe/Paris", "2026-01-01T00:00:00Z",
)
# fmt: on
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 600)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [*WORDS, "* * * * *", "{{ $input.a }}", "{{ 1 + }}", "{{ $input.a | upper }}", "$input.a and $action.b", ""]
    )
    | st.text(max_size=8)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=25,
)


def tree_of(kind: str, **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A mapping that is nearly what it should be: right keys, any values."""
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=keys)


ACTIONS = st.one_of(
    *(
        tree_of(
            kind,
            id=st.sampled_from(["a", "b", "c-d"]),
            config=TREES,
            needs=TREES,
            output=TREES,
            retry=TREES,
            for_each=TREES,
        )
        for kind in ("set", "work", "wait", "stop", "workflow", "group", "htpp")
    )
)
TRIGGERS = st.one_of(*(tree_of(kind, config=TREES, inputs=TREES) for kind in ("http", "schedule", "run")))
FILES = st.fixed_dictionaries(
    {"actions": st.lists(ACTIONS, max_size=4)},
    optional={
        "triggers": st.lists(TRIGGERS, max_size=2),
        "inputs": TREES,
        "vars": TREES,
        "on_failure": st.lists(ACTIONS, max_size=2),
        "concurrency": TREES,
        "output": TREES,
        "name": TREES,
    },
)


def outcome(data: bytes | str) -> Loaded | DefinitionError:
    """What became of a file."""
    try:
        return load_text(data, "any.yaml", SPECS)
    except DefinitionError as error:
        return error


def check(data: bytes | str) -> None:
    """A workflow that reads back, or problems that each say where."""
    found = outcome(data)
    if isinstance(found, Loaded):
        assert Workflow.decode(found.workflow.encode()) == found.workflow
    else:
        assert found.problems
        assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in found.problems)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(FILES | TREES)
def test_any_tree_of_our_words(tree: Any) -> None:
    """Right keys with wrong values, wrong keys with right ones, nested in any way."""
    check(json.dumps(tree, ensure_ascii=False))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
@example(b"\xff\xfea\x00")
@example(b"\xed\xa0\x80")
def test_any_bytes(data: bytes) -> None:
    """A file may be anything."""
    check(data)


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="abc:-[]{}\"'|>&*!%@`#?, \n\t0123.$~<=", max_size=80))
@example("a: \ud800")
def test_any_text_of_yaml_marks(text: str) -> None:
    """Every mark of YAML in any order, behind a key that means something."""
    check(text)
    check("actions:\n  - id: a\n    type: set\n    config: " + text)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a.yaml", "b.yaml", "c.yml"]), FILES.map(json.dumps) | st.text(max_size=20), max_size=3
    )
)
def test_any_folder(files: dict[str, str]) -> None:
    """Whatever the files are, the catalog is one of them all, and a second look changes nothing."""
    contents = {name: text.encode(errors="replace") for name, text in files.items()}

    catalog = build(EMPTY, contents, SPECS)

    assert {entry.file for entry in catalog.entries.values()} | {broken.file for broken in catalog.broken} == set(files)
    assert build(catalog, contents, SPECS) == catalog


ACTION = "  - {id: a%d, type: set, needs: [], config: 1}\n"
SLOW = {
    "many unknown keys": "".join(f"key{number}: 1\n" for number in range(20_000)) + "actions: []\n",
    "many wrong actions": "actions:\n" + "  - 1\n" * 40_000,
    "many repeated ids": "actions:\n" + "  - {id: a, type: set, config: 1}\n" * 15_000,
    "many actions": "actions:\n" + "".join(ACTION % number for number in range(10_000)),
    "many needs": "actions:\n"
    + "".join(
        f"  - {{id: a{n}, type: set, needs: [{','.join(f'a{m}' for m in range(n))}], config: 1}}\n" for n in range(200)
    ),
    "a long circle": "actions:\n"
    + "".join(f"  - {{id: a{n}, type: set, needs: [a{(n + 1) % 5000}], config: 1}}\n" for n in range(5_000)),
    "many references": "actions:\n  - {id: a, type: set, config: [" + "$input.x," * 40_000 + "]}\n",
    "one long text": "actions:\n  - {id: a, type: set, config: '" + "$input.x " * 60_000 + "'}\n",
    "many expressions": "actions:\n  - {id: a, type: set, config: [" + "'{{ 1 + }}'," * 20_000 + "]}\n",
    "deep expression": "actions:\n  - {id: a, type: set, config: '{{ " + "(" * 100_000 + " }}'}\n",
    "aliases of references": "x-a: &a ["
    + "$input.x," * 200
    + "]\nactions:\n  - {id: a, type: set, config: ["
    + "*a," * 200
    + "]}\n",
    "nested groups": "actions:\n"
    + "".join(
        " " * 6 * n
        + f"  - id: g{n}\n"
        + " " * 6 * n
        + "    type: group\n"
        + " " * 6 * n
        + "    config:\n"
        + " " * 6 * n
        + "      actions:\n"
        for n in range(40)
    ),
    "many triggers": "actions: [{id: a, type: set, config: 1}]\ntriggers:\n"
    + "  - {type: schedule, config: {cron: '0 0 29 2 *', timezone: Europe/Pari}}\n" * 3_000,
    "a long cron line": "actions: [{id: a, type: set, config: 1}]\ntriggers: [{type: schedule, config: {cron: '"
    + "1," * 100_000
    + "1 * * * *'}}]",
    "a long name": "name: " + "a" * 900_000 + "\nactions: [{id: a, type: set, config: 1}]",
    "long unknown names": "actions:\n"
    + "".join(f"  - {{id: a{n}, type: {'t' * 5000}, needs: [{'n' * 5000}], config: 1}}\n" for n in range(90)),
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW.keys())
def test_a_file_made_to_take_long_takes_seconds_at_most(text: str) -> None:
    """At a megabyte of mistakes the first three hundred are told."""
    began = time.process_time()
    found = outcome(text)

    assert time.process_time() - began < 8
    assert isinstance(found, Loaded) or len(found.problems) <= 301
    assert isinstance(found, Loaded) or len(str(found)) < 200_000
