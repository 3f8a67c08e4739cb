"""What becomes of an answer: value, labels, bounds, statuses."""

import gzip
import time
import zlib
from email.utils import formatdate

import pytest
from aiohttp import web

from runner.errors import PermanentError, TemporaryError
from tests.conftest import OpenServer
from tests.integration.executors.http.world import FakeCall, config, fetch, raw, says
from tests.services.http_server import answer


def respond(body: bytes = b"", status: int = 200, **headers: str):
    """A handler that answers with these bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=named)

    return handler


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
    async def test_a_body_is_read_by_its_type(self, http, http_server: OpenServer, body, media, value):
        """JSON strictly, text by its charset with U+FFFD for what is none, anything else base64, nothing null."""
        got = await fetch(http, url=(await http_server(respond(body, Content_Type=media))).url())
        assert got["body"] == value
        assert got["status"] == 200

    @pytest.mark.parametrize(("body", "value"), [(b"caf\xc3\xa9", "café"), (b"\xff\xfe", "//4="), (b"a\x00b", "YQBi")])
    async def test_a_body_without_a_type_is_text_where_it_can_be(self, http, body, value):
        """UTF-8 stays text, other bytes are base64."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        async with raw(says(head + body)) as server:
            assert (await fetch(http, url=server.url()))["body"] == value

    @pytest.mark.parametrize("status", [204, 304])
    async def test_an_answer_without_a_body_is_null(self, http, http_server: OpenServer, status):
        """204 and 304 have no body, whatever their headers say."""
        server = await http_server(respond(b"", status))
        assert (await fetch(http, url=server.url(), expect=[status]))["body"] is None

    async def test_head_has_no_body(self, http, http_server: OpenServer):
        """HEAD's Content-Length and Content-Encoding speak of a body that does not come."""
        server = await http_server(respond(b"xxxx", Content_Encoding="br", Content_Type="application/json"))
        got = await fetch(http, url=server.url(), method="HEAD")
        assert (got["body"], got["headers"]["content-length"]) == (None, "4")

    async def test_headers_have_small_names_and_repeated_ones_are_joined(self, http):
        """`set-cookie` alone is a list; bytes that are no UTF-8 are Latin-1, so a value is always text that JSON can hold."""
        head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: a=1, b\r\nSet-Cookie: c=2\r\nX-L: \xe9\r\nContent-Length: 0\r\n\r\n"
        async with raw(says(head)) as server:
            got = await fetch(http, url=server.url())
        assert got["headers"] == {"x-a": "1, 2", "set-cookie": ["a=1, b", "c=2"], "x-l": "é", "content-length": "0"}

    async def test_secret_parts_are_labelled(self, http, http_server: OpenServer):
        """By header and by JSON key, to the very leaf; a mapping, null and false below such a key are none."""
        body = {
            "access_token": "t1",
            "data": [{"clientSecret": "s", "name": "n"}, {"password": None, "api_key": 12345}],
            "properties": {"password": {"type": "string"}},
            "next_page_token": "cursor",
        }
        server = await http_server(answer(body, headers={"Set-Cookie": "sid=1", "X-Auth-Token": "t", "X-Hub-Signature-256": "s"}))
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
        ids=["cut", "nan", "surrogate", "trailing", "bytes", "5,000 digits", "too large", "101 levels", "100,000 brackets"],
    )
    async def test_bad_json_is_an_error(self, http, http_server: OpenServer, body, what):
        """It says in what way, never what was sent; the request was carried out."""
        server = await http_server(respond(body, Content_Type="application/json"))
        with pytest.raises(PermanentError, match=f"^POST 127.0.0.1:{server.port} answered 200 with a body that {what}") as caught:
            await fetch(http, url=server.url(), method="POST")
        assert (caught.value.kind, caught.value.effect) == ("response", "done")

    async def test_a_hundred_levels_and_many_brackets_in_a_text_are_fine(self, http, http_server: OpenServer):
        """The bound counts levels, not brackets."""
        body = b"[" * 99 + b'"' + b"[" * 500 + b'"' + b"]" * 99
        assert (await fetch(http, url=(await http_server(respond(body, Content_Type="application/json"))).url()))["body"]


