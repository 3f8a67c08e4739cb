"""What becomes of an answer: its value, its labels, its bounds."""

from typing import Any

import pytest

from runner.errors import PermanentError
from runner.executors.http import HttpExecutor
from tests.conftest import OpenServer
from tests.integration.executors.http.world import FakeCall, config, fetch, raw, respond, says
from tests.services.http_server import answer


class TestValue:
    @pytest.mark.parametrize(
        ("body", "media", "value"),
        [
            (b'{"a":[1,2.5,null]}', "application/json", {"a": [1, 2.5, None]}),
            (b"\xef\xbb\xbf[1]", "application/problem+json; charset=utf-8", [1]),
            (b"123456789012345678901234567890", "application/json", 123456789012345678901234567890),
            ('{"a":"é"}'.encode("latin-1"), "application/json; charset=iso-8859-1", {"a": "é"}),
            (b"hello", "text/plain", "hello"),
            ("h\xe9".encode("latin-1"), "text/html; charset=iso-8859-1", "hé"),
            (b"h\xe9llo", "text/plain", "h\ufffdllo"),
            (b"h\xe9", "text/plain; charset=no-such", "h\ufffd"),
            (b"eJw=", "text/plain; charset=zip", "eJw="),
            (b"<x/>", "application/atom+xml", "<x/>"),
            (b"\x00\x01\xff", "application/octet-stream", "AAH/"),
            (b"hello", "image/png", "aGVsbG8="),
            (b"", "application/json", None),
        ],
    )
    async def test_a_body_is_read_by_its_type(
        self, http: HttpExecutor, http_server: OpenServer, body: Any, media: Any, value: Any
    ) -> None:
        """JSON strictly, text by its charset with U+FFFD for what is none, anything else base64, nothing null."""
        got = await fetch(http, url=(await http_server(respond(body, Content_Type=media))).url())
        assert got["body"] == value
        assert got["status"] == 200

    @pytest.mark.parametrize(("body", "value"), [(b"caf\xc3\xa9", "café"), (b"\xff\xfe", "//4="), (b"a\x00b", "YQBi")])
    async def test_a_body_without_a_type_is_text_where_it_can_be(
        self, http: HttpExecutor, body: Any, value: Any
    ) -> None:
        """UTF-8 stays text, other bytes are base64."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        async with raw(says(head + body)) as server:
            assert (await fetch(http, url=server.url()))["body"] == value

    @pytest.mark.parametrize("status", [204, 304])
    async def test_an_answer_without_a_body_is_null(
        self, http: HttpExecutor, http_server: OpenServer, status: int
    ) -> None:
        """204 and 304 have no body, whatever their headers say."""
        server = await http_server(respond(b"", status))
        assert (await fetch(http, url=server.url(), expect=[status]))["body"] is None

    async def test_head_has_no_body(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """HEAD's Content-Length and Content-Encoding speak of a body that does not come."""
        server = await http_server(respond(b"xxxx", Content_Encoding="br", Content_Type="application/json"))
        got = await fetch(http, url=server.url(), method="HEAD")
        assert (got["body"], got["headers"]["content-length"]) == (None, "4")

    async def test_headers_have_small_names_and_repeated_ones_are_joined(self, http: HttpExecutor) -> None:
        """`set-cookie` alone is a list; bytes that are no UTF-8 are Latin-1, so a value is always text that JSON can hold."""
        head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: a=1, b\r\nSet-Cookie: c=2\r\nX-L: \xe9\r\nContent-Length: 0\r\n\r\n"
        async with raw(says(head)) as server:
            got = await fetch(http, url=server.url())
        assert got["headers"] == {"x-a": "1, 2", "set-cookie": ["a=1, b", "c=2"], "x-l": "é", "content-length": "0"}

    async def test_secret_parts_are_labelled(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """By header and by JSON key, to the very leaf; a mapping, null and false below such a key are none."""
        body = {
            "access_token": "t1",
            "data": [{"clientSecret": "s", "name": "n"}, {"password": None, "api_key": 12345}],
            "properties": {"password": {"type": "string"}},
            "next_page_token": "cursor",
        }
        server = await http_server(
            answer(body, headers={"Set-Cookie": "sid=1", "X-Auth-Token": "t", "X-Hub-Signature-256": "s"})
        )
        result = await http.execute(config(url=server.url()), FakeCall())
        assert set(result.labels) == {
            ("headers", "set-cookie"),
            ("headers", "x-auth-token"),
            ("headers", "x-hub-signature-256"),
            ("body", "access_token"),
            ("body", "data", 0, "clientSecret"),
            ("body", "data", 1, "api_key"),
        }
        assert set(result.labels.values()) == {frozenset({"response"})}

    @pytest.mark.parametrize(
        ("body", "what"),
        [
            (b'{"a":', "is not valid JSON"),
            (b'{"a":NaN}', "is not valid JSON"),
            (b'"\\ud800"', "is not valid JSON"),
            (b"[1] x", "is not valid JSON"),
            (b'"\xff"', "is JSON with bytes that are no text"),
            (b"1" * 5000, "is JSON with a number that is too large"),
            (b"1e400", "is JSON with a number that is too large"),
            (b"[" * 101 + b"]" * 101, "is JSON of more than 100 levels"),
            (b"[" * 100_000, "is JSON of more than 100 levels"),
        ],
        ids=[
            "cut",
            "nan",
            "surrogate",
            "trailing",
            "bytes",
            "5,000 digits",
            "too large",
            "101 levels",
            "100,000 brackets",
        ],
    )
    async def test_bad_json_is_an_error(
        self, http: HttpExecutor, http_server: OpenServer, body: Any, what: str
    ) -> None:
        """It says in what way, never what was sent; the request was carried out."""
        server = await http_server(respond(body, Content_Type="application/json"))
        with pytest.raises(
            PermanentError, match=f"^POST 127.0.0.1:{server.port} answered 200 with a body that {what}"
        ) as caught:
            await fetch(http, url=server.url(), method="POST")
        assert (caught.value.kind, caught.value.effect) == ("response", "done")

    async def test_a_hundred_levels_and_many_brackets_in_a_text_are_fine(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """The bound counts levels, not brackets."""
        body = b"[" * 99 + b'"' + b"[" * 500 + b'"' + b"]" * 99
        assert (await fetch(http, url=(await http_server(respond(body, Content_Type="application/json"))).url()))[
            "body"
        ]


class TestBounds:
    @pytest.mark.parametrize("size", [1000, 1001])
    async def test_a_body_over_the_bound_is_an_error(
        self, http: HttpExecutor, http_server: OpenServer, size: Any
    ) -> None:
        """Exactly the bound is fine, one byte more is not; a POST was carried out all the same."""
        server = await http_server(respond(b"x" * size, Content_Type="text/plain"))
        if size == 1000:
            assert len((await fetch(http, url=server.url(), max_response_size="1KB"))["body"]) == 1000
            return
        with pytest.raises(PermanentError, match=r"more than max_response_size \(1,000 bytes\)") as caught:
            await fetch(http, url=server.url(), method="POST", max_response_size="1KB")
        assert (caught.value.kind, caught.value.effect) == ("limit", "done")

    @pytest.mark.parametrize(
        "headers",
        [b"X-Big: " + b"a" * 70_000, b"\r\n".join(b"X-%d: a" % i for i in range(2000))],
        ids=["one", "many"],
    )
    async def test_oversized_headers_are_an_error(self, http: HttpExecutor, headers: Any) -> None:
        """A field of more than 64 KB, or thousands of them."""
        async with raw(says(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\nContent-Length: 0\r\n\r\n")) as server:
            with pytest.raises(PermanentError) as caught:
                await fetch(http, url=server.url())
        assert caught.value.kind in {"limit", "response"}
