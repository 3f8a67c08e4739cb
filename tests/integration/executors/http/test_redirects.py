"""Redirects: where they lead, what follows, and that nothing secret ever reaches another origin."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from runner.errors import PermanentError, TemporaryError
from runner.executors.http import HttpExecutor
from tests.conftest import OpenServer
from tests.integration.executors.http.world import CANARY, FakeCall, fetch, raw, request_head, secret
from tests.services.http_server import answer


def to(location: str, status: int = 302) -> Any:
    """A handler that redirects everything but what already went to `/end`."""

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/end":
            return web.json_response({"method": request.method, "body": await request.text()})
        return web.Response(status=status, headers={"Location": location})

    return handler


class TestSameOrigin:
    @pytest.mark.parametrize(
        ("status", "method", "then", "body"),
        [
            (301, "GET", "GET", ""),
            (301, "POST", "GET", ""),
            (302, "POST", "GET", ""),
            (302, "PUT", "PUT", '{"a":1}'),
            (303, "POST", "GET", ""),
            (303, "PUT", "GET", ""),
            (307, "POST", "POST", '{"a":1}'),
            (308, "DELETE", "DELETE", '{"a":1}'),
        ],
    )
    async def test_method_and_body_follow_the_rfc(
        self, http: HttpExecutor, http_server: OpenServer, status: int, method: str, then: Any, body: Any
    ) -> None:
        """301 and 302 turn POST into GET, 303 everything, 307 and 308 nothing; secrets go on within the origin."""
        server = await http_server(to("/end", status))
        raw_body: dict[str, Any] = {} if method == "GET" else {"body": {"a": 1}}
        got = await fetch(http, url=server.url("/start"), method=method, headers={"X-Api-Key": secret()}, **raw_body)
        assert got["body"] == {"method": then, "body": body}
        last = server.requests[-1].headers
        assert last["x-api-key"] == CANARY
        assert ("content-type" in last) == bool(body)
        assert ("idempotency-key" in last) == (then != "GET")

    async def test_head_stays_head(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """303 too."""
        server = await http_server(to("/end", 303))
        await fetch(http, url=server.url("/start"), method="HEAD")
        assert [got.method for got in server.requests] == ["HEAD", "HEAD"]

    async def test_not_followed_where_it_is_off(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """The answer itself is the value."""
        server = await http_server(to("/end"))
        got = await fetch(http, url=server.url("/start"), follow_redirects=False, expect=302)
        assert (got["status"], got["headers"]["location"]) == (302, "/end")
        assert len(server.requests) == 1

    async def test_ten_are_followed_and_no_more(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """A circle is an error; after a POST it says that something was done."""
        server = await http_server(to("/again"))
        with pytest.raises(PermanentError, match="redirected more than 10 times") as caught:
            await fetch(http, url=server.url("/start"), method="POST")
        assert (caught.value.kind, caught.value.effect) == ("limit", "done")
        assert len(server.requests) == 11

    @pytest.mark.parametrize(
        ("location", "what"),
        [
            ("ftp://h/", "a scheme other than"),
            ("http://[::1", "cannot be read|no host"),
            ("http://h:1x/", "no host"),
            ("http://u:p@127.0.0.1/", "a user's name"),
        ],
    )
    async def test_a_location_that_leads_nowhere_is_an_error(
        self, http: HttpExecutor, http_server: OpenServer, location: str, what: str
    ) -> None:
        """And not quoted."""
        server = await http_server(to(location))
        with pytest.raises(PermanentError, match=what) as caught:
            await fetch(http, url=server.url("/start"))
        assert location not in str(caught.value)

    async def test_what_fails_after_a_303_is_not_undone(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """The POST was carried out, though the GET that followed may be tried again."""

        async def handler(request: web.Request) -> web.Response:
            if request.method == "POST":
                return web.Response(status=303, headers={"Location": "/end"})
            return web.Response(status=503)

        server = await http_server(handler)
        with pytest.raises(TemporaryError, match=r"^GET .* answered 503") as caught:
            await fetch(http, url=server.url("/start"), method="POST")
        assert caught.value.effect == "done"


class TestOtherOrigin:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize(
        "where",
        ["url", "query", "headers", "body", "form", "bearer", "basic", "user"],
    )
    async def test_a_request_with_a_secret_does_not_go_there(
        self, http: HttpExecutor, http_server: OpenServer, status: int, where: Any
    ) -> None:
        """Wherever in the request it stands: the other server receives not one byte."""
        received: list[bytes] = []

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.append(await request_head(reader))

        async with raw(script) as other:
            server = await http_server(to(other.url("/end"), status))
            configs: dict[str, dict[str, Any]] = {
                "url": {"url": secret(server.url(f"/{CANARY}"))},
                "query": {"query": {"k": secret()}},
                "headers": {"headers": {"X-Whatever": secret()}},
                "body": {"body": {"deep": [{"k": secret()}]}},
                "form": {"form": {"k": [secret()]}},
                "bearer": {"auth": {"bearer": secret()}},
                "basic": {"auth": {"basic": {"username": "u", "password": "literal"}}},
                "user": {"url": server.url("/x").replace("//", "//u:p@")},
            }
            with pytest.raises(PermanentError, match="to another origin") as caught:
                await fetch(http, **{"url": server.url("/start"), "method": "POST", **configs[where]})
            assert len(server.requests) == 1
            assert received == []
            assert other.connections == 0
        assert caught.value.kind == "refused"
        assert caught.value.effect == ("none" if status in {307, 308} else "done")
        assert CANARY not in repr(caught.value) + str(caught.value.facts)
        assert str(other.port) not in str(caught.value)

    async def test_without_secrets_it_goes_there_and_known_headers_stay_behind(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """What is secret by its name, the cookie and the Host header are left behind even where nothing was marked."""
        other = await http_server(to("/end"))
        server = await http_server(to(other.url("/end"), 307))
        headers = {"X-Api-Key": "k", "X-Auth-Token": "t", "Cookie": "c", "X-Plain": "p", "Host": "virtual.test"}
        got = await fetch(
            http, url=server.url("/start"), method="POST", body={"a": 1}, headers=headers | {"Authorization": "literal"}
        )
        assert got["body"] == {"method": "POST", "body": '{"a":1}'}
        assert server.requests[0].headers["host"] == "virtual.test"
        arrived = other.requests[0].headers
        assert arrived["x-plain"] == "p"
        assert arrived["host"] == f"127.0.0.1:{other.port}"
        assert not {"x-api-key", "x-auth-token", "cookie", "authorization"} & set(arrived)

    async def test_another_port_is_another_origin_and_localhost_is_not_127(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """Origins are compared as written: scheme, host, port."""
        server = await http_server(to("/end"))
        back = await http_server(to(f"http://localhost:{server.port}/end"))
        with pytest.raises(PermanentError, match="to another origin"):
            await fetch(http, url=back.url("/start"), headers={"A": secret()})

    async def test_the_message_names_the_peer_that_answered(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """After a redirect without secrets it is the new one."""
        other = await http_server(answer({}, status=500))
        server = await http_server(to(other.url("/x")))
        with pytest.raises(TemporaryError, match=f"^GET 127.0.0.1:{other.port} answered 500$"):
            await fetch(http, FakeCall(), url=server.url("/start"))
