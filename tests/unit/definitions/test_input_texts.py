"""Inputs given as text."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.definitions.input_texts import parse_inputs
from runner.definitions.model import Input
from runner.errors import RefusedError

KINDS: tuple[Any, ...] = get_args(Input.__annotations__["type"])


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", " 5 ", " 5 "),
        ("integer", "-5", -5),
        ("integer", "123456789012345678901234567890", 123456789012345678901234567890),
        ("number", "1e3", 1000.0),
        ("boolean", "true", True),
        ("object", '{"a": [1]}', {"a": [1]}),
        ("array", "[]", []),
    ],
)
def test_a_text_is_read_by_the_declared_type(kind: Any, text: str, value: Any) -> None:
    """Integers stay exact, text stays text."""
    assert parse_inputs({"x": Input(type=kind)}, {"x": text}, what="w") == {"x": value}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.0"),
        ("integer", "1_000"),
        ("integer", "9" * 5000),
        ("number", "true"),
        ("number", "NaN"),
        ("boolean", "yes"),
        ("object", "[1]"),
        ("array", "[" * 100_000),
        ("array", '"\ud800"'),
    ],
)
def test_what_is_no_spelling_of_the_type_is_refused(kind: Any, text: str) -> None:
    """By the input's name and what was expected; the text itself stands nowhere."""
    with pytest.raises(RefusedError, match=r"^w: input 'x' wants ") as refused:
        parse_inputs({"x": Input(type=kind)}, {"x": text}, what="w")

    assert refused.value.reason == "inputs"
    assert text not in str(refused.value)


@given(kind=st.sampled_from(KINDS), text=st.text())
def test_any_text_is_a_value_or_refused(kind: Any, text: str) -> None:
    """Nothing else is ever raised."""
    try:
        parse_inputs({"x": Input(type=kind)}, {"x": text}, what="w")
    except RefusedError:
        return