class TestCompression:
    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            ("gzip", gzip.compress(b'{"a":1}')),
            ("x-gzip", gzip.compress(b'{"a"') + gzip.compress(b":1}")),
            ("deflate", zlib.compress(b'{"a":1}')),
            ("deflate", zlib.compress(b'{"a":1}')[2:-4]),
            ("identity", b'{"a":1}'),
        ],
        ids=["gzip", "two members", "zlib", "raw deflate", "identity"],
    )
    async def test_compressed_bodies_are_opened(self, http, encoding, body):
        """Also where they come byte by byte in chunks."""
        chunks = b"".join(b"1\r\n%b\r\n" % body[i : i + 1] for i in range(len(body))) + b"0\r\n\r\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % encoding.encode()
        async with raw(says(head + chunks)) as server:
            assert (await fetch(http, url=server.url()))["body"] == {"a": 1}

    async def test_a_gzip_bomb_is_an_error_at_the_bound(self, http, http_server: OpenServer):
        """1 GB of zeros in 1 MB is given up at 10 MB, in a fraction of the time that opening it takes."""
        packer = zlib.compressobj(wbits=31)
        head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
        block = packer.compress(bytes(10_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
        bomb = head + block * 100
        server = await http_server(respond(bomb, Content_Encoding="gzip"))
        with pytest.raises(PermanentError, match=r"answered with more than max_response_size \(10,000,000 bytes\)$") as caught:
            await fetch(http, url=server.url())
        assert caught.value.kind == "limit"

    async def test_a_stream_of_empty_blocks_is_an_error_at_the_bound(self, http, http_server: OpenServer):
        """Compressed bytes that open to nothing count as well."""
        body = zlib.compress(b"")[:2] + b"\x00\x00\x00\xff\xff" * 40_000
        server = await http_server(respond(body, Content_Encoding="deflate"))
        with pytest.raises(PermanentError, match="max_response_size"):
            await fetch(http, url=server.url(), max_response_size=1000)

    @pytest.mark.parametrize(
        ("encoding", "body", "what"),
        [
            ("gzip", b"not gzip", "is not compressed as its Content-Encoding says"),
            ("gzip", gzip.compress(b"x" * 100)[:-6], "the compressed body breaks off"),
            ("deflate", b"\xff\xff\xff\xff", "is not compressed as its Content-Encoding says"),
            ("br", b"x", "its Content-Encoding is none of gzip and deflate"),
        ],
    )
    async def test_a_body_that_cannot_be_opened_is_an_error(self, http, http_server: OpenServer, encoding, body, what):
        """Not compressed, cut, or compressed in a way that was not asked for."""
        server = await http_server(respond(body, Content_Encoding=encoding))
        with pytest.raises(PermanentError, match=what) as caught:
            await fetch(http, url=server.url())
        assert caught.value.kind == "response"


class TestBounds:
    @pytest.mark.parametrize("size", [1000, 1001])
    async def test_a_body_over_the_bound_is_an_error(self, http, http_server: OpenServer, size):
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
    async def test_oversized_headers_are_an_error(self, http, headers):
        """A field of more than 64 KB, or thousands of them."""
        async with raw(says(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\nContent-Length: 0\r\n\r\n")) as server:
            with pytest.raises(PermanentError) as caught:
                await fetch(http, url=server.url())
        assert caught.value.kind in {"limit", "response"}


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "method", "family", "kind", "effect"),
        [
            (503, "GET", TemporaryError, "5xx", "none"),
            (503, "POST", TemporaryError, "5xx", "unknown"),
            (429, "POST", TemporaryError, "429", "none"),
            (408, "POST", TemporaryError, "timeout", "none"),
            (404, "GET", PermanentError, "status", "none"),
            (409, "POST", PermanentError, "status", "none"),
            (302, "POST", PermanentError, "status", "done"),
        ],
    )
    async def test_status_decides_if_trying_again_may_help(self, http, http_server, status, method, family, kind, effect):
        """The message names method, host and status and no more of the URL; the answer itself is in the facts."""
        server = await http_server(answer({"why": "x"}, status=status, headers={"X-Id": "7"}))
        with pytest.raises(family) as caught:
            await fetch(http, url=server.url("/path?key=s3cret"), method=method)
        assert str(caught.value) == f"{method} 127.0.0.1:{server.port} answered {status}"
        assert (caught.value.kind, caught.value.effect) == (kind, effect)
        assert caught.value.facts["status"] == status
        assert caught.value.facts["body"] == {"why": "x"}
        assert caught.value.facts["headers"]["x-id"] == "7"

    async def test_three_times_503_then_200(self, http, http_server: OpenServer):
        """Each attempt is its own: three may be tried again, the fourth succeeds on the same connection."""
        statuses = [503, 503, 503, 200]

        async def handler(_: web.Request) -> web.Response:
            return web.json_response({}, status=statuses.pop(0))

        server = await http_server(handler)
        for _ in range(3):
            with pytest.raises(TemporaryError, match="answered 503"):
                await fetch(http, url=server.url())
        assert (await fetch(http, url=server.url()))["status"] == 200

    @pytest.mark.parametrize("status", [429, 503])
    async def test_retry_after_in_both_forms(self, http, http_server: OpenServer, status):
        """Seconds as they are, a date from the server's own clock."""
        now = time.time()
        for value, low, high in (("17", 17, 17), (formatdate(now + 60, usegmt=True), 57, 61), ("soon", None, None)):
            server = await http_server(answer({}, status=status, headers={"Retry-After": value}))
            with pytest.raises(TemporaryError) as caught:
                await fetch(http, url=server.url())
            delay = caught.value.retry_after
            assert (low is None and delay is None) or low <= delay <= high

    async def test_facts_are_masked_and_bounded(self, http, http_server: OpenServer):
        """What is secret by its name is masked, and no more than 64 KB of the body are kept."""
        server = await http_server(answer({"password": "hunter2hunter2", "a": 1}, status=400, headers={"Set-Cookie": "sid=topsecret"}))
        with pytest.raises(PermanentError) as caught:
            await fetch(http, url=server.url())
        assert caught.value.facts["body"] == {"password": "[secret response]", "a": 1}
        assert caught.value.facts["headers"]["set-cookie"] == ["[secret response]"]
        server = await http_server(respond(b"y" * 1_000_000, 500, Content_Type="text/plain"))
        with pytest.raises(TemporaryError) as caught:
            await fetch(http, url=server.url())
        assert caught.value.facts["body"] == "y" * 65_536

    async def test_bad_json_of_a_failed_status_is_shown_as_text(self, http, http_server: OpenServer):
        """The status says more than the body's mistakes."""
        server = await http_server(respond(b"<html>", 502, Content_Type="application/json"))
        with pytest.raises(TemporaryError, match="answered 502") as caught:
            await fetch(http, url=server.url())
        assert caught.value.facts["body"] == "<html>"


class TestExpect:
    @pytest.mark.parametrize(
        ("expect", "status", "good"),
        [
            (404, 404, True),
            ("404", 404, True),
            ("4xx", 404, True),
            (["2xx", 404], 404, True),
            (["2xx", 404], 200, True),
            (201, 200, False),
            ("$this.status in [200, 404]", 404, True),
            ("$this.status == 404 and $this.body.ok", 404, True),
            ("$this.status == 404", 200, False),
            ("not $this.body.errors", 200, True),
            ("not $this.body.errors", 404, False),
            ("not $this.body.ok", 200, False),
        ],
    )
    async def test_expect_says_which_answers_are_good(self, http, http_server: OpenServer, expect, status, good):
        """Statuses, classes, lists; an expression that does not look at the status is asked about 2xx only."""
        server = await http_server(answer({"ok": True}, status=status))
        if good:
            assert (await fetch(http, url=server.url(), expect=expect))["status"] == status
            return
        with pytest.raises(PermanentError) as caught:
            await fetch(http, url=server.url(), expect=expect, method="POST")
        by_expression = status == 200 and "$" in str(expect)
        assert caught.value.kind == ("expect" if by_expression else "status")
        assert caught.value.effect == ("done" if status == 200 else "none")

    async def test_an_expression_that_fails_is_an_error_of_its_own(self, http, http_server: OpenServer):
        """Not taken for a false one."""
        server = await http_server(answer({"n": "x"}))
        with pytest.raises(PermanentError, match="^expect: ") as caught:
            await fetch(http, url=server.url(), expect="$this.body.n * 2 > 1")
        assert caught.value.kind == "expression"
