"""What a function of the library says of a wrong argument."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from runner.errors import EvaluationError
from runner.expressions.scope import MappingScope
from runner.expressions.template import compile_expression

Compute = Callable[[str], Any]


class TestWrongArguments:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("'a' | split('')", "not empty"),
            ("'a' | trim(1)", "text as `chars`"),
            ("'a' | replace(1, 'b')", "text as `old`"),
            ("('/w==' | b64decode) | string", "no UTF-8"),
            ("'a' | match('(')", "regular expression that is wrong"),
            ("'a' | match('(?=a)')", "no look-around"),
            (r"'a' | sub('a', '\\1')", "group in `new`"),
            (r"'a' | sub('a', '\\g<b>')", "group in `new`"),
            ("'abc' | int", "needs a whole number, found text that is none; give a default"),
            ("none | float", "needs a number, found null"),
            ("'inf' | float", "found text that is none"),
            ("'1' | int(base=99)", "`base` from 2 to 36"),
            ("1.5 | round(method='up')", "'common', 'ceil' or 'floor'"),
            ("1.5 | round(1.5)", "whole number as `precision`"),
            ("true | abs", "needs a number"),
            ("['a'] | sum", "found text in item 0"),
            ("[1, 'a'] | sort", "cannot be ordered"),
            ("[none] | sort", "null has no order"),
            ("[{}] | sort(attribute='a')", "no such attribute in item 0"),
            ("[{}] | map(attribute='a')", "no such attribute in item 0"),
            ("[1] | map", "needs an attribute"),
            ("[[]] | map('first')", "nothing for item 0"),
            ("[{}] | selectattr('a', 'gt', 1)", "needs a value, to an absent"),
            ("[1] | batch(0)", "`linecount` from 1"),
            ("[1] | flat(-1)", "`levels` from 0"),
            ("2.5 is divisibleby(10 ** 900)", "too large"),
            ("2 is divisibleby 0", "by zero"),
            ("2.5 is odd", "needs a whole number"),
            ("5 | length", "text, a list or a mapping"),
            ("5 | first", "a list or text"),
            ("[1] | keys", "needs a mapping"),
            ("{} | merge(1)", "mapping as `other`"),
            ("[{'a': 1}, {'a': 1}] | by('a')", "finds a key twice"),
            ("[{'a': none}] | by('a')", "text or a number as key"),
            ("'x' | secret('a b')", "letters, digits"),
            ("date('soon')", "needs a date such as"),
            ("date(none)", "found null"),
            ("date(1e20)", "years 1 to 9999"),
            ("duration('1 day')", "needs a duration such as"),
            ("duration('9999999999d')", "too long a duration"),
            ("now() | date('%Q')", "knows these in a format"),
            ("now() | date('%')", "knows these in a format"),
            ("now() | date(tz='Mars/Base')", "needs a time zone"),
            ("now() | date(tz='posixrules/..')", "needs a time zone"),
            ("date('0001-01-01') | date(tz='America/New_York')", "years 1 to 9999"),
            ("'!!' | b64decode", "needs base64"),
            ("'YQ==YQ' | b64decode", "needs base64"),
            ("[1] | urlencode", r"\[key, value\] pairs"),
            ("1 | hash", "needs text or bytes"),
            ("'a' | hash('crc32')", "does not know this `algorithm`"),
            ("'a' | hmac(1)", "text or bytes as `key`"),
            ("'a' | bcrypt(20)", "`rounds` from 4 to 12"),
            ("('a' * 73) | bcrypt(4)", "at most 72 bytes"),
            ("'a' | jwt('k')", "needs a mapping"),
            ("{} | jwt('')", "text that is not empty"),
            ("{} | jwt('k', 'none')", "does not know this `algorithm`"),
            ("{} | jwt('k', 'RS256')", "private key in PEM that fits RS256"),
            ("{'iss': 1} | jwt('k')", "`iss` text"),
            ("{'a': ('aGk=' | b64decode)} | tojson", "b64encode"),
            ("'{' | fromjson", "needs JSON"),
            ("'NaN' | fromjson", "needs JSON"),
            ("{} | tojson(indent=99)", "`indent` from 0 to 8"),
            (r"'a,a\n1,2' | csv", "a name twice"),
            (r"'a\n1,2' | csv", "2 fields but 1 names in row 1"),
            ("'\"a' | csv", "quote that is not closed"),
            ("'a' | csv(delimiter=',,')", "one character"),
            ("[1] | to_csv", "which item 0 is not"),
            ("[{'a': 1}, [2]] | to_csv", "which item 1 is not"),
            ("'<a>' | xml", "needs XML"),
            ("'<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>' | xml", "without entities"),
        ],
    )
    def test_a_wrong_argument_is_an_error(self, compute: Compute, text: str, message: str) -> None:
        """It says what was expected and never shows the value."""
        with pytest.raises(EvaluationError, match=message):
            compute(text)

    @pytest.mark.parametrize(
        "text",
        [
            "| b64encode",
            "| hash",
            "| hex",
            "| urlencode",
            "| find('a')",
            "| sub('a', 'b')",
            "| hmac('k')",
            "| fromjson",
            "| xml",
            "| b64decode",
            "| bcrypt",
            "| jwt('k')",
            "| date",
            "| int",
            "| float",
            "| csv",
            "| tojson | b64encode",
        ],
    )
    @pytest.mark.parametrize("half", ["\ud800", "a\udfff"])
    def test_half_a_surrogate_pair_is_an_error_or_passed_on(self, text: str, half: str) -> None:
        """Never an exception of Python's."""
        scope = MappingScope({"input": {"half": half}})

        with contextlib.suppress(EvaluationError):
            compile_expression("$input.half " + text).evaluate(scope)
