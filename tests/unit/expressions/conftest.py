"""What the tests of expressions share: one scope that knows a little of everything, and a way to compute a text in it."""

from collections.abc import Callable
from typing import Any

import pytest

from runner.expressions.labels import Labelled
from runner.expressions.scope import MappingScope
from runner.expressions.template import compile_template

NOW = 1_780_000_000.0
"""2026-05-28T20:26:40Z"""

ROOTS: dict[str, Any] = {
    "input": {
        "n": 3,
        "name": "Ada",
        "flag": True,
        "nothing": None,
        "list": [3, 1, 2],
        "text": "a b",
        "max-1": "dashed",
    },
    "vars": {"limit": 10},
    "item": {"id": 7, "tags": ["x", "y"]},
    "index": 0,
    "action": {"fetch": {"body": {"orders": [{"id": 1, "total": 9.5}, {"id": 2, "total": 0.5}], "0": "zero"}}},
    "secret": Labelled({"KEY": "s3cr3t-value"}, {("KEY",): frozenset({"KEY"})}),
    "env": Labelled({"HOST": "db"}, {}),
    "trigger": {"headers": {"x-id": "h1"}, "body": {}},
}


@pytest.fixture
def scope() -> MappingScope:
    """The roots above, at a fixed time."""
    return MappingScope(ROOTS, now=NOW, seed=b"attempt-1")


@pytest.fixture
def compute(scope: MappingScope) -> Callable[[str], Any]:
    """The value of one expression, without its labels."""
    return lambda text: compile_template(text, {(): "expression"}).evaluate(scope).value


@pytest.fixture
def render(scope: MappingScope) -> Callable[[Any], Any]:
    """The value of a template, without its labels."""
    return lambda value: compile_template(value).evaluate(scope).value
