"""Taint: a value made from a secret says so, through every function of the library, alone and in a row."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from runner.errors import EvaluationError
from runner.expressions.labels import Labelled, children, mask, names_of, wrap
from runner.expressions.library import FILTERS, FUNCTIONS, TESTS
from runner.expressions.scope import MappingScope
from runner.expressions.template import Template, compile_expression, compile_template
from runner.secret import Secret

K = frozenset({"KEY"})
SCOPE = MappingScope(
    {
        "secret": Labelled({"KEY": "s3cr3t-42"}, {("KEY",): K}),
        "item": Labelled(
            {"open": "o", "hidden": "h", "n": 1, "json": '{"a": 1}'}, {("hidden",): K, ("n",): K, ("json",): K}
        ),
        "input": Labelled(
            {"rows": [{"id": 1, "t": "x"}, {"id": 2, "t": "y"}]}, {("rows", 0, "t"): K, ("rows", 1, "t"): K}
        ),
    },
    seed=b"seed",
)
CASES: dict[str, list[str]] = {
    "lower": ["$secret.KEY | lower"],
    "upper": ["$secret.KEY | upper"],
    "title": ["$secret.KEY | title"],
    "trim": ["$secret.KEY | trim", "'a' | trim($secret.KEY)"],
    "split": ["$secret.KEY | split('-')", "'a' | split($secret.KEY)", "'a b' | split(maxsplit=$item.n)"],
    "replace": [
        "$secret.KEY | replace('a', 'b')",
        "'a' | replace('a', $secret.KEY)",
        "'a' | replace(new='', old=$secret.KEY)",
    ],
    "string": ["$secret.KEY | string", "[$secret.KEY] | string"],
    "find": ["$secret.KEY | find('.')", "'a' | find($secret.KEY ~ '|a')", "[$secret.KEY] | map('find', '.') | list"],
    "sub": ["$secret.KEY | sub('a', 'b')", "'a' | sub('a', $secret.KEY)"],
    "int": ["($secret.KEY | find('42')) | int", "'a' | int($secret.KEY)"],
    "float": ["($secret.KEY | find('42')) | float", "'a' | float(default=$secret.KEY)"],
    "round": ["$item.n | round", "1.5 | round($item.n)"],
    "abs": ["$item.n | abs"],
    "sum": [
        "[$item.n, 1] | sum",
        "[1] | sum(start=$item.n)",
        "$input.rows | map(attribute='t') | map('length') | list | sum ~ $secret.KEY",
    ],
    "first": ["[$secret.KEY] | first", "$secret.KEY | first"],
    "last": ["[1, $secret.KEY] | last", "$secret.KEY | last"],
    "list": ["[$secret.KEY] | list", "$secret.KEY | list"],
    "reverse": ["[$secret.KEY] | reverse", "$secret.KEY | reverse"],
    "sort": ["[$secret.KEY, 'a'] | sort"],
    "min": ["[$secret.KEY] | min"],
    "max": ["$input.rows | max(attribute='id')"],
    "unique": ["[$secret.KEY, 'a'] | unique"],
    "join": ["['a', $secret.KEY] | join", "['a', 'b'] | join($secret.KEY)", "$input.rows | join(attribute='t')"],
    "flat": ["[[$secret.KEY]] | flat"],
    "batch": ["[$secret.KEY] | batch(2)", "['a'] | batch(2, $secret.KEY)"],
    "slice": ["[$secret.KEY] | slice(2)", "['a'] | slice(2, $secret.KEY)"],
    "map": [
        "[$secret.KEY] | map('upper')",
        "['a'] | map('replace', 'a', $secret.KEY)",
        "$input.rows | map(attribute='t')",
        "[{}] | map(attribute='a', default=$secret.KEY)",
    ],
    "select": ["[$secret.KEY] | select"],
    "reject": ["[$secret.KEY] | reject('eq', 'a')"],
    "selectattr": ["$input.rows | selectattr('id')"],
    "rejectattr": ["$input.rows | rejectattr('id', 'eq', 9)"],
    "keys": ["{$secret.KEY: 1} | keys", "$item.json | fromjson | keys"],
    "values": ["{'a': $secret.KEY} | values"],
    "items": ["{'a': $secret.KEY} | items", "{$secret.KEY: 1} | items"],
    "merge": ["{'a': $secret.KEY} | merge({'b': 1})", "{} | merge({'b': $secret.KEY})"],
    "by": ["$input.rows | by('id')", "$input.rows | by('t')", "$input.rows | by('id', many=true)"],
    "default": ["$secret.KEY | default('a')", "$item.gone | default($secret.KEY)"],
    "secret": ["'a' | secret('KEY')", "$secret.KEY | secret('other')"],
    "date": ["($secret.KEY | length ~ $item.n) | int | date", "date($item.n)", "0 | date($secret.KEY)"],
    "unix": ["$item.n | unix"],
    "b64encode": ["$secret.KEY | b64encode", "'a' | b64encode(urlsafe=$item.n)"],
    "b64decode": ["($secret.KEY | b64encode) | b64decode"],
    "hex": ["$secret.KEY | hex"],
    "urlencode": ["$secret.KEY | urlencode", "{'a': $secret.KEY} | urlencode"],
    "hash": ["$secret.KEY | hash"],
    "hmac": ["$secret.KEY | hmac('k')", "'a' | hmac($secret.KEY)"],
    "jwt": ["{'a': $secret.KEY} | jwt('k')", "{} | jwt($secret.KEY)"],
    "bcrypt": ["$secret.KEY | bcrypt(4)"],
    "tojson": ["$secret.KEY | tojson", "{'a': [$secret.KEY]} | tojson"],
    "fromjson": ["$item.json | fromjson"],
    "csv": ["$secret.KEY | csv(header=false)"],
    "to_csv": ["[[$secret.KEY]] | to_csv"],
    "xml": ["('<a>' ~ $secret.KEY ~ '</a>') | xml"],
    "duration": ["duration($item.n)"],
}
UNLABELLED = {"length": "$secret.KEY | length", "match": "$secret.KEY | match('s')"}
CHAINED = sorted(set(FILTERS) - set(UNLABELLED) - {"bcrypt"})
SHAPES: list[Any] = ["text", "42", "2026-01-31", '[{"a": 1}]', "<a><b>1</b></a>", 7, 1.5, ["a", "b"], [3, 1], [{"id": 1}, {"id": 2}], [[1, 2], [3]], {"a": 1, "b": [2]}, {"a": "x"}, b"bytes"]  # fmt: skip
DRAWN_FROM_NOTHING = {"now", "uuid"}


def computed(text: str) -> Labelled:
    return compile_expression(text).evaluate(SCOPE)


class TestEveryFunction:
    def test_each_has_a_case(self) -> None:
        """So that a new function without one fails here."""
        assert set(CASES) | set(UNLABELLED) | DRAWN_FROM_NOTHING == set(FILTERS) | set(FUNCTIONS)

    @pytest.mark.parametrize("text", [text for texts in CASES.values() for text in texts])
    def test_the_result_names_the_secret(self, text: str) -> None:
        """Whether it came in as the value or as an argument."""
        assert "KEY" in names_of(computed(text).labels)

    @pytest.mark.parametrize("text", [*UNLABELLED.values(), *(f"$secret.KEY is {name} 2" for name in ("eq", "ne")), "$secret.KEY == 'a'", "'s' in $secret.KEY", "not $secret.KEY", "$secret.KEY is defined", "$secret.KEY < 'z'", "$secret.KEY is match 's'"])  # fmt: skip
    def test_answers_are_declassified(self, text: str) -> None:
        """Comparisons, `in`, `not`, tests and lengths carry no label, on purpose."""
        assert computed(text).labels == {}

    def test_tests_are_answers(self) -> None:
        """All of them."""
        assert {test.treatment for test in TESTS.values()} == {"unlabelled"}

    def test_two_in_a_row(self) -> None:
        """Every function after every other, over values of every shape: the name is still there."""
        templates = {name: compile_expression(f"$this | {name}{_ARGUMENTS.get(name, '')}") for name in CHAINED}
        made: list[tuple[tuple[str, ...], Labelled]] = [((), Labelled(shape, {(): K})) for shape in SHAPES]
        for _ in range(2):
            made = [
                ((*names, then), found)
                for names, before in made
                for then in CHAINED
                for found in _followed(templates[then], before)
            ]
            for names, found in made:
                assert "KEY" in names_of(found.labels), (names, found.value)

        assert len(made) > 3_000


class TestShownValues:
    LABELLED = Labelled({"a": [1, {"b": "s", "c": 2}], "d": {"s": "t"}}, {("a", 1, "b"): K, ("d",): K})

    def test_wrapping_keeps_the_shape(self) -> None:
        """Each labelled leaf becomes a `Secret`, the rest stays."""
        wrapped = wrap(self.LABELLED)

        assert wrapped == {"a": [1, {"b": Secret(K, "s"), "c": 2}], "d": {"s": Secret(K, "t")}}

    def test_masking_hides_keys_too(self) -> None:
        """A mapping that is labelled as a whole is one masked text: `{$secret.KEY: 1}` has its secret in the key."""
        assert mask(self.LABELLED) == {"a": [1, {"b": "[secret KEY]", "c": 2}], "d": "[secret KEY]"}
        assert mask(computed("{$secret.KEY: 1}")) == "[secret KEY]"

    def test_many_labels_cost_one_pass(self) -> None:
        """A column of 20,000 secrets is masked in the time it takes to write it, not in its square."""
        rows = Labelled([{"id": n, "t": "x"} for n in range(20_000)], {(n, "t"): K for n in range(20_000)})

        began = time.process_time()
        masked = mask(rows)

        assert masked[-1] == {"id": 19_999, "t": "[secret KEY]"}
        assert time.process_time() - began < 2

    def test_children_know_their_own_labels(self) -> None:
        """Those on their path and those of the whole."""
        value = Labelled(["a", {"b": 1}, "c"], {(): frozenset("W"), (1, "b"): K, (2,): K})

        assert [dict(part.labels) for _, part in children(value)] == [
            {(): {"W"}},
            {("b",): K, (): {"W"}},
            {(): K | {"W"}},
        ]


class TestOperators:
    @pytest.mark.parametrize(
        "text",
        [
            "$item.n + 1",
            "1 - $item.n",
            "-$item.n",
            "+$item.n",
            "'a' ~ $secret.KEY",
            "'a' + $secret.KEY",
            "$secret.KEY * 2",
            "'a' * $item.n",
            "[1] + [$secret.KEY]",
            "($secret.KEY ~ '')[0]",
            "$secret.KEY[1:]",
            "$secret.KEY or 'a'",
            "'a' and $secret.KEY",
            "$secret.KEY if true",
            "'a' if false else $secret.KEY",
            "[$secret.KEY][0]",
            "{'a': $secret.KEY}.a",
            "{'a': $secret.KEY}['a']",
            "[[$secret.KEY]][0:1]",
            "{$secret.KEY: 1}",
            "($secret.KEY | split('-'))[0]",
        ],
    )
    def test_an_operator_keeps_the_name(self, text: str) -> None:
        """Arithmetic, joining, subscripts, slices, choices, literals."""
        assert names_of(computed(text).labels) == K

    def test_names_add_up(self) -> None:
        """A value made of two secrets names both."""
        assert names_of(computed("$secret.KEY ~ ('a' | secret('OTHER'))").labels) == {"KEY", "OTHER"}

    @pytest.mark.parametrize(
        ("text", "labels"),
        [
            ("[1, $secret.KEY]", {(1,): K}),
            ("{'a': 1, 'b': {'c': $secret.KEY}}", {("b", "c"): K}),
            ("{'a': $secret.KEY, 'a': 1}", {}),
            ("[1, $secret.KEY][0]", {}),
            ("[1, $secret.KEY][:1]", {}),
            ("[$secret.KEY, 1, 2][2::-2]", {(1,): K}),
            ("[1, $secret.KEY] | first", {}),
            ("$input.rows", {(0, "t"): K, (1, "t"): K}),
            ("$input.rows | map(attribute='id')", {}),
            ("$input.rows | map(attribute='t')", {(0,): K, (1,): K}),
            ("$input.rows | selectattr('t', 'eq', 'y')", {(0, "t"): K}),
            ("$input.rows | sort(attribute='id', reverse=true)", {(0, "t"): K, (1, "t"): K}),
            ("$input.rows | by('id')", {("1", "t"): K, ("2", "t"): K}),
            ("$input.rows | batch(1)", {(0, 0, "t"): K, (1, 0, "t"): K}),
            ("$item | merge({'hidden': 1, 'n': 2, 'json': 3})", {}),
            ("{'a': 1} | merge({'b': $secret.KEY})", {("b",): K}),
            ("{'a': $secret.KEY} | items", {(0, 1): K}),
            ("{'a': $secret.KEY} | keys", {}),
            ("[[1, $secret.KEY], 2] | flat", {(1,): K}),
            ("[1, $secret.KEY] | join(',')", {(): K}),
            ("'a' | secret", {(): frozenset({"expression"})}),
            ("$item.open or $secret.KEY", {}),
        ],
    )
    def test_labels_lie_where_the_secret_lies(self, text: str, labels: dict[Any, Any]) -> None:
        """One secret column does not mask the others."""
        assert dict(computed(text).labels) == labels

    def test_text_around_a_secret_is_masked_whole(self) -> None:
        """In a template, as a person would see it."""
        found = compile_template({"auth": "Bearer $secret.KEY", "open": "$item.open"}).evaluate(SCOPE)

        assert mask(found) == {"auth": "[secret KEY]", "open": "o"}


_ARGUMENTS = {"replace": "('s', 'x')", "find": "('.')", "sub": "('s', 'x')", "batch": "(2)", "slice": "(1)", "map": "('string')", "merge": "({'z': 1})", "by": "('id')", "hmac": "('k')", "jwt": "('k')", "selectattr": "('id')", "rejectattr": "('nope')", "csv": "(header=false)"}  # fmt: skip


def _followed(template: Template, before: Labelled) -> Iterator[Labelled]:
    try:
        found = template.evaluate(MappingScope({"this": before}, now=1e9))
    except EvaluationError:
        return
    if _holds_something(found.value):
        yield found


def _holds_something(value: Any) -> bool:
    """An empty list, or one of nothing, has no place for a label."""
    if isinstance(value, list):
        return any(_holds_something(item) for item in value)
    return bool(value != {})
