from typing import Any

import pytest

from runner.errors import EvaluationError, ExpressionLimitError, ExpressionSyntaxError
from runner.expressions.labels import ABSENT, Labelled
from runner.expressions.scope import MappingScope
from runner.expressions.template import (
    Bound,
    Deferred,
    Reference,
    Slot,
    Statement,
    Use,
    compile_all,
    compile_expression,
    compile_template,
    statement_parts,
)
from runner.secret import Secret


class TestTemplate:
    def test_a_tree_is_computed_leaf_by_leaf(self, scope: MappingScope) -> None:
        """Keys are never templates, order stays, each label lies on its path."""
        value = {"$input.n": "$input.n", "b": [1, "x $secret.KEY", {"c": "$secret.KEY"}], "d": "plain"}

        found = compile_template(value).evaluate(scope)

        assert found.value == {"$input.n": 3, "b": [1, "x s3cr3t-value", {"c": "s3cr3t-value"}], "d": "plain"}
        assert list(found.value) == ["$input.n", "b", "d"]
        assert found.labels == {("b", 1): frozenset({"KEY"}), ("b", 2, "c"): frozenset({"KEY"})}

    def test_a_value_without_references_is_constant(self, scope: MappingScope) -> None:
        """And evaluates to itself, without a copy."""
        value = {"a": [1, {"b": "text"}], "c": None}
        template = compile_template(value)

        assert template.is_constant
        assert template.evaluate(scope).value is value

    def test_evaluating_twice_gives_two_values(self, scope: MappingScope) -> None:
        """What one caller does to its value changes nothing for the next."""
        template = compile_template({"a": "$input.n", "b": 1})
        template.evaluate(scope).value["b"] = 2

        assert template.evaluate(scope).value == {"a": 3, "b": 1}

    def test_uses_say_where_each_reference_stands(self) -> None:
        """Leaf path and offset, in the order written; deferred and constant leaves included."""
        template = compile_template(
            {"a": "x $input.n {{ $item.id + $index }}", "b": ["$secret.KEY"], "c": "$this.ok"}, {("c",): "deferred"}
        )

        assert template.uses == (
            Use(Reference("input", ("n",)), ("a",), 2),
            Use(Reference("item", ("id",)), ("a",), 14),
            Use(Reference("index", ()), ("a",), 25),
            Use(Reference("secret", ("KEY",)), ("b", 0), 0),
            Use(Reference("this", ("ok",)), ("c",), 0),
        )

    def test_all_wrong_leaves_are_reported_at_once(self) -> None:
        """One error a text, each with path and offset."""
        template, errors = compile_all({"a": "$inputs.n", "b": ["fine", "x {{ nope }}"], "c": "{{ 1 + }}"})

        assert template is None
        assert [(error.path, error.offset) for error in errors] == [(("a",), 0), (("b", 1), 5), (("c",), 7)]

    def test_the_first_error_is_raised(self) -> None:
        """By `compile_template`, which cannot give them all."""
        with pytest.raises(ExpressionSyntaxError, match="inputs"):
            compile_template({"a": "$inputs.n", "b": "{{"})

    @pytest.mark.parametrize(
        "value", [{"a": {"b": "$input.gone"}}, {"a": {"b": "x $input.gone"}}, {"a": {"b": "{{ $input.gone.x }}"}}]
    )
    def test_an_absent_value_that_is_written_is_an_error(self, scope: MappingScope, value: Any) -> None:
        """It names the reference, the leaf and the cure."""
        with pytest.raises(EvaluationError, match=r"\$input\.gone.* is absent.*default") as caught:
            compile_template(value).evaluate(scope)

        assert caught.value.path == ("a", "b")

    def test_a_whole_absent_value_may_be_asked_for(self, scope: MappingScope) -> None:
        """`try_evaluate` gives ABSENT, `test` says false."""
        template = compile_template("$input.gone")

        assert template.try_evaluate(scope) is ABSENT
        assert template.test(scope) is False

    def test_data_is_never_read_as_a_template(self) -> None:
        """Whatever a reference yields, at any depth and however often it is handed on."""
        hostile = "{{ 1 + 1 }} $secret.KEY $$input.n {% x %} $input.n"
        scope = MappingScope({"input": {"x": hostile, "n": 1}, "secret": {"KEY": "no"}})
        template = compile_template(
            {"a": "$input.x", "b": "- $input.x", "c": "{{ $input.x ~ '' }}", "d": "{{ [$input.x] }}"}
        )

        once = template.evaluate(scope).value
        twice = compile_template("$input.x").evaluate(MappingScope({"input": {"x": once}})).value

        assert once == twice == {"a": hostile, "b": f"- {hostile}", "c": hostile, "d": [hostile]}

    def test_bytes_keep_their_type_alone_and_are_refused_in_text(self, scope: MappingScope) -> None:
        """The message names the cure."""
        assert compile_template("{{ 'aGk=' | b64decode }}").evaluate(scope).value == b"hi"
        with pytest.raises(EvaluationError, match="b64encode"):
            compile_template("x {{ 'aGk=' | b64decode }}").evaluate(scope)

    def test_nesting_is_bounded(self) -> None:
        """A value of 10,000 lists within each other is an error, not a crash."""
        value: Any = "$input.n"
        for _ in range(10_000):
            value = [value]

        with pytest.raises(ExpressionSyntaxError, match="nested deeper than 100"):
            compile_template(value)

    def test_a_longer_text_is_bounded(self) -> None:
        """By the size of a response."""
        scope = MappingScope({"input": {"x": [["y" * 1_000_000] * 4] * 3}})

        with pytest.raises(ExpressionLimitError, match="larger than 10,000,000") as caught:
            compile_template({"a": "- $input.x"}).evaluate(scope)

        assert (caught.value.path, caught.value.offset) == (("a",), 2)

    def test_many_long_texts_in_one_are_bounded(self) -> None:
        """Each within the bound, all of them not."""
        scope = MappingScope({"item": "y" * 1_000_000})

        assert len(compile_template("$item" * 10).evaluate(scope).value) == 10_000_000
        with pytest.raises(ExpressionLimitError, match="longer than 10,000,000") as caught:
            compile_template("$item" * 11).evaluate(scope)
        assert caught.value.offset == 50


