"""
Random texts against grammar and evaluator: no exception but ours, no leak, nothing hostile read as a template.

`RUNNER_FUZZ_TEXTS` says how many seeded texts are tried (25,000 where it is not set), `RUNNER_FUZZ_SEED` where they begin.
"""

import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import ExpressionError
from runner.expressions.labels import Labelled, names_of
from runner.expressions.library import FILTERS, FUNCTIONS, TESTS
from runner.expressions.reference import ROOTS
from runner.expressions.scope import MappingScope
from runner.expressions.template import LeafKind, Template, compile_all, compile_template

TEXTS = int(os.environ.get("RUNNER_FUZZ_TEXTS", "25000"))
SEED = int(os.environ.get("RUNNER_FUZZ_SEED", "1"))

SECRET = "zqSECRETqz"
"""Stands in the secret alone; wherever it turns up the value is labelled."""
REMOTE = "zqREMOTEqz"
"""Stands in remote data alone; no message may show it."""
HOSTILE = f"{{{{ 'zq' ~ 'EVALUATEDqz' }}}} {{{{ $secret.KEY }}}} $secret.KEY {REMOTE}"
"""Were it ever read as a template, `zqEVALUATEDqz` would turn up."""

SCOPE = MappingScope(
    {
        "secret": Labelled({"KEY": SECRET}, {("KEY",): frozenset({"KEY"})}),
        "env": {"HOST": "db.example.com"},
        "input": {"s": HOSTILE, "n": 3, "f": 2.5, "b": True, "z": None, "e": "", "half": "\ud800", "big": 10**900, "k": "a-b"},
        "vars": {"regex": "(a|b)+", "json": '{"a": [1, {"b": null}]}', "date": "2026-01-31T10:00:00Z"},
        "item": {"id": 7, REMOTE: REMOTE, "tags": ["x", HOSTILE, "\x00"], "nested": {"a": [[1, 2], [3]]}},
        "index": 2,
        "action": {"fetch": {"body": [{"id": 1, "name": "b", "at": "1970-01-01"}, {"id": 2, "name": HOSTILE}], "status": 200}},
        "trigger": {"headers": {"x-id": REMOTE}, "body": [], "query": {}},
        "this": {"status": 503},
        "last": {},
        "run": {"id": "r1"},
    },
    now=1_780_000_000.5,
    seed=b"fuzz",
)  # fmt: skip
REFERENCES = ["$secret.KEY", "$input.s", "$input.n", "$input.f", "$input.b", "$input.z", "$input.e", "$input.half", "$input.big", "$input.k", "$vars.regex", "$vars.json", "$vars.date", "$item", "$item.tags", "$item.nested.a", "$index", "$action.fetch.body", "$action.fetch", "$trigger.headers", "$trigger.body", "$last.x", "$gone.x", "$input", "$env.HOST", "$this"]  # fmt: skip
LITERALS = ["0", "1", "-1", "2.5", "10**9", "1e300", "''", "'a'", "'id'", "'a,b\\n1,2'", "'<a>1</a>'", "[]", "{}", "[1, 2, 3]", "['b', 'a']", "{'a': 1}", "true", "none", "now()", "duration('1h')", "date('2026-01-31')", "uuid()", "'YWJj'", "('YWJj' | b64decode)", "'%Y'", "'sha256'", "'[a-z]+'", "'\\\\1'"]  # fmt: skip
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in", "not in"]
ALPHABET = "$${{}}[]().|'\"\\,:;~+-*/%<>=!?&# \n\taeilnoprstuxy_0123456789é€😀\ud800\x00"
WORDS = ["{{", "}}", "$", "$$", "{%", "{#", "$input.n", "'", '"', "not ", " is ", " in ", " if ", " else ", "|", "none", "(", ")", "[", "]", "**", "9" * 30, "\\u00e9", "...", "{{ 1 }}", *(f"${root}" for root in ROOTS)]  # fmt: skip
KINDS: list[LeafKind] = ["template", "expression", "statement", "deferred"]


