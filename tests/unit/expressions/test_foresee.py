"""What is known before a run is evaluated; what is not stays marked, and nothing computed from it passes for a value."""

from typing import Any

import pytest

from runner.errors import EvaluationError
from runner.expressions.foresee import Unknown, UnknownValueError, is_known, shown
from runner.expressions.labels import Absent, Labelled, Path
from runner.expressions.scope import MappingScope
from runner.expressions.template import LeafKind, compile_template


class HalfKnown(MappingScope):
    """`$input` is known, everything else is not; `$secret` is told as a secret."""

    def lookup(self, root: str, path: Path) -> tuple[Labelled | Absent, int]:
        """As a scope of mappings, but for what is unknown."""
        if root == "input":
            return super().lookup(root, path)
        raise UnknownValueError(Unknown(f"[secret {path[0]}]" if root == "secret" else f"<${root}>"))


SCOPE = HalfKnown(
    {"input": Labelled({"n": 2, "dry": True, "pw": "hidden", "none": None}, {("pw",): frozenset({"input.pw"})})}
)


def foreseen(value: Any, kinds: dict[Path, LeafKind] | None = None) -> Any:
    """As a person is shown it."""
    found = compile_template(value, kinds).foresee(SCOPE)
    assert isinstance(found, Labelled)
    return shown(found)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("$input.n", 2),
        ("{{ $input.n * 3 }}", 6),
        ("$action.fetch.body", "<$action>"),
        ("{{ $action.fetch.body | length }}", "<{{ $action.fetch.body | length }}>"),
        ("{{ $input.dry or $action.fetch.ok }}", True),
        ("{{ not $input.dry and $action.fetch.ok }}", False),
        ("{{ $secret.K == 'a' }}", "<{{ $secret.K == 'a' }}>"),
        ("Bearer $secret.K", "Bearer [secret K]"),
        ("$input.n of $action.fetch.n, $input.pw", "2 of <$action>, [secret input.pw]"),
        ("$input.pw", "[secret input.pw]"),
        ("pin $input.pw!", "pin [secret input.pw]!"),
        ({"a": ["$input.n", "$action.x"], "b": {"c": "$secret.K"}}, {"a": [2, "<$action>"], "b": {"c": "[secret K]"}}),
        ("{{ {'a': $input.n} }} $action.x", '{"a":2} <$action>'),
    ],
)
def test_the_known_is_evaluated_and_the_rest_is_marked(value: Any, told: Any) -> None:
    """Texts are written out as far as they are known; `or` and `and` end where the evaluator ends."""
    assert foreseen(value) == told


def test_a_statement_shows_its_text_and_its_values() -> None:
    """The text is as written, whatever is known; values beside it are masked."""
    told = foreseen("insert into t values ($input.n, $action.a.b, $input.pw)", {(): "statement"})

    assert told == {
        "text": "insert into t values ($input.n, $action.a.b, $input.pw)",
        "values": {"$input.n": 2, "$action.a.b": "<$action>", "$input.pw": "[secret input.pw]"},
    }


def test_what_is_absent_for_certain_is_an_error_now() -> None:
    """It would be one in the run; where the value may be absent as a whole it is said that it is."""
    with pytest.raises(EvaluationError, match="absent"):
        compile_template({"a": "$input.none.x"}).foresee(SCOPE)
    with pytest.raises(EvaluationError, match="absent"):
        compile_template("$action.x and $input.none.x").foresee(SCOPE)
    assert isinstance(compile_template("$input.none.x").foresee(SCOPE), Absent)


def test_a_value_is_known_when_all_of_it_is() -> None:
    """However deep the unknown part lies."""
    assert is_known({"a": [1, {"b": None}]})
    assert not is_known({"a": [1, {"b": Unknown("<x>")}]})
