"""Runaway expressions: each ends with an error of ours, at once, before it has made what it asks for."""

import random
import time
import tracemalloc
from typing import Any

import pytest

from runner.errors import EvaluationError, ExpressionError, ExpressionLimitError
from runner.expressions.bounds import MAX_DEPTH, MAX_RESULT_BYTES, Evaluation
from runner.expressions.scope import MappingScope
from runner.expressions.template import LeafKind, compile_all, compile_expression, compile_template

LONGEST_SECONDS = 0.5
"""Of this thread. All stay within 0.1 on a quiet machine; the rest is room for one that is busy."""


def nested(depth: int, core: Any = 1) -> Any:
    for _ in range(depth):
        core = [core]
    return core


def doubling(depth: int) -> Any:
    """A list that is small in memory and 2 ** depth long in JSON."""
    value: Any = ["x"]
    for _ in range(depth):
        value = [value, value]
    return value


LETTERS = "".join(random.Random(1).choices("ab ", k=1_000_000))
SCOPE = MappingScope(
    {
        "input": {
            "rows": [{"id": n, "name": f"n{n}"} for n in range(60_000)],
            "numbers": list(range(120_000)),
            "text": LETTERS,
            "doubling": doubling(40),
            "other_doubling": doubling(40),
            "deep": nested(900),
            "other_deep": nested(900),
        }
    }
)
RUNAWAYS = [
    "'a' * 10 ** 9",
    "10 ** (10 ** 8)",
    "9 ** (9 ** (9 ** 9))",
    "2 ** 3000 * 2 ** 3000",
    "(10 ** 999) ** 2",
    "[0] * 10 ** 9",
    "[[0] * 1000] * 1000",
    "[[[0] * 100] * 100] * 100",
    "('a' * 900000) ~ ('a' * 900000)",
    "('a' * 900000) + ('a' * 900000)",
    "('a' * 900000) | replace('a', 'aaaaaaaaaa')",
    "('a' * 900000) | replace('', 'bb')",
    "(['a' * 50000] * 19) | join('a' * 100000)",
    "('a' * 500000) | list",
    "('a ' * 490000) | split",
    "('a' * 490000) | split('a')",
    "('a' * 999999) | b64encode",
    "('a' * 999999) | hex",
    "('é' * 400000) | urlencode",
    "('a' * 400000) | sub('a', 'bbbb')",
    "('a' * 400000) | sub('', '-')",
    "('a' * 100000) | sub('a*b|a', 'c')",
    "('a' * 100000) | find('a', every=true)",
    "$input.text | find('(a|b)*a(a|b){12}c')",
    "'a' | match('((((((a{9}){9}){9}){9}){9}){9}){9}')",
    "'a' | match('a' * 2000)",
    "('[' * 500000) | fromjson",
    "('[' * 60 ~ ']' * 60) | fromjson",
    "('[],' * 300000) | fromjson",
    "('<a>' * 300000) | xml",
    "('<a>' * 60 ~ '</a>' * 60) | xml",
    r"('h' * 1000 ~ '\n' ~ '1\n' * 100000) | csv",
    "('a,' * 400000) | csv",
    "$input.rows | to_csv",
    "$input.rows | tojson",
    "$input.rows | tojson(indent=8)",
    "[$input.rows]",
    "{'rows': $input.rows}",
    "$input.rows + $input.rows",
    "$input.rows | sort(attribute='name')",
    "$input.rows | by('id') | items | map('last') | list | unique",
    "$input.numbers | sum",
    "$input.numbers | map('string')",
    "$input.numbers | unique",
    "$input.numbers | batch(1)",
    "'x' in $input.numbers",
    "[1] | batch(1000000, 0)",
    "[1] | slice(1000000)",
    "[1] | batch(90000, 'a' * 100000)",
    "$input.doubling | tojson",
    "$input.doubling | string",
    "[$input.doubling]",
    "$input.doubling * 2",
    "$input.doubling | flat(45)",
    "$input.doubling | unique",
    "$input.doubling == $input.other_doubling",
    "[$input.deep]",
    "$input.deep | tojson",
    "$input.deep == $input.other_deep",
    "$input.deep | unique",
    "{'a': $input.deep} | jwt('k')",
    "[{'a': $input.deep}] | urlencode",
    "([{}] * 90000) | map('jwt', 'k')",
    "([0] * 90000) | map('string') | join('a' * 1000)",
    "(['a' * 9000] * 100) | map('upper') | map('lower') | join | replace('a', 'bb')",
]


