"""The redactor's door: what it masks, what it leaves, and that nothing passes when it fails."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest

from runner.engine.context import RunRedactor as EngineRunRedactor
from runner.expressions.labels import Labelled
from runner.ports import Redactor as RedactorPort
from runner.redaction import FAILED, Needles, Redactor

KEY = "canary-8f1b6d/+key"
OTHER = "other-secret-0002"


@pytest.fixture
def redactor() -> Any:
    redactor = Redactor()
    redactor.know("vault", {"API_KEY": [KEY], "OTHER": [OTHER]})
    return redactor


class TestText:
    def test_masks_what_it_knows_by_name(self, redactor: Redactor) -> None:
        """The name stands in the place of the value, the rest stays."""
        assert redactor.text(f"a {KEY} and {OTHER}.") == "a [secret API_KEY] and [secret OTHER]."

    def test_gives_back_the_same_object_where_nothing_was_found(self, redactor: Redactor) -> None:
        """Callers see by identity whether anything was masked."""
        text = "nothing of it in here" * 3

        assert redactor.text(text) is text

    def test_basic_credentials_are_masked_within_their_base64(self, redactor: Redactor) -> None:
        """The encoded header keeps nothing of the value."""
        header = base64.b64encode(f"app:{KEY}".encode()).decode()

        masked = redactor.text(f"Authorization: Basic {header}")

        assert "[secret API_KEY]" in masked
        assert header[8:-4] not in masked

    def test_of_two_secrets_the_longer_one_names_the_mask(self) -> None:
        """A secret that begins with another one is masked as itself."""
        redactor = Redactor()
        redactor.know("vault", {"SHORT": ["abcdefgh"], "LONG": ["abcdefgh-ijkl"]})

        assert redactor.text("x abcdefgh-ijkl y abcdefgh z") == "x [secret LONG] y [secret SHORT] z"

    def test_secrets_that_overlap_leave_no_rest(self) -> None:
        """Both are masked as one, under both names."""
        redactor = Redactor()
        redactor.know("vault", {"A": ["12345678abcd"], "B": ["abcd87654321"]})

        assert redactor.text("12345678abcd87654321") == "[secret A, B]"

    def test_one_value_of_two_secrets_shows_both_names(self) -> None:
        """Whoever reads it learns which two are the same."""
        redactor = Redactor()
        redactor.know("vault", {"A": [KEY], "B": [KEY]})

        assert redactor.text(KEY) == "[secret A, B]"

    def test_a_mask_is_never_masked_again(self) -> None:
        """Not even where a secret's value is part of a mask's text."""
        redactor = Redactor()
        redactor.know("vault", {"MY_PASSWORD": ["MY_PASSWORD"], "A": ["x[secret MY_PASSWORD]y"]})

        once = redactor.text("x MY_PASSWORD y xMY_PASSWORDy")

        assert once == redactor.text(once)
        assert once == "x [secret MY_PASSWORD] y [secret A][secret MY_PASSWORD][secret A]"

    @pytest.mark.parametrize("name", ["body.items[0].token", "A, B", "response", "[secret x]", "x" * 5000])
    def test_a_secret_that_is_part_of_its_own_name_comes_to_rest(self, name: str) -> None:
        """Whatever the name looks like; or nothing passes."""
        redactor = Redactor()
        redactor.know("vault", {name: [name[:10]] if len(name) > 7 else ["secret A, B"]})

        once = redactor.text(f"<{name[:10]}> <secret A, B>")

        assert redactor.text(once) == once
        assert once.startswith("<[secret ") or once == FAILED or name == "A, B"

    def test_a_mask_of_an_unknown_name_hides_nothing(self, redactor: Redactor) -> None:
        """A peer cannot smuggle a secret out by writing it where a mask's name stands."""
        assert KEY not in redactor.text(f"[secret {KEY}]")

    @pytest.mark.parametrize("text", ["\ud800 lone {}", "\x00{}\x00", "🔑{}🔑", "\u202e{}"])
    def test_any_text_passes(self, redactor: Redactor, text: Any) -> None:
        """Lone surrogates, NUL, emoji, direction marks around a secret."""
        assert redactor.text(text.format(KEY)) == text.format("[secret API_KEY]")

    def test_what_it_knew_is_replaced_by_source(self, redactor: Redactor) -> None:
        """A source's values are replaced as a whole, other sources stay."""
        redactor.know("env", {"env.HOST": ["db.internal.example"]})
        redactor.know("vault", {"OTHER": [OTHER]})

        assert redactor.text(f"{KEY} {OTHER} db.internal.example") == f"{KEY} [secret OTHER] [secret env.HOST]"


