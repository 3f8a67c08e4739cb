"""What commands print: durations, times, columns, colour."""

import pytest

from runner.cli import output
from runner.cli.run import parse_pairs
from runner.errors import UsageError


class TestSpan:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (None, ""),
            (0.0, "0ms"),
            (0.0124, "12ms"),
            (1.25, "1.25s"),
            (59.94, "59.9s"),
            (123, "2m03s"),
            (3840, "1h04m"),
            (266_400, "3d02h"),
        ],
    )
    def test_a_duration_is_short(self, seconds: float | None, text: str) -> None:
        """Two units at most, and nothing for what has not ended."""
        assert output.span(seconds) == text

    @pytest.mark.parametrize(("seconds", "text"), [(0.9996, "1s"), (59.97, "1m00s"), (3599.9, "59m59s")])
    def test_rounding_never_shows_a_unit_that_is_full(self, seconds: float, text: str) -> None:
        """No `1000ms`, no `60s`."""
        assert output.span(seconds) == text


class TestText:
    def test_control_characters_cannot_reach_the_terminal(self) -> None:
        """What a peer said stays on one line and moves no cursor."""
        assert output.one_line("a\x1b[2Jb\r\nc\u202e") == "a\N{REPLACEMENT CHARACTER}[2Jb c\N{REPLACEMENT CHARACTER}"

    def test_a_long_text_is_cut_with_a_sign(self) -> None:
        """At most so many characters, the sign included."""
        assert output.one_line("x" * 300, 10) == "x" * 9 + "…"

    def test_columns_are_aligned(self) -> None:
        """Each as wide as its widest cell; nothing trails."""
        rows = list(output.table([("a", "succeeded", ""), ("longer", "failed", "why")], ("NAME", "STATE", "NOTE")))

        assert rows == ["NAME    STATE      NOTE", "a       succeeded", "longer  failed     why"]

    @pytest.mark.parametrize(
        ("terminal", "no_color", "colour"), [(True, "", True), (True, "1", False), (False, "", False)]
    )
    def test_colour_is_for_terminals_that_want_it(
        self, monkeypatch: pytest.MonkeyPatch, *, terminal: bool, no_color: str, colour: bool
    ) -> None:
        """NO_COLOR and a pipe have the bare word."""
        monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setenv("TERM", "xterm")

        assert ("\x1b[" in output.word("failed")) is colour


class TestPairs:
    def test_a_value_may_hold_an_equals_sign(self) -> None:
        """Only the first one parts name and value."""
        assert parse_pairs(["q=a=b", "empty="]) == {"q": "a=b", "empty": ""}

    @pytest.mark.parametrize("pair", ["n", "=1", ""])
    def test_a_pair_has_a_name_and_a_value(self, pair: str) -> None:
        """Everything else is wrong use."""
        with pytest.raises(UsageError, match="expected NAME=VALUE"):
            parse_pairs([pair])
