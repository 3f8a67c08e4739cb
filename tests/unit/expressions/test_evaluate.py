import re
from collections.abc import Callable
from typing import Any

import pytest

from runner.errors import EvaluationError
from runner.expressions.scope import MappingScope
from runner.expressions.template import compile_expression, compile_template

Compute = Callable[[str], Any]


class TestValues:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1", 1),
            ("1.50", 1.5),
            ("1_000", 1000),
            ("0x1F", 31),
            ("-2 ** 2", 4),
            ("2 ** 3 ** 2", 64),
            ("7 / 2", 3.5),
            ("6 / 2", 3.0),
            ("7 // 2", 3),
            ("-7 % 3", 2),
            ("1 + 2 * 3", 7),
            ("(1 + 2) * 3", 9),
            ("'a' + 'b'", "ab"),
            ("[1] + [2]", [1, 2]),
            ("'-' * 3", "---"),
            ("2 * [0]", [0, 0]),
            ("'n = ' ~ 1 ~ true ~ none ~ [1, 'x']", 'n = 1truenull[1,"x"]'),
            ("'a' 'b'", "ab"),
            (r"'a\n\t\'\u00e9\\d\d'", "a\n\t'é\\d\\d"),
            (r"'\ud83d\ude00'", "😀"),
            ("true", True),
            ("null", None),
            ("none", None),
            ("[1, 'a', [2],]", [1, "a", [2]]),
            ("(1, 2)", [1, 2]),
            ("{'a': 1, 'b': {'c': 2}, 3: 4}", {"a": 1, "b": {"c": 2}, "3": 4}),
            ("{'a': 1, 'a': 2}", {"a": 2}),
            ("$input.list[1]", 1),
            ("$input.list[-1]", 2),
            ("$input.list[1:]", [1, 2]),
            ("$input.list[::-1]", [2, 1, 3]),
            ("'hello'[1:3]", "el"),
            ("'hello'[0]", "h"),
            ("$action.fetch.body.orders[-1].id", 2),
            ("$action.fetch.body['orders'][0].total", 9.5),
            ("$action.fetch.body[0]", "zero"),
            ("$input['max-1']", "dashed"),
            ("$trigger.headers['x-id']", "h1"),
            ("{'__class__': 1}.__class__", 1),
            ("{'items': 1}.items", 1),
            ("1 if true else 2", 1),
            ("1 if $input.nothing else 2 if false else 3", 3),
            ("$input.nothing or [] ", []),
            ("1 and 2", 2),
            ("0 or ''", ""),
            ("not 0", True),
            ("not 1 == 2", True),
            ("1 < 2 < 3", True),
            ("1 < 3 < 2", False),
            ("+3 - -2", 5),
            ("1 is none if false else 4", 4),
            ("1 is integer and 'a' is string", True),
            ("3 is divisibleby 3", True),
            ("3 is not divisibleby(2)", True),
            ("2 is in [1, 2]", True),
            ("-1 | abs", 1),
        ],
    )
    def test_an_expression_is(self, compute: Compute, text: str, value: Any) -> None:
        """Jinja's grammar and precedence, JSON's values."""
        found = compute(text)

        assert found == value
        assert type(found) is type(value)

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1 == 1.0", True),
            ("1 == true", False),
            ("[1, {'a': 0}] == [true, {'a': false}]", False),
            ("[1, {'a': 0}] == [1.0, {'a': 0}]", True),
            ("'1' == 1", False),
            ("none == false", False),
            ("now() == 'x'", False),
            ("now() == now()", True),
            ("$input.gone == none", True),
            ("$input.gone == $input.lost", True),
            ("$input.gone != ''", True),
            ("1 in [true, 2]", False),
            ("none in [1, none]", True),
            ("$input.gone in [none]", True),
            ("1 in $input.gone", False),
            ("1 not in $input.nothing", True),
            ("'a' in {'a': 1}", True),
            ("1 in {'1': 1}", False),
            ("'el' in 'hello'", True),
            ("'a' < 'b'", True),
            ("date('2026-01-01') < now()", True),
            ("duration('1h') >= duration('60m')", True),
        ],
    )
    def test_comparisons(self, compute: Compute, text: str, value: object) -> None:
        """Equality never raises, true is no number, absent equals null."""
        assert compute(text) is value

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "'a' + 1",
                "`+` does not go with text and a number; to join texts write `~`, to compute make a number by `| int` or `| float`",
            ),
            ("1 + true", "`+` does not go with a number and true or false"),
            ("1 - 'a'", "`-` does not go with a number and text"),
            ("'%s' % 1", "`%` does not go with text and a number; to put values into a text write `~`"),
            ("1 / 0", "`/` by zero"),
            ("1 % 0", "`%` by zero"),
            ("0 ** -1", "`**` by zero"),
            ("(-2) ** 0.5", "`**` of a negative number needs a whole exponent"),
            ("1e308 * 10", "the number is too large to be written"),
            ("-'a'", "`-` needs a number, found text"),
            ("+none", "`-` needs a number, found null"),
            ("1 < 'a'", "a number and text cannot be ordered"),
            ("none < 1", "null and a number cannot be ordered"),
            ("[1] < [2]", "a list has no order"),
            ("true < false", "true or false has no order"),
            ("now() > '2026-01-01'", "a date and text cannot be ordered; make a date of the text by date(…)"),
            ("1 in 5", "`in` needs a list, a mapping, or text in text; found a number in a number"),
            ("1 in 'a1'", "`in` needs a list, a mapping, or text in text; found a number in text"),
            ("$input.gone + 1", "$input.gone is absent; where it may be, write `| default(…)`"),
            ("1 + $input.list[9]", "$input.list[9] is absent; where it may be, write `| default(…)`"),
            ("$input.list[9].x ~ ''", "$input.list[9].x is absent; where it may be, write `| default(…)`"),
            (
                "($input.list | first).x ~ ''",
                "the result of `| first`.x is absent; where it may be, write `| default(…)`",
            ),
            ("$input.gone < 1", "$input.gone is absent; where it may be, write `| default(…)`"),
            ("$input.gone | length", "$input.gone is absent; where it may be, write `| default(…)`"),
            ("[$input.gone]", "$input.gone is absent; where it may be, write `| default(…)`"),
            ("'x' | default('a', $input.gone)", "$input.gone is absent; where it may be, write `| default(…)`"),
            ("$input.list[1.5]", "what stands in […] is a key or an index, found a number"),
            ("$input.list[true]", "what stands in […] is a key or an index, found true or false"),
            ("$input.list['a':]", "a slice takes whole numbers: [1:5]"),
            ("$input.list[::0]", "the third number of a slice is not 0"),
            ("5[1:]", "a slice is taken of a list or text, found a number"),
            ("{none: 1}", "a key of a mapping is text, found null"),
            ("'x' ~ ('aGk=' | b64decode)", "bytes cannot stand in text: write them by | b64encode, | hex or | string"),
            ("5 | upper", "`| upper` needs text, found a number; write | string"),
            ("{} | map('upper')", "`| map` needs a list, found a mapping; take its | values or | items"),
            ("'x' is gt 1", "`is gt` text and a number cannot be ordered"),
            ("duration('x')", "duration() needs a duration such as 500ms, 30s, 10m, 2h, 1d or 1h30m, found other text"),
        ],
    )
    def test_what_does_not_go_together_is_an_error(self, compute: Compute, text: str, message: str) -> None:
        """It says what was expected and which kind was found, never a value."""
        with pytest.raises(EvaluationError, match=f"^{re.escape(message)}$"):
            compute(text)

    @pytest.mark.parametrize(
        ("text", "offset"), [("1 + ('a' | upper | abs)", 19), ("[1, 2 + 'x']", 4), ("1 if $input.n > 'a' else 2", 5)]
    )
    def test_an_error_knows_its_place(self, scope: MappingScope, text: str, offset: int) -> None:
        """The innermost node that failed, counted in the whole text of the leaf."""
        with pytest.raises(EvaluationError) as caught:
            compile_template({"a": ["b: {{ " + text + " }}"]}).evaluate(scope)

        assert (caught.value.path, caught.value.offset) == (("a", 0), offset + 6)


