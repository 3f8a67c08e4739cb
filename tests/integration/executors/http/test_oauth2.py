"""OAuth 2.0: tokens that are fetched, kept, shared, refreshed and refused."""

from base64 import b64decode
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import anyio
import pytest
from aiohttp import web

from runner.clock import SystemClock
from runner.errors import PermanentError, TemporaryError
from runner.executors.http import HttpExecutor, open_http
from runner.ports import ExecutorLimits
from tests.conftest import OpenServer
from tests.integration.executors.http.world import CANARY, FakeCall, config, fetch, secret
from tests.services.http_server import HttpServer


class MovedClock(SystemClock):
    """The machine's clock, moved by `by` seconds."""

    by = 0.0

    def wall(self) -> float:
        return super().wall() + self.by


class Issuer:
    """A token endpoint and a resource; counts what it hands out, and rotates refresh tokens where told."""

    def __init__(self, *, rotates: bool = False, life: int | None = 3600, takes: bool = True) -> None:
        self.takes = takes
        self.issued = 0
        self.rotates = rotates
        self.life = life
        self.refresh = "refresh-0"
        self.good: set[str] = set()
        self.forms: list[dict[str, str]] = []
        self.basic: list[str] = []
        self.fails: tuple[int, dict[str, str]] | None = None
        self.delay = 0.0

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            return await self._token(request)
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return web.json_response({"echo": given, "n": self.issued}, status=200 if given in self.good else 401)

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl(await request.text()))
        self.forms.append(form)
        self.basic.append(request.headers.get("Authorization", ""))
        await anyio.sleep(self.delay)
        if self.fails is not None:
            return web.json_response(self.fails[1], status=self.fails[0])
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.refresh:
            return web.json_response({"error": "invalid_grant", "error_description": CANARY}, status=400)
        self.issued += 1
        token = f"access-{self.issued}-0123456789"
        if self.takes:
            self.good.add(token)
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        if self.life is not None:
            answer["expires_in"] = self.life
        if self.rotates:
            self.refresh = answer["refresh_token"] = f"refresh-{self.issued}"
        return web.json_response(answer)


def client(server: HttpServer, **more: Any) -> dict[str, Any]:
    return {
        "oauth2": {"token_url": server.url("/token"), "client_id": "id:1", "client_secret": secret("s&cret"), **more}
    }


