"""What a response may be: found where the run can still fail by it."""

from typing import Any

import pytest

from runner.engine.response import made_response
from runner.errors import PermanentError
from runner.expressions.labels import Labelled

KEY = frozenset({"K"})


class TestMade:
    @pytest.mark.parametrize(
        ("given", "made"),
        [
            (None, {"status": 200, "headers": []}),
            ({"body": None}, {"status": 200, "headers": [], "body": None}),
            ({"status": 302, "headers": {"Location": "/x"}}, {"status": 302, "headers": [["Location", "/x"]]}),
            (
                {"headers": {"a": [1, True, None, "é"], "b": None}},
                {"status": 200, "headers": [["a", "1"], ["a", "true"], ["a", "é"]]},
            ),
            ({"body": b"\x00\x01"}, {"status": 200, "headers": [], "bytes": "AAE="}),
        ],
        ids=["nothing", "null", "redirect", "lists", "bytes"],
    )
    def test_defaults_are_written_out(self, given: Any, made: Any) -> None:
        """A list repeats its header, null leaves it out, bytes are kept as base64."""
        assert made_response(Labelled(given)).value == made

    def test_labels_follow_their_parts(self) -> None:
        """What is secret in a header or in bytes stays so where it now stands."""
        given = {"headers": {"a": "x"}, "body": b"y"}
        made = made_response(Labelled(given, {("headers", "a"): KEY, ("body",): KEY}))

        assert made.labels == {("headers",): KEY, ("bytes",): KEY}

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("text", "response: expected"),
            ({"statsu": 200}, "response: expected"),
            ({"status": "200"}, "response.status"),
            ({"status": True}, "response.status"),
            ({"status": 199}, "response.status"),
            ({"status": 600}, "response.status"),
            ({"headers": ["a"]}, "response.headers"),
            ({"headers": {"a": "x\r\nb: y"}}, "line break"),
            ({"headers": {"a": "x\x00"}}, "control character"),
            ({"headers": {"a b": "x"}}, "no header name"),
            ({"headers": {"Transfer-Encoding": "chunked"}}, "set by Runner"),
            ({"headers": {"a": {"b": 1}}}, "expected text"),
            ({"headers": {"a": ["x" * 1000] * 100}}, "more than 64000 bytes"),
        ],
    )
    def test_what_cannot_be_sent_is_refused(self, given: Any, message: str) -> None:
        """By a sentence that names the part and holds no value."""
        with pytest.raises(PermanentError, match=message):
            made_response(Labelled(given))