class TestAbsent:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("$input.gone", False),
            ("not $input.gone", True),
            ("$input.gone and 1", False),
            ("$input.gone or 1", True),
            ("$input.gone.deeper.still", False),
            ("$input.name.walked.into", False),
            ("$input.nothing.x", False),
            ("$input.list[99]", False),
            ("$input.gone is defined", False),
            ("$input.gone is none", True),
            ("$input.nothing is none", True),
            ("$input.nothing is defined", True),
            ("$input.gone is not defined", True),
            ("($input.gone | default([])) == []", True),
            ("($input.nothing | default(1)) == 1", True),
            ("(0 | default(1)) == 0", True),
            ("(0 | default(1, true)) == 1", True),
            ("(0 | default(1, boolean=true)) == 1", True),
            ("($input.gone | default($input.lost)) is none", True),
            ("($input.gone | default) == ''", True),
            ("1 if $input.gone", False),
            ("$action.never.body.x", False),
            ("$last.output.cursor", False),
        ],
    )
    def test_absent_is_false_and_equals_null_where_it_is_tested(
        self, scope: MappingScope, text: str, value: object
    ) -> None:
        """In `if`, `and`, `or`, `not`, `==`, `in`, `default`."""
        assert compile_expression(text).test(scope) is value

    def test_a_branch_that_is_not_taken_is_not_looked_up(self) -> None:
        """So that it resolves no secret."""

        class Recording(MappingScope):
            asked: tuple[str, ...] = ()

            def lookup(self, root: str, path: tuple[str | int, ...]) -> Any:
                self.asked += (root,)
                return super().lookup(root, path)

        scope = Recording({"input": {"a": 1}, "secret": {"B": 2}})

        assert compile_expression("$input.a if true else $secret.B").evaluate(scope).value == 1
        assert compile_expression("$input.a or $secret.B").evaluate(scope).value == 1
        assert scope.asked == ("input", "input")