class TestRunaways:
    @pytest.mark.parametrize("text", RUNAWAYS)
    def test_it_is_stopped_by_an_error_at_once(self, text: str) -> None:
        """Within moments and a few megabytes, and the error says which bound or what is wrong."""
        template = compile_expression(text)

        used, peak = [], 0
        for _ in range(3):
            began = time.thread_time()
            with pytest.raises(EvaluationError):
                template.evaluate(SCOPE)
            used.append(time.thread_time() - began)
        tracemalloc.start()
        try:
            with pytest.raises(EvaluationError):
                template.evaluate(SCOPE)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert min(used) < LONGEST_SECONDS
        assert peak < 60_000_000

    def test_compiling_folds_nothing(self) -> None:
        """Jinja's optimizer would take 96 s for this one."""
        began = time.thread_time()
        compile_template("{{ 'a' * 10 ** 9 }}")

        assert time.thread_time() - began < LONGEST_SECONDS

    @pytest.mark.parametrize(
        "text",
        [
            "(" * 100_000,
            "[" * 100_000,
            "{{ " + "{" * 100_000,
            "not " * 2_400 + "1",
            "1 if 1 else " * 700 + "1",
            "-" * 9_000 + "1",
            "$input" + "[0]" * 300_000,
            "'" + "$" * 9_000 + "'",
            "{{" * 50_000,
            "$" * 1_000_000,
            "1" + " + 1" * 2_400,
            "1" + " and 1" * 1_600,
            "1" + " | abs" * 1_400,
            "$item" + "['a']" * 1_900,
        ],
    )
    def test_a_hostile_text_is_compiled_or_refused_in_bounded_time(self, text: str) -> None:
        """Long ones cost what their length costs, once, when the file is loaded."""
        began = time.thread_time()
        kinds: list[LeafKind] = ["expression", "template"]
        for value, kind in zip((text, "x " + text), kinds, strict=True):
            _, errors = compile_all(value, {(): kind})
            assert all(len(str(error)) < 500 for error in errors)

        assert time.thread_time() - began < 10


class TestBounds:
    def test_a_long_chain_is_not_deep(self) -> None:
        """A thousand terms, alternatives or filters in a row are one level."""
        assert compile_expression("1" + " + 1" * 1_000).evaluate(SCOPE).value == 1_001
        assert compile_expression("0" + " or 0" * 1_000 + " or 5").evaluate(SCOPE).value == 5
        assert compile_expression("(-1)" + " | abs" * 1_000).evaluate(SCOPE).value == 1

    def test_brackets_may_be_nested_to_the_bound(self) -> None:
        """Fifty lists deep is fine, one more is not."""
        deepest = MAX_DEPTH - 1
        assert compile_expression("[" * deepest + "]" * deepest).evaluate(SCOPE).value == nested(deepest - 1, [])
        with pytest.raises(ExpressionError, match="nested deeper than 50"):
            compile_expression("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))

    def test_a_large_response_may_be_picked_from(self) -> None:
        """What is only selected, not made, is not counted as made."""
        body = MappingScope(
            {"action": {"fetch": {"body": {"orders": [{"id": n, "text": "x" * 1_000} for n in range(5_000)]}}}}
        )

        assert compile_expression("$action.fetch.body.orders[-1].id").evaluate(body).value == 4_999
        assert compile_expression(
            "$action.fetch.body.orders | selectattr('id', 'lt', 2) | map(attribute='id')"
        ).evaluate(body).value == [0, 1]
        assert len(compile_expression("$action.fetch.body.orders | default([])").evaluate(body).value) == 5_000

    def test_a_result_may_be_as_large_as_the_bound(self) -> None:
        """And not one byte larger."""
        assert len(compile_expression(f"'a' * {MAX_RESULT_BYTES}").evaluate(SCOPE).value) == MAX_RESULT_BYTES
        with pytest.raises(ExpressionLimitError, match="larger than 1,000,000 bytes"):
            compile_expression(f"'a' * {MAX_RESULT_BYTES + 1}").evaluate(SCOPE)

    def test_all_that_is_made_on_the_way_is_bounded_too(self) -> None:
        """Each step small enough, the sum not."""
        with pytest.raises(ExpressionLimitError, match="on its way"):
            compile_expression("('a' * 900000)" + " | lower" * 30).evaluate(SCOPE)

    def test_steps_are_counted_per_evaluation(self) -> None:
        """The next one begins anew."""
        template = compile_expression("$input.rows | map(attribute='id') | first")

        assert [template.evaluate(SCOPE).value for _ in range(3)] == [0, 0, 0]

    def test_password_hashes_are_counted_by_their_cost(self) -> None:
        """One of 12 rounds takes a quarter of a second: one evaluation gets that much and no more."""
        assert len(compile_expression("(['p'] * 3) | map('bcrypt', 9)").evaluate(SCOPE).value) == 3
        with pytest.raises(ExpressionLimitError, match="100,000 steps"):
            compile_expression("(['p'] * 9) | map('bcrypt', 9)").evaluate(SCOPE)

    def test_a_shared_value_is_weighed_once(self) -> None:
        """So that weighing a doubling list takes as many steps as it has parts, not as many as it has leaves."""
        evaluation = Evaluation(max_result=2**50)

        assert evaluation.weigh(doubling(40)) > 2**40
        assert evaluation.steps_left > 99_000
