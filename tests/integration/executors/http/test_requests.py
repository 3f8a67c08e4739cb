"""What a request looks like when it arrives: method, URL, headers, body, key."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from runner.errors import PermanentError
from runner.executors.http import HttpExecutor
from tests.conftest import OpenServer
from tests.integration.executors.http.world import CANARY, FakeCall, fetch, secret
from tests.services.http_server import HttpServer, Received, answer


async def received(http: HttpExecutor, server: HttpServer, **raw: Any) -> Received:
    await fetch(http, url=server.url(raw.pop("path", "/x")), **raw)
    return server.requests[-1]


class TestRequest:
    async def test_get_carries_headers_and_query(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """Null leaves out, a list repeats, other scalars are JSON's spelling, the URL's own keys stay unless overridden."""
        raw_query = []

        async def handler(request: web.Request) -> web.Response:
            raw_query.append(request.raw_path)
            return web.json_response({"tags": request.headers.getall("X-Tag")})

        server = await http_server(handler)
        value = await fetch(
            http,
            url=server.url("/a b?x=1&y=old&z=%2F"),
            query={"y": ["a b", None, True], "n": 1.5, "none": None, "é": "ü&"},
            headers={"X-Tag": ["one", 2], "X-None": None, "X-Secret": secret()},
        )
        assert raw_query == ["/a%20b?x=1&z=%2F&y=a%20b&y=true&n=1.5&%C3%A9=%C3%BC%26"]
        assert value["body"] == {"tags": ["one", "2"]}
        got = server.requests[0].headers
        assert got["x-secret"] == CANARY
        assert "x-none" not in got
        assert got["accept-encoding"] == "gzip, deflate"
        assert got["user-agent"].startswith("runner/")
        assert "idempotency-key" not in got

    @pytest.mark.parametrize(
        ("raw", "body", "media"),
        [
            (
                {"body": {"a": [1, None, "é"], "big": 12345678901234567890123}},
                b'{"a":[1,null,"\xc3\xa9"],"big":12345678901234567890123}',
                "application/json",
            ),
            ({"body": "plain é"}, "plain é".encode(), "text/plain; charset=utf-8"),
            ({"body": {"k": secret()}}, b'{"k":"canary-7f3a9b-secret"}', "application/json"),
            ({"body": 12}, b"12", "application/json"),
            (
                {"form": {"a": [1, "x y"], "b": None, "c": secret()}},
                b"a=1&a=x+y&c=canary-7f3a9b-secret",
                "application/x-www-form-urlencoded",
            ),
            ({"body": "<x/>", "headers": {"content-type": "application/xml"}}, b"<x/>", "application/xml"),
            ({"body": None}, b"", None),
        ],
        ids=["json", "text", "secret in json", "scalar", "form", "own media type", "null"],
    )
    async def test_a_body_arrives_as_it_was_meant(
        self, http: HttpExecutor, http_server: OpenServer, raw: Any, body: Any, media: Any
    ) -> None:
        """Objects as JSON with exact integers, text as it is, forms encoded; a given Content-Type stays."""
        got = await received(http, await http_server(answer({})), method="POST", **raw)
        assert got.body == body
        assert got.headers.get("content-type") == media

    async def test_bytes_arrive_unchanged(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """Bytes that are no text are sent as they are."""
        got = await received(http, await http_server(answer({})), method="PUT", body=secret(b"\x00\xff\x80"))  # type: ignore[arg-type]  # a secret may be bytes
        assert (got.body, got.headers["content-type"]) == (b"\x00\xff\x80", "application/octet-stream")

    async def test_multipart_arrives_as_fields_and_files(
        self, http: HttpExecutor, http_server: OpenServer, tmp_path: Path
    ) -> None:
        """aiohttp's own reader finds each part; the same config makes the same bytes."""
        (tmp_path / "a.csv").write_bytes(b"x,y\n1,2\n")
        parts = []

        async def handler(request: web.Request) -> web.Response:
            return web.json_response({})

        server = await http_server(handler)
        form = {
            "note": "hé",
            "tags": ["a", None, 2],
            "doc": {"file": str(tmp_path / "a.csv")},
            "raw": {"content": "data", "filename": 'we"ird\n.txt', "content_type": "text/x-log"},
            "json": {"content": {"a": 1}},
        }
        first = await received(http, server, method="POST", multipart=form)
        second = await received(http, server, method="POST", multipart=form)
        assert first.body == second.body
        boundary = first.headers["content-type"].split("boundary=")[1].encode()
        parts = first.body.split(b"--" + boundary)
        assert parts[0] == b""
        assert parts[-1] == b"--\r\n"
        assert parts[1:-1] == [
            b'\r\nContent-Disposition: form-data; name="note"\r\n\r\nh\xc3\xa9\r\n',
            b'\r\nContent-Disposition: form-data; name="tags"\r\n\r\na\r\n',
            b'\r\nContent-Disposition: form-data; name="tags"\r\n\r\n2\r\n',
            b'\r\nContent-Disposition: form-data; name="doc"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\nx,y\n1,2\n\r\n',
            b'\r\nContent-Disposition: form-data; name="raw"; filename="we%22ird%0A.txt"\r\nContent-Type: text/x-log\r\n\r\ndata\r\n',
            b'\r\nContent-Disposition: form-data; name="json"\r\n\r\n{"a":1}\r\n',
        ]

    @pytest.mark.parametrize("method", ["POST", "PUT", "patch", "DELETE", "REPORT"])
    async def test_an_unsafe_method_carries_the_attempts_key(
        self, http: HttpExecutor, http_server: OpenServer, method: str
    ) -> None:
        """The same key on every attempt, and the call is told before anything leaves."""
        server = await http_server(answer({}))
        call = FakeCall()
        for _ in range(2):
            await fetch(http, call, url=server.url(), method=method)
        assert [got.headers["idempotency-key"] for got in server.requests] == ["0" * 32] * 2
        assert [got.method for got in server.requests] == [method.upper()] * 2
        assert call.left == 2

    @pytest.mark.parametrize(("given", "sent"), [("mine", "mine"), (None, None)])
    async def test_an_own_key_replaces_it(
        self, http: HttpExecutor, http_server: OpenServer, given: Any, sent: Any
    ) -> None:
        """The file's own header wins, null sends none."""
        got = await received(http, await http_server(answer({})), method="POST", headers={"idempotency-key": given})
        assert got.headers.get("idempotency-key") == sent

    async def test_a_safe_method_leaves_nothing_to_answer_for(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """GET tells the call nothing."""
        call = FakeCall()
        await fetch(http, call, url=(await http_server(answer({}))).url())
        assert call.left == 0

    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            ({"url": "ftp://h/"}, "url: has a scheme other than http and https"),
            ({"url": "http:///x"}, "url: has no host"),
            ({"url": "nowhere"}, "url: is not a URL"),
            ({"url": "http://h\r\nX: y/"}, "url: holds a line break"),
            ({"url": "http://a b/"}, "url: has a host name"),
            ({"url": secret("http://h:0/")}, "url: has a port"),
            ({"url": "http://u:p@h/", "auth": {"bearer": "t"}}, "url: names a user"),
            ({"headers": {"A": "x\r\nB: y"}}, "headers.A holds a line break"),
            ({"headers": {"A\r\nB": "y"}}, "headers: one of the names is no header name"),
            ({"headers": {"Content-Length": "3"}}, "headers: one of the names is set by Runner"),
            ({"headers": {"A": {"x": 1}}}, "headers.A: expected text"),
            ({"headers": {"A": "x" * 70_000}}, "headers: more than 65,536 bytes"),
            ({"query": {"a": {"b": 1}}}, "query.a: expected text"),
            ({"query": {"a": "\ud800"}}, "query.a: holds half of a surrogate pair"),
            ({"method": "GET /"}, "method: expected GET"),
            ({"method": "CONNECT"}, "method: expected GET"),
            ({"body": {}, "form": {}}, "body and form: a request carries one"),
            (
                {"multipart": {"a": {"file": "/etc/passwd"}}, "method": "POST"},
                "multipart.a.file: the file lies outside",
            ),
            ({"multipart": {"a": {"file": "/no/such"}}, "method": "POST"}, "multipart.a.file: the file lies outside"),
            ({"multipart": {"a": {"name": "x"}}, "method": "POST"}, "multipart.a: unknown key 'name'"),
            ({"verify": "/etc/ssl/certs/ca-certificates.crt"}, "verify: "),
            ({"auth": {}}, "auth: expected exactly one of basic"),
            ({"auth": {"bearer": "a\nb"}}, "auth.bearer: holds a line break"),
            ({"proxy": "socks5://h/"}, "proxy: has a scheme"),
        ],
    )
    async def test_what_cannot_be_sent_is_an_error_of_the_config(
        self, http: HttpExecutor, raw: Any, message: str
    ) -> None:
        """Nothing is sent; the message names the key and what was expected, and holds nothing of a secret."""
        with pytest.raises(PermanentError) as caught:
            await fetch(http, **{"url": "http://127.0.0.1:9/", **raw})
        assert str(caught.value).startswith(message)
        assert (caught.value.kind, caught.value.effect) == ("config", "none")

    async def test_a_user_in_the_url_is_basic_authentication(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """As every client does it; the user does not stand in the request's URL."""
        server = await http_server(answer({}))
        await fetch(http, url=server.origin.replace("//", "//us%40er:p%3Aw@") + "/x")
        assert server.requests[0].headers["authorization"] == "Basic dXNAZXI6cDp3"
        assert "us" not in server.requests[0].headers["host"]

    async def test_environment_is_ignored(
        self, http: HttpExecutor, http_server: OpenServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Neither proxies nor netrc of the daemon's environment change a request."""
        server = await http_server(answer({"ok": True}))
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
        (tmp_path / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9/")
        value = await fetch(http, url=server.url())
        assert value["body"] == {"ok": True}
        assert "authorization" not in server.requests[0].headers

    async def test_cookies_are_not_kept(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """Two actions share connections and nothing else."""
        server = await http_server(answer({}, headers={"Set-Cookie": "sid=abc"}))
        for _ in range(2):
            await fetch(http, url=server.url())
        assert "cookie" not in server.requests[1].headers