class TestKinds:
    @pytest.mark.parametrize(
        "text", ["$input.n > 2", "{{ $input.n > 2 }}", "  {{ $input.n > 2 }}\n", "$input.flag", " $input.flag "]
    )
    def test_an_expression_stands_with_braces_or_without(self, scope: MappingScope, text: str) -> None:
        """And with white space around it."""
        assert compile_expression(text).evaluate(scope).value is True

    @pytest.mark.parametrize("text", ["{{ $input.n }} > 2", "{{ 1 }}{{ 2 }}"])
    def test_half_an_expression_in_braces_is_an_error(self, text: str) -> None:
        """With the cure."""
        with pytest.raises(ExpressionSyntaxError, match="around all of it"):
            compile_expression(text)

    def test_a_literal_is_never_a_template(self, scope: MappingScope) -> None:
        """Nor is anything below it."""
        value = {"a": {"b": ["$input.n", "{{"]}, "c": "$input.n"}

        assert compile_template(value, {("a",): "literal"}).evaluate(scope).value == {"a": value["a"], "c": 3}

    def test_a_statement_keeps_values_beside_its_text(self, scope: MappingScope) -> None:
        """Secrets are wrapped, `$1` and `$$` stay the database's."""
        text = "select $1, $input.n, {{ $input.n + 1 }}, $$x$$, $secret.KEY"

        found = compile_template({"query": text}, {("query",): "statement"}).evaluate(scope)

        assert found.value["query"] == Statement(
            (
                "select $1, ",
                Bound("$input.n", 3),
                ", ",
                Bound("{{ $input.n + 1 }}", 4),
                ", $$x$$, ",
                Bound("$secret.KEY", Secret(frozenset({"KEY"}), "s3cr3t-value")),
            )
        )
        assert found.labels == {}
        assert "s3cr3t" not in repr(found.value["query"])

    def test_a_list_of_statements(self, scope: MappingScope) -> None:
        """The kind counts for everything below its path."""
        found = compile_template({"queries": ["select 1", "select $input.n"]}, {("queries",): "statement"}).evaluate(
            scope
        )

        assert found.value == {"queries": [Statement(("select 1",)), Statement(("select ", Bound("$input.n", 3)))]}

    def test_parts_of_a_statement_without_values(self, scope: MappingScope) -> None:
        """For who lexes SQL when a file is loaded."""
        first, slot, last = statement_parts("a = $input.n and b")

        assert (first, last) == ("a = ", " and b")
        assert isinstance(slot, Slot)
        assert (slot.source, slot.offset) == ("$input.n", 4)
        assert slot.template.evaluate(scope).value == 3
        assert slot.template.uses == (Use(Reference("input", ("n",)), (), 4),)

    def test_a_deferred_is_computed_over_this_later(self, scope: MappingScope) -> None:
        """Any number of times, with the scope it was made in."""
        template = compile_template({"until": "$this.n >= $input.n"}, {("until",): "deferred"})
        deferred = template.evaluate(scope).value["until"]

        assert isinstance(deferred, Deferred)
        assert deferred.source == "$this.n >= $input.n"
        assert [deferred.test(Labelled({"n": n})) for n in (2, 3)] == [False, True]
        assert deferred.evaluate(Labelled({"n": 3})) == Labelled(True)

    def test_a_deferred_mapping_is_one_of_templates(self, scope: MappingScope) -> None:
        """`next: {page: $this.page}`: each leaf keeps its type, its labels their path."""
        template = compile_template({"next": {"page": "$this.page", "size": 10}}, {("next",): "deferred"})
        deferred = template.evaluate(scope).value["next"]

        found = deferred.evaluate(Labelled({"page": 2}, {("page",): frozenset({"K"})}))

        assert found == Labelled({"page": 2, "size": 10}, {("page",): frozenset({"K"})})

    def test_an_absent_deferred_is_false_or_an_error(self, scope: MappingScope) -> None:
        """As everywhere."""
        deferred = compile_template("$this.gone", {(): "deferred"}).evaluate(scope).value

        assert deferred.test(Labelled({})) is False
        with pytest.raises(EvaluationError, match=r"\$this\.gone is absent"):
            deferred.evaluate(Labelled({}))

    def test_what_is_no_text_is_itself_in_an_expression(self, scope: MappingScope) -> None:
        """`if: true`, `for_each: [1, $input.n]`."""
        assert compile_template(True, {(): "expression"}).test(scope) is True
        assert compile_template([1, "$input.n", "word"], {(): "expression"}).evaluate(scope).value == [1, 3, "word"]
