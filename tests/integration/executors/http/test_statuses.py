"""Statuses: which are good, which may be tried again, what an error shows."""

import time
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web

from runner.errors import PermanentError, TemporaryError
from runner.executors.http import HttpExecutor
from tests.conftest import OpenServer
from tests.integration.executors.http.world import fetch, respond
from tests.services.http_server import answer


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
    async def test_status_decides_if_trying_again_may_help(
        self, http: HttpExecutor, http_server: OpenServer, status: int, method: str, family: Any, kind: str, effect: Any
    ) -> None:
        """The message names method, host and status and no more of the URL; the answer itself is in the facts."""
        server = await http_server(answer({"why": "x"}, status=status, headers={"X-Id": "7"}))
        with pytest.raises(family) as caught:
            await fetch(http, url=server.url("/path?key=s3cret"), method=method)
        assert str(caught.value) == f"{method} 127.0.0.1:{server.port} answered {status}"
        assert (caught.value.kind, caught.value.effect) == (kind, effect)
        assert caught.value.facts["status"] == status
        assert caught.value.facts["body"] == {"why": "x"}
        assert caught.value.facts["headers"]["x-id"] == "7"

    async def test_three_times_503_then_200(self, http: HttpExecutor, http_server: OpenServer) -> None:
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
    async def test_retry_after_in_both_forms(self, http: HttpExecutor, http_server: OpenServer, status: int) -> None:
        """Seconds as they are, a date from the server's own clock."""
        now = time.time()
        for value, low, high in (("17", 17, 17), (formatdate(now + 60, usegmt=True), 57, 61), ("soon", None, None)):
            server = await http_server(answer({}, status=status, headers={"Retry-After": value}))
            with pytest.raises(TemporaryError) as caught:
                await fetch(http, url=server.url())
            delay = caught.value.retry_after
            assert delay is None if low is None else low <= (delay or 0) <= (high or 0)

    async def test_facts_are_masked_and_bounded(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """What is secret by its name is masked, and no more than 64 KB of the body are kept."""
        server = await http_server(
            answer({"password": "hunter2hunter2", "a": 1}, status=400, headers={"Set-Cookie": "sid=topsecret"})
        )
        with pytest.raises(PermanentError) as caught:
            await fetch(http, url=server.url())
        assert caught.value.facts["body"] == {"password": "[secret response]", "a": 1}
        assert caught.value.facts["headers"]["set-cookie"] == ["[secret response]"]
        server = await http_server(respond(b"y" * 1_000_000, 500, Content_Type="text/plain"))
        with pytest.raises(TemporaryError) as failed:
            await fetch(http, url=server.url())
        assert failed.value.facts["body"] == "y" * 65_536

    async def test_bad_json_of_a_failed_status_is_shown_as_text(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
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
    async def test_expect_says_which_answers_are_good(
        self, http: HttpExecutor, http_server: OpenServer, expect: Any, status: int, good: Any
    ) -> None:
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

    async def test_an_expression_that_fails_is_an_error_of_its_own(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """Not taken for a false one."""
        server = await http_server(answer({"n": "x"}))
        with pytest.raises(PermanentError, match=r"^expect: ") as caught:
            await fetch(http, url=server.url(), expect="$this.body.n * 2 > 1")
        assert caught.value.kind == "expression"