class Generator:
    """Texts that are nearly right: what is plainly wrong never gets past the lexer."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def text(self) -> tuple[str, LeafKind]:
        way = self.chance.random()
        if way < 0.25:
            return "".join(self.chance.choices(ALPHABET, k=self.chance.randrange(1, 40))), self.chance.choice(KINDS)
        if way < 0.4:
            return " ".join(self.chance.choices(WORDS, k=self.chance.randrange(1, 12))), self.chance.choice(KINDS)
        expression = self.expression(self.chance.randrange(4))
        if way < 0.6:
            expression = self.damaged(expression)
        if way < 0.8:
            return f"a {{{{ {expression} }}}} {self.chance.choice(REFERENCES)} $1 b", self.chance.choice(KINDS)
        return expression, "expression"

    def expression(self, depth: int) -> str:
        if depth <= 0 or self.chance.random() < 0.1:
            return self.chance.choice(REFERENCES if self.chance.random() < 0.6 else LITERALS)
        return self.chance.choice(_SHAPES)(self, depth - 1)

    def damaged(self, text: str) -> str:
        for _ in range(self.chance.randrange(1, 4)):
            at = self.chance.randrange(len(text) + 1)
            piece = self.chance.choice(ALPHABET if self.chance.random() < 0.7 else WORDS)
            text = text[:at] + piece + text[at + self.chance.randrange(3) :]
        return text

    def arguments(self, names: tuple[str, ...], depth: int) -> str:
        given = [self.expression(depth) for _ in names[: self.chance.randrange(len(names) + 1)]]
        if given and self.chance.random() < 0.3:
            given[-1] = f"{names[len(given) - 1]}={given[-1]}"
        return f"({', '.join(given)})" if given else ""

    def filtered(self, depth: int) -> str:
        name = self.chance.choice(sorted(FILTERS))
        inner = self.expression(depth)
        if name == "bcrypt":
            return f"({inner}) | bcrypt(4)"
        function = FILTERS[name]
        if function.applies and self.chance.random() < 0.7:
            kind, position = function.applies
            applied = self.chance.choice(sorted(FILTERS if kind == "filter" else TESTS))
            first = f"{self.chance.choice(LITERALS)}, " if position else ""
            extra = f", {self.expression(depth - 1)}" if self.chance.random() < 0.4 else ""
            return f"({inner}) | {name}({first}'{applied}'{extra})"
        return f"({inner}) | {name}{self.arguments(function.parameters[1:], depth - 1)}"

    def called(self, depth: int) -> str:
        name = self.chance.choice(sorted(FUNCTIONS))
        return f"{name}({', '.join(self.expression(depth) for _ in FUNCTIONS[name].parameters)})"

    def tested(self, depth: int) -> str:
        name = self.chance.choice(sorted(TESTS))
        negated = self.chance.choice(["", "not "])
        return f"{self.expression(depth)} is {negated}{name}{self.arguments(TESTS[name].parameters[1:], depth)}"

    def subscripted(self, depth: int) -> str:
        step = self.chance.choice([".id", "[0]", "[-1]", "['a']", "[1:]", "[::-1]", ".0", f"[{self.expression(depth)}]", f"[:{self.expression(depth)}]"])  # fmt: skip
        return f"({self.expression(depth)}){step}"


_SHAPES: list[Callable[[Generator, int], str]] = [
    Generator.filtered,
    Generator.filtered,
    Generator.filtered,
    Generator.called,
    Generator.tested,
    Generator.subscripted,
    lambda self, depth: f"{self.expression(depth)} {self.chance.choice(OPERATORS)} {self.expression(depth)}",
    lambda self, depth: f"({self.expression(depth)} {self.chance.choice(OPERATORS)} {self.expression(depth)})",
    lambda self, depth: f"{self.expression(depth)} if {self.expression(depth)} else {self.expression(depth)}",
    lambda self, depth: f"[{self.expression(depth)}, {self.expression(depth)}]",
    lambda self, depth: f"{{{self.chance.choice(LITERALS)}: {self.expression(depth)}, 'k': {self.expression(depth)}}}",
    lambda self, depth: f"{self.chance.choice(['-', 'not ', '+'])}({self.expression(depth)})",
]


def evaluated(template: Template) -> tuple[Labelled, ExpressionError | None]:
    try:
        return template.evaluate(SCOPE), None
    except ExpressionError as error:
        return Labelled(None), error


def attempt(text: str, kind: LeafKind) -> str:
    """Compile and evaluate one text and hold what comes out against the promises; which way it ended."""
    template, errors = compile_all({"a": [text]}, {("a", 0): kind})
    for error in errors:
        assert isinstance(error, ExpressionError)
        assert error.path == ("a", 0)
        assert 0 <= error.offset <= len(text)
        assert len(str(error)) < 500
    if template is None:
        return "refused"
    found, failure = evaluated(template)
    if failure:
        shown = f"{failure!r} {failure.__cause__!r}"
        assert SECRET not in shown
        assert REMOTE not in shown
        assert failure.path == ("a", 0)
        assert 0 <= failure.offset <= len(text)
        return "failed"
    if kind in {"template", "expression"}:
        shown = repr(found.value)
        assert "zqEVALUATEDqz" not in shown
        assert SECRET not in shown or "KEY" in names_of(found.labels)
        return "computed"
    assert SECRET not in repr(found.value)
    return "computed"


class TestFuzz:
    @pytest.mark.timeout(3_600)
    def test_random_texts_end_in_a_value_or_in_our_error(self) -> None:
        """Taint holds on each, no message shows a secret or remote data, none takes a second."""
        generator = Generator(SEED)
        ends = dict.fromkeys(("refused", "failed", "computed"), 0)
        slowest, which = 0.0, ""
        for _ in range(TEXTS):
            text, kind = generator.text()
            began = time.thread_time()
            try:
                ends[attempt(text, kind)] += 1
            except ExpressionError:
                raise
            except Exception as error:
                raise AssertionError(f"{kind} {text!r} raised {error!r}") from error
            used = time.thread_time() - began
            if used > slowest:
                slowest, which = used, text

        print(  # noqa: T201  figures, shown by `pytest -s`
            f"{TEXTS:,} texts from seed {SEED}: {ends}, slowest {slowest * 1000:.0f} ms: {which[:200]!r}"
        )
        assert min(ends.values()) > TEXTS // 20
        assert slowest < 1

    @given(st.text(max_size=60), st.sampled_from(KINDS))
    @settings(max_examples=300, deadline=None)
    def test_any_text_at_all(self, text: str, kind: LeafKind) -> None:
        """Surrogates, controls and all of Unicode."""
        attempt(text, kind)

    @given(st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()), lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)), max_leaves=20))  # fmt: skip
    @settings(max_examples=200, deadline=None)
    def test_data_comes_out_as_it_went_in(self, data: Any) -> None:
        """Whatever it holds, alone, in a list, through a filter that changes nothing, and twice."""
        scope = MappingScope({"item": data})
        template = compile_template(["$item", "{{ $item }}", "{{ [$item][0] }}", "{{ $item if true }}"])

        assert template.evaluate(scope).value == [data] * 4
