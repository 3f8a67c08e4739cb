import pytest

from runner.errors import ExpressionSyntaxError
from runner.expressions.scope import MappingScope
from runner.expressions.template import compile_template

_EMPTY = MappingScope({})


class TestLoadErrors:
    @pytest.mark.parametrize(
        ("text", "offset", "message"),
        [
            ("$a && $b", 0, "begins no reference"),
            ("1 && 2", 2, "`and`"),
            ("1 || 2", 2, "`or`"),
            ("!$input.x", 0, "`not`"),
            ("1 ? 2 : 3", 2, "x if condition else y"),
            ("$input.x ?? 1", 9, "default"),
            ("$input.x?.y", 8, "absent"),
            ("1 === 1", 2, "`==`"),
            ("1 <> 2", 2, "`!=`"),
            ("1 = 2", 2, "to compare write `==`"),
            ("name", 0, r"did you mean \$input.name, or the text 'name'"),
            ("input.x", 0, r"did you mean \$input\?"),
            ("now", 0, r"did you mean now\(\)"),
            ("1 + upper", 4, r"did you mean `… \| upper`"),
            ("'a' ~ '$input.x'", 7, r"inside quotes.*'…' ~ \$input.x"),
            ("'x $item'", 3, "inside quotes"),
            ("'$inputs.x'", 1, r"did you mean \$input"),
            ("$secret.SA.key", 10, r"\(\$secret.SA \| fromjson\).NAME"),
            ("$secret.SA['key']", 10, "fromjson"),
            ("$secret", 0, "needs a name"),
            ("$x + 1", 0, "begins no reference"),
            ("$input.x.$item", 8, "cannot follow a dot"),
            ("$input.x | lenght", 11, "did you mean `length`"),
            ("$input.x | sha256", 11, r"hash\('sha256'\)"),
            ("$input.x | now", 11, r"it is a function: now\(\)"),
            ("upper('x')", 0, "it is a filter"),
            ("nwo()", 0, "did you mean `now`"),
            ("1 is defned", 2, "did you mean `defined`"),
            ("range(10**9)", 0, "no function `range`"),
            ("'x'.upper()", 9, r"no methods.*`… \| upper`"),
            ("$input.x.items()", 14, "no methods"),
            ("now()()", 5, "only a function can be called"),
            ("$input.item.0()", 13, "only a function can be called"),
            ("1 | round(2, 'floor', 3)", 4, "takes at most 2 arguments, 3 are given"),
            ("1 | round(presicion=2)", 4, "did you mean precision"),
            ("1 | round(2, precision=2)", 4, "`precision` twice"),
            ("'a' | replace('b')", 6, "needs `new`"),
            ("now(1)", 0, "takes at most 0 arguments"),
            ("[1] | join(*[1])", 6, r"one by one"),
            ("[1] | map('upprt')", 6, "did you mean `upper`"),
            ("[1] | map($input.f)", 6, "in quotes"),
            ("[1] | map('replace', 'a')", 6, "applies `replace`, which needs `new`"),
            ("[1] | map('map', 'upper')", 6, "cannot apply"),
            ("[1] | map(name='upper')", 6, "without `name=`"),
            ("[1] | selectattr('a', 'eq', 1, attribute='b')", 6, "`attribute` twice"),
            ("[1] | map('round', places=1)", 6, "applies `round`, which has no argument `places`"),
            ("[1] | selectattr()", 6, "needs `attribute`"),
            ("[1] | select('nope')", 6, "names a test that is not there"),
            ("(1", 0, "never closed"),
            ("1)", 1, "closes nothing"),
            ("[1)", 2, "closes nothing"),
            ("'abc", 0, "quote is never closed"),
            ("1 +", 3, "ends where a value is expected"),
            ("1 2", 2, "`2` is not expected"),
            ("1, 2", 1, "`,` is not expected"),
            ("1 'x'", 2, "a text is not expected"),
            ("and", 0, "`and` is not expected"),
            ("", 0, "empty"),
            ("  ", 0, "empty"),
            ("007", 0, "without leading zeros"),
            ("1e999", 0, "too large"),
            ("9" * 5_000, 0, "at most 1,000 digits"),
            ("1 @ 2", 2, "means nothing"),
            ("\ud800", 0, "means nothing"),
            ("(" * 100_000, 50, "nested deeper than 50"),
            ("not " * 2_000 + "1", 0, "nested"),
            ("- " * 200 + "1", 102, "nested"),
            ("x" * 20_000, 0, "did you mean"),
            ("1 + " * 5_000 + "1", 0, "at most 10,000 characters"),
            ("1 if 1 else " * 60 + "1", 612, "nested deeper"),
        ],
    )
    def test_what_cannot_be_computed_is_refused_at_load(self, text: str, offset: int, message: str) -> None:
        """With the place in its text and the cure."""
        with pytest.raises(ExpressionSyntaxError, match=message) as caught:
            compile_template(text, {(): "expression"})

        assert caught.value.offset == offset
        assert len(str(caught.value)) < 400

    @pytest.mark.parametrize(
        ("text", "offset", "message"),
        [
            ("x {{ 1", 2, "never closed by `}}`"),
            ("x {{ }}", 2, "empty"),
            ("x {{ (1 }}", 8, "closes nothing"),
            ("x {{ 1 }} {{ nope }}", 13, "did you mean"),
            ("x {{ '}}' }} {{ 1 + }}", 20, "ends where"),
            ("{{1}}" * 1_001, 5_000, "at most 1,000 expressions"),
        ],
    )
    def test_the_offset_counts_in_the_whole_text(self, text: str, offset: int, message: str) -> None:
        """Not from the braces."""
        with pytest.raises(ExpressionSyntaxError, match=message) as caught:
            compile_template({"a": text})

        assert (caught.value.path, caught.value.offset) == (("a",), offset)

    @pytest.mark.parametrize("text", ["{{ ''.__class__.__mro__ }}", "{{ cycler('a') }}", "{{ namespace(x=1) }}", "{{ self }}", "{{ loop.index }}", "{{ lipsum() }}", "{{ dict(a=1) }}", "{{ joiner() }}", "{{ _ }}", "{{ config }}", "{{ $input.x.__init__.__globals__() }}", "{{ (1).__class__() }}", "{{ 'a'.format(1) }}", "{{ caller() }}", "{{ super() }}", "{{ [].append(1) }}", "{{ x|attr('y') }}"])  # fmt: skip
    def test_nothing_of_jinja_or_python_is_reachable(self, text: str) -> None:
        """Names of Jinja's are unknown; Python's attributes are keys that no value has."""
        if "__mro__" in text:
            assert compile_template(text).test(_EMPTY) is False
            return
        with pytest.raises(ExpressionSyntaxError):
            compile_template(text)
