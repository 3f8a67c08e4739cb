"""A wrapped value does not come out by accident."""

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from runner.secret import Secret, reveal

CANARY = "canary-value-1234"
SECRET = Secret(frozenset({"API_KEY"}), CANARY)


class TestSecret:
    @pytest.mark.parametrize(
        "show",
        [
            repr,
            str,
            format,
            ascii,
            lambda secret: f"{secret} {secret!r} {secret:>40}",
            lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  one of the ways
            "{0} {0!s} {0:x}".format,
            lambda secret: f"{[secret, {'a': secret}, (secret,)]}",
            lambda secret: logging.LogRecord("x", 20, "f", 1, "%s", (secret,), None).getMessage(),
        ],
    )
    def test_shows_its_name_and_never_its_value(self, show: Callable[[Any], str]) -> None:
        """By every way from a value to text."""
        shown = show(SECRET)

        assert "Secret(API_KEY, ****)" in shown
        assert CANARY not in shown

    @pytest.mark.parametrize(
        "write",
        [
            json.dumps,
            msgspec.json.encode,
            msgspec.msgpack.encode,
            pickle.dumps,
            copy.copy,
            copy.deepcopy,
            list,
            iter,
            bytes,
            len,
            lambda secret: secret + "x",
            lambda secret: "x" + secret,
            "".join,
        ],
    )
    def test_refuses_to_be_written_or_taken_apart(self, write: Callable[[Any], object]) -> None:
        """The error holds the name at most."""
        with pytest.raises(TypeError) as raised:
            write(SECRET)

        assert CANARY not in str(raised.value)

    def test_does_not_stand_in_a_traceback(self) -> None:
        """Not even where it was the argument of what failed."""
        mistaken: Any = SECRET
        with pytest.raises(TypeError) as raised:
            int(mistaken)

        assert CANARY not in "".join(traceback.format_exception(raised.value))

    def test_is_equal_to_no_text(self) -> None:
        """A comparison with text says nothing about the value."""
        assert SECRET != CANARY
        assert Secret(frozenset({"API_KEY"}), CANARY) == SECRET

    def test_reveal_unwraps_wherever_it_stands(self) -> None:
        """In mappings and lists; what is no secret stays."""
        assert reveal({"a": [SECRET, 1], "b": {"c": SECRET}}) == {"a": [CANARY, 1], "b": {"c": CANARY}}
