"""The kinds of field that a config model may have: what they take, and that they read back."""

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.definitions.fields import Duration, Rate, Size, Text, decode, encode_field
from runner.definitions.kinds import leaf_kinds, texts
from runner.definitions.triggers import HttpTrigger
from runner.secret import Secret
from tests.unit.definitions.models import WorkConfig


class Holder(msgspec.Struct):
    """One field of each."""

    text: Text | None = None
    duration: Duration | None = None
    size: Size | None = None


class TestValues:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("500ms", 0.5), ("30s", 30), ("1h30m", 5400), ("1.5s", 1.5), ("30d", 2_592_000), ("0s", 0)],
    )
    def test_durations(self, text: str, seconds: float) -> None:
        """In seconds, whatever the unit."""
        assert Duration.parse(text) == seconds

    @pytest.mark.parametrize("text", ["", "5", "5 s", "-1s", "s", "1s ", "1x", "\u0661s", "9999999d", "1e3s"])
    def test_what_is_no_duration(self, text: str) -> None:
        """Said with an example; ten years are the most."""
        with pytest.raises(ValueError, match="expected a duration"):
            Duration.parse(text)

    @given(st.integers(0, 10**9).map(lambda thousandths: thousandths / 1000))
    def test_a_duration_reads_back_as_it_was_written(self, seconds: float) -> None:
        """To the millisecond, without an exponent however long it is."""
        assert Duration.parse(encode_field(Duration(seconds))) == pytest.approx(seconds, abs=1e-6)

    @pytest.mark.parametrize(("value", "size"), [(0, 0), ("10MB", 10_000_000), ("64 KiB", 65_536), ("1B", 1)])
    def test_sizes(self, value: str | int, size: int) -> None:
        """In bytes."""
        assert Size.parse(value) == size

    @pytest.mark.parametrize("value", [-1, True, "10", "1.5MB", "MB", 1.5])
    def test_what_is_no_size(self, value: Any) -> None:
        """A bare number in quotes is not guessed."""
        with pytest.raises(ValueError, match="expected a size"):
            Size.parse(value)

    @pytest.mark.parametrize(("text", "rate"), [("10/s", 10.0), ("30/m", 0.5), ("36/h", 0.01)])
    def test_rates(self, text: str, rate: float) -> None:
        """In starts a second."""
        assert Rate.parse(text) == pytest.approx(rate)

    @pytest.mark.parametrize("value", ["10", "0/s", "10/d", "-1/s", 10])
    def test_what_is_no_rate(self, value: Any) -> None:
        """Nor is a rate of nothing."""
        with pytest.raises(ValueError, match="expected a rate"):
            Rate.parse(value)


class TestDecoding:
    def test_a_secret_stays_wrapped_where_text_may_be_secret(self) -> None:
        """An executor gets what it must reveal itself."""
        secret = Secret(frozenset({"KEY"}), "hunter2")

        assert decode({"text": secret, "duration": "2s"}, Holder) == Holder(
            text=cast("Any", secret), duration=Duration(2)
        )

    @pytest.mark.parametrize("raw", [{"text": 5}, {"duration": 5}, {"size": "much"}])
    def test_an_error_names_the_path(self, raw: dict[str, Any]) -> None:
        """Of a rendered config, by msgspec's own notation."""
        with pytest.raises(msgspec.ValidationError, match=rf"expected .* at `\$\.{next(iter(raw))}`"):
            decode(raw, Holder)


class TestLeafKinds:
    def test_each_text_is_compiled_as_its_type_says(self) -> None:
        """Statements, deferred expressions, conditions, literals; everything else is a template."""
        raw = {
            "url": "$input.u",
            "query": "select 1",
            "expect": "$this.ok",
            "page": {"next": "$this.n"},
            "when": "$input.x",
            "label": "$5",
            "headers": {"a": "$input.h"},
        }

        assert leaf_kinds(raw, WorkConfig) == {
            ("query",): "statement",
            ("expect",): "deferred",
            ("page", "next"): "deferred",
            ("when",): "expression",
            ("label",): "literal",
        }

    def test_a_trigger_is_literal_but_where_it_says_so(self) -> None:
        """Secrets, the answer and the key of deduplication are computed; paths and methods are not."""
        raw = {
            "path": "/$x",
            "auth": {"bearer": "$secret.T"},
            "deduplicate": {"key": "$trigger.body.id", "for": "1h"},
            "response": {"body": {"a": "$input.n"}, "headers": {"x": "$input.n"}},
        }

        kinds = leaf_kinds(raw, HttpTrigger, literal=True)

        assert {text.path for text in texts(raw, kinds) if text.computed} == {
            ("auth", "bearer"),
            ("deduplicate", "key"),
            ("response", "body", "a"),
            ("response", "headers", "x"),
        }

    def test_kinds_are_handed_down(self) -> None:
        """Below a deferred mapping texts are templates that may name `$this`; below a literal nothing is one."""
        raw = {"a": {"b": "$this.x"}, "c": ["$5"], "d": "select"}

        found = {text.path: text for text in texts(raw, {("a",): "deferred", ("c",): "literal", ("d",): "statement"})}

        assert (found["a", "b"].kind, found["a", "b"].later) == ("template", True)
        assert (found["c", 0].computed, found["d",].kind) == (False, "statement")