class TestOAuth2:
    async def test_client_credentials_are_traded_once(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """The id and secret travel encoded in the header; the token is used until it expires."""
        issuer = Issuer()
        server = await http_server(issuer)
        auth = client(server, scope=["a", "b"], params={"audience": "x"})
        for _ in range(3):
            await fetch(http, url=server.url("/r"), auth=auth)
        assert issuer.issued == 1
        assert issuer.forms == [{"grant_type": "client_credentials", "scope": "a b", "audience": "x"}]
        assert b64decode(issuer.basic[0].removeprefix("Basic ")) == b"id%3A1:s%26cret"

    async def test_the_secret_may_travel_in_the_form(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """`client_auth: body`."""
        issuer = Issuer()
        server = await http_server(issuer)
        await fetch(http, url=server.url("/r"), auth=client(server, client_auth="body"))
        assert issuer.forms == [{"grant_type": "client_credentials", "client_id": "id:1", "client_secret": "s&cret"}]
        assert issuer.basic == [""]

    async def test_a_hundred_attempts_at_once_fetch_one_token(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """A single flight for each set of credentials; another client has its own."""
        issuer = Issuer()
        issuer.delay = 0.05
        server = await http_server(issuer)
        async with anyio.create_task_group() as group:
            for number in range(100):
                auth = client(server) if number else client(server, scope="other")
                group.start_soon(partial(fetch, http, url=server.url("/r"), auth=auth))
        assert issuer.issued == 2

    async def test_a_cancelled_attempt_does_not_hold_the_others_up(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """The one that fetches may go; the next in line fetches."""
        issuer = Issuer()
        issuer.delay = 0.2
        server = await http_server(issuer)
        with anyio.move_on_after(0.05):
            await fetch(http, url=server.url("/r"), auth=client(server))
        issuer.delay = 0
        assert (await fetch(http, url=server.url("/r"), auth=client(server)))["status"] == 200

    async def test_an_expired_token_is_fetched_anew(self, http_server: OpenServer) -> None:
        """Half a minute before its end."""
        issuer = Issuer(life=100)
        server = await http_server(issuer)
        clock = MovedClock()
        async with open_http(ExecutorLimits(), clock=clock) as http:
            for by, issued in ((0, 1), (60, 1), (71, 2)):
                clock.by = by
                await fetch(http, url=server.url("/r"), auth=client(server))
                assert issuer.issued == issued

    async def test_a_refused_token_is_fetched_anew_once(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """The attempt that saw 401 goes on with a new one; if that is refused too, the 401 stands."""
        issuer = Issuer()
        server = await http_server(issuer)
        await fetch(http, url=server.url("/r"), auth=client(server))
        issuer.good.clear()
        assert (await fetch(http, url=server.url("/r"), auth=client(server), method="POST"))["status"] == 200
        assert issuer.issued == 2
        dead = Issuer(takes=False)
        server = await http_server(dead)
        with pytest.raises(PermanentError, match="answered 401"):
            await fetch(http, url=server.url("/r"), auth=client(server))
        assert dead.issued == 2

    async def test_a_token_that_ends_between_two_pages_is_fetched_anew(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """Each page may ask once, not the attempt as a whole."""
        issuer = Issuer()

        async def handler(request: web.Request) -> web.Response:
            answered = await issuer(request)
            if request.path == "/token" or answered.status != 200:
                return answered
            issuer.good.clear()
            page = int(request.query.get("page", "1"))
            return web.json_response({"data": [page], "next": f"?page={page + 1}" if page < 4 else None})

        server = await http_server(handler)
        paginate = {"next": "$this.body.next", "items": "$this.body.data"}
        got = await fetch(http, url=server.url("/r"), auth=client(server), paginate=paginate)
        assert got["body"] == [1, 2, 3, 4]
        assert issuer.issued == 4

    async def test_a_rotated_refresh_token_is_kept(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """The configured one starts the chain; each new access token is had by the last one given."""
        issuer = Issuer(rotates=True)
        server = await http_server(issuer)
        auth = client(server, refresh_token=secret("refresh-0"))
        for _ in range(3):
            await fetch(http, url=server.url("/r"), auth=auth)
            issuer.good.clear()
        assert [form["refresh_token"] for form in issuer.forms] == ["refresh-0", "refresh-1", "refresh-2"]

    async def test_a_rotation_survives_the_attempts_cancellation(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """What the endpoint has rotated is kept although nobody waited for it any more."""
        issuer = Issuer(rotates=True)
        issuer.delay = 0.2
        server = await http_server(issuer)
        auth = client(server, refresh_token="refresh-0")
        with anyio.move_on_after(0.05):
            await fetch(http, url=server.url("/r"), auth=auth)
        assert issuer.issued == 1
        assert (await fetch(http, url=server.url("/r"), auth=auth))["status"] == 200
        assert issuer.issued == 1

    @pytest.mark.parametrize(
        ("fails", "family", "message"),
        [
            (
                (400, {"error": "invalid_client", "error_description": CANARY}),
                PermanentError,
                r"^auth.oauth2: POST 127.0.0.1:\d+ answered 400 \(invalid_client\)$",
            ),
            ((400, {"error": CANARY}), PermanentError, r"^auth.oauth2: POST 127.0.0.1:\d+ answered 400$"),
            ((503, {}), TemporaryError, r"^auth.oauth2: POST 127.0.0.1:\d+ answered 503$"),
            (
                (200, {"token": CANARY}),
                PermanentError,
                "^auth.oauth2: its token endpoint answered without access_token$",
            ),
            ((302, {}), PermanentError, "answered 302$"),
        ],
    )
    async def test_a_token_that_is_not_given(
        self, http: HttpExecutor, http_server: OpenServer, fails: Any, family: Any, message: str
    ) -> None:
        """Nothing was sent to the resource, so the effect is none; what the endpoint said stays out but for known codes."""
        issuer = Issuer()
        issuer.fails = fails
        server = await http_server(issuer)
        with pytest.raises(family, match=message) as caught:
            await fetch(http, url=server.url("/r"), auth=client(server), method="POST")
        assert caught.value.effect == "none"
        assert CANARY not in repr(caught.value.facts) + str(caught.value)

    async def test_a_token_that_comes_back_is_labelled(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """No vault knows it, so the answer's parts that hold it are secret."""
        server = await http_server(Issuer())
        result = await http.execute(config(url=server.url("/r"), auth=client(server)), FakeCall())
        assert set(result.labels) == {("body", "echo")}
