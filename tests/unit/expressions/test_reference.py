from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import ExpressionSyntaxError
from runner.expressions.reference import ROOTS, Found, Reference, one_apart, read_reference


class TestGrammar:
    @pytest.mark.parametrize(
        ("text", "root", "path", "rest"),
        [
            ("$input.name", "input", ("name",), ""),
            ("$input.a-b.c", "input", ("a-b", "c"), ""),
            ("$input.a-", "input", ("a",), "-"),
            ("$action.fetch.body[0].id", "action", ("fetch", "body", 0, "id"), ""),
            ("$action.fetch.body.0.id", "action", ("fetch", "body", 0, "id"), ""),
            ("$action.fetch.body.0x", "action", ("fetch", "body", 0), "x"),
            ("$trigger.headers['x-github-delivery']", "trigger", ("headers", "x-github-delivery"), ""),
            ('$trigger.headers["a b"].c', "trigger", ("headers", "a b", "c"), ""),
            ("$trigger.headers['']", "trigger", ("headers", ""), ""),
            ("$action.x.body[-1]", "action", ("x", "body"), "[-1]"),
            ("$action.x.body[:2]", "action", ("x", "body"), "[:2]"),
            ("$item", "item", (), ""),
            ("$index+1", "index", (), "+1"),
            ("$this.body.", "this", ("body",), "."),
            ("$secret.KEY-suffix", "secret", ("KEY",), "-suffix"),
            ("$secret.SA.private_key", "secret", ("SA",), ".private_key"),
            ("$env.HOST.example.com", "env", ("HOST",), ".example.com"),
            ("$env.HOST[0]", "env", ("HOST",), "[0]"),
        ],
    )
    def test_the_longest_match_is_the_reference(
        self, text: str, root: str, path: tuple[str | int, ...], rest: str
    ) -> None:
        """What follows the longest match is text."""
        found = read_reference(text, 0)

        assert found == Found(Reference(root, path), len(text) - len(rest))

    @pytest.mark.parametrize(
        "text",
        [
            "$",
            "$$",
            "$1",
            "$HOME",
            "$tag$",
            "$set",
            "$$$",
            "$ input",
            "$é",
            "$user.name",
            "$input",
            "$secret",
            "$action!",
            "$run:",
        ],
    )
    def test_every_other_dollar_is_text(self, text: str) -> None:
        """So is a root that needs a name and has none, inside a longer text."""
        assert read_reference(text, 0) is None

    @pytest.mark.parametrize("text", ["$input", "$vars", "$trigger", "$last", "$run", "$item", "$index", "$this"])
    def test_alone_a_root_means_all_of_it(self, text: str) -> None:
        """Where it stands alone or in an expression."""
        assert read_reference(text, 0, inside=False) == Found(Reference(text[1:], ()), len(text))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("$inputs.x", r"\$inputs is no reference; did you mean \$input\?"),
            ("$secert.X", r"did you mean \$secret\?"),
            ("$Env.X", r"did you mean \$env\?"),
            ("$acton.x", r"did you mean \$action\?"),
            ("$items", r"did you mean \$item\?.*write \$\$items"),
            ("$input_.x", r"did you mean \$input\?"),
            ("$secret['KEY']", r"\$secret takes one name after a dot"),
            ("$item[1234567890]", "an index has at most 9 digits"),
        ],
    )
    def test_a_near_miss_is_an_error_that_names_the_root(self, text: str, message: str) -> None:
        """One letter away from a root is a slip, not text."""
        with pytest.raises(ExpressionSyntaxError, match=message):
            read_reference(text, 0)

    @pytest.mark.parametrize("text", ["$secret", "$env", "$action"])
    def test_some_roots_mean_nothing_without_a_name(self, text: str) -> None:
        """Not even alone."""
        with pytest.raises(ExpressionSyntaxError, match="needs a name"):
            read_reference(text, 0, inside=False)

    @given(st.sampled_from(ROOTS[2:]), st.lists(st.one_of(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True), st.integers(0, 99)), min_size=1, max_size=5))  # fmt: skip
    def test_what_is_written_is_read_back(self, root: str, path: list[str | int]) -> None:
        """`str` of a reference is the reference again."""
        reference = Reference(root, tuple(path))

        assert read_reference(str(reference), 0) == Found(reference, len(str(reference)))

    @given(st.text(alphabet="abc", max_size=5), st.text(alphabet="abc", max_size=5))
    def test_one_apart_is_one_edit(self, word: str, other: str) -> None:
        """As an exhaustive search over all single edits says."""
        edits = {word[:i] + word[i + 1 :] for i in range(len(word))}
        edits |= {word[:i] + letter + word[i:] for i in range(len(word) + 1) for letter in "abc"}
        edits |= {word[:i] + letter + word[i + 1 :] for i in range(len(word)) for letter in "abc"}
        edits |= {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}

        assert one_apart(word, other) == (other in edits - {word})


class TestInText:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("$input.n", 3),
            ("{{ $input.n }}", 3),
            ("{{ $input.n + 1 }}", 4),
            ("$input.list", [3, 1, 2]),
            ("$input.nothing", None),
            ("n=$input.n", "n=3"),
            ("$input.n$input.n", "33"),
            ("$input.flag,$input.nothing,$input.list", "true,null,[3,1,2]"),
            ("$input.name's", "Ada's"),
            ("{{ $input.name }}.json", "Ada.json"),
            ("https://$env.HOST.example.com", "https://db.example.com"),
            ("$item.tags[1] $item.tags.0", "y x"),
            ("$action.fetch.body.0", "zero"),
            ("query($id: ID!) { x(input: $input) }", "query($id: ID!) { x(input: $input) }"),
            ("$secret, $env and $action!", "$secret, $env and $action!"),
            ("$$input.n", "$input.n"),
            ("costs $$5 and $$HOME", "costs $$5 and $$HOME"),
            ("$$$input.n", "$$input.n"),
            ("$$items", "$items"),
            ("a {{ '{{' }} b", "a {{ b"),
            ("{{ {'a': {'b': 1}}}}", {"a": {"b": 1}}),
            ("{% if %} {# no #} {{ 1 }}", "{% if %} {# no #} 1"),
            ("", ""),
        ],
    )
    def test_a_text_becomes(self, render: Callable[[Any], Any], text: str, value: Any) -> None:
        """One reference or `{{ }}` keeps its type; in a longer text it is written in JSON's spelling."""
        assert render(text) == value
        assert type(render(text)) is type(value)