class TestValue:
    def test_masks_leaves_and_keys_and_keeps_the_shape(self, redactor: Redactor) -> None:
        """A document stays one, whatever was in it."""
        value: dict[str, Any] = {"a": [1, True, None, 1.5, {"b": KEY}], KEY: "x", "c": "y"}

        masked = redactor.value(value)

        assert masked == {"a": [1, True, None, 1.5, {"b": "[secret API_KEY]"}], "[secret API_KEY]": "x", "c": "y"}
        assert value["a"][4]["b"] == KEY

    def test_two_keys_that_become_one_mask_stay_two(self, redactor: Redactor) -> None:
        """No entry is lost."""
        encoded = json.dumps(KEY)[1:-1].replace("/", "\\/")

        assert redactor.value({KEY: 1, encoded: 2}) == {"[secret API_KEY]": 1, "[secret API_KEY] 2": 2}

    def test_gives_back_the_same_object_where_nothing_was_found(self, redactor: Redactor) -> None:
        """No copy is made of what need not change."""
        value = {"a": ["b", {"c": 1}]}

        assert redactor.value(value) is value

    @pytest.mark.parametrize("number", [1234567890123, 12345678.25, -1234567890123])
    def test_a_number_that_is_a_secret_is_masked(self, number: Any) -> None:
        """A token of digits that comes back as a JSON number."""
        redactor = Redactor()
        redactor.know("vault", {"PIN": [str(abs(number))]})

        assert "[secret PIN]" in redactor.value({"n": number})["n"]

    def test_a_number_beyond_what_python_writes_does_no_harm(self) -> None:
        """Nothing can print it, so nothing can leak it."""
        redactor = Redactor()
        redactor.know("vault", {"PIN": ["1234567890123"]})

        assert redactor.value([10**5000, "1234567890123"])[1] == "[secret PIN]"

    def test_bytes_are_masked_too(self, redactor: Redactor) -> None:
        """What is sent as bytes is masked as bytes."""
        assert redactor.value({"raw": b"\xff" + KEY.encode() + b"\xfe"}) == {"raw": b"\xff[secret API_KEY]\xfe"}

    def test_subclasses_of_json_types_are_looked_into(self, redactor: Redactor) -> None:
        """A kind of text or mapping of somebody else's hides nothing."""

        class Text(str):
            __slots__ = ()

        class Table(dict[str, Any]):
            pass

        assert redactor.value(Table(a=Text(KEY))) == {"a": "[secret API_KEY]"}

    def test_a_value_nested_as_deep_as_it_likes_is_masked(self, redactor: Redactor) -> None:
        """No recursion: a peer decides how deep its answer nests."""
        value: Any = KEY
        for _ in range(100_000):
            value = [value]

        masked = redactor.value(value)
        while isinstance(masked, list):
            (masked,) = masked

        assert masked == "[secret API_KEY]"


class TestFailure:
    @pytest.mark.parametrize("method", ["text", "value"])
    def test_nothing_passes_when_masking_fails(
        self, redactor: Redactor, method: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The text is not let through because something inside broke."""
        monkeypatch.setattr(Needles, "find", lambda *_: 1 / 0)

        assert getattr(redactor, method)(f"a {KEY}") == FAILED


@dataclass(frozen=True)
class Labels:
    value: Any
    labels: dict[Any, Any]


class TestRunRedactor:
    def test_masks_what_its_parent_learns_later(self, redactor: Redactor) -> None:
        """A secret that is set while the run is in flight is masked in it as well."""
        run = redactor.child()
        redactor.know("vault", {"NEW": ["brand-new-value"]})

        assert run.text("brand-new-value") == "[secret NEW]"

    def test_masks_the_labelled_parts_of_a_value_and_no_others(self, redactor: Redactor) -> None:
        """Path by path; a number by its text."""
        run = redactor.child()
        run.add(
            Labelled({"a": {"token": "tok-12345678", "n": 123456789}, "b": "plain-text"}, {("a",): frozenset({"x"})})
        )

        assert run.text("tok-12345678 123456789 plain-text") == "[secret x] [secret x] plain-text"

    def test_other_runs_do_not_know_it(self, redactor: Redactor) -> None:
        """What one run got from outside is masked there alone."""
        run, other = redactor.child(), redactor.child()
        run.add(Labelled("tok-12345678", {(): frozenset({"x"})}))

        assert (other.text("tok-12345678"), redactor.text("tok-12345678")) == ("tok-12345678", "tok-12345678")

    def test_what_is_made_of_known_secrets_alone_adds_nothing(self, redactor: Redactor) -> None:
        """`Bearer` and a vault's value are masked already."""
        run = redactor.child()
        run.add(Labelled(f"Bearer {KEY}", {(): frozenset({"API_KEY"})}))

        assert run.text(f"Bearer {KEY}") == "Bearer [secret API_KEY]"
        assert not run._values

    def test_a_known_secret_beside_an_unknown_one_hides_both(self, redactor: Redactor) -> None:
        """The rest of a composed value is masked with it."""
        run = redactor.child()
        run.add(Labelled(f"{KEY}:derived-0123", {(): frozenset({"API_KEY"})}))

        assert run.text(f"{KEY}:derived-0123") == "[secret API_KEY]"

    def test_a_run_with_many_values_of_its_own_knows_each_at_once(self, redactor: Redactor) -> None:
        """However many there are, few searches hold them."""
        run = redactor.child()

        for number in range(80):
            run.add(Labelled(f"tok-{number:08d}-own", {(): frozenset({"x"})}))
            assert run.text(f"<tok-{number:08d}-own>") == "<[secret x]>"

        assert run.text("tok-00000000-own tok-00000073-own") == "[secret x] [secret x]"
        assert len(run._layers) < 8

    def test_is_what_the_engine_and_the_recorder_expect(self, redactor: Redactor) -> None:
        """The types agree with the ports."""
        port: RedactorPort = redactor
        run: EngineRunRedactor = redactor.child()

        assert port.text("x") == run.text("x")
