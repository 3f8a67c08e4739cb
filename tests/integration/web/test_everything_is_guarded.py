"""
Every page and endpoint against who must not come in: made from the tables of pages and endpoints, so that a new one is
tried without a word here.
"""

import re
import sqlite3
from typing import NamedTuple

import httpx

from runner.accounts.credentials import SCOPES
from runner.accounts.rows import accounts_path
from runner.web.api.table import ENDPOINTS
from runner.web.dashboard.frame import Frame
from runner.web.portal import PAGES
from tests.integration.web.conftest import Portal

OPEN = {"/login", "/setup"}
"""Pages for whoever comes."""

FOREIGN_HOSTS = ("evil.example", "127.0.0.1.evil.example")
FOREIGN_ORIGINS = ("http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1")


class Asked(NamedTuple):
    """One method of one path."""

    method: str
    path: str


def _filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "nothing", path)


def _pages(portal: Portal) -> list[Asked]:
    frame = Frame(str)
    routes = [route for page in PAGES for route in page(portal.services, frame)]
    found = [
        Asked(method, _filled(route.path))
        for route in routes
        for method in sorted((route.methods or set()) - {"HEAD"})
        if route.path not in OPEN
    ]
    assert {"/settings/tokens", "/settings/audit", "/settings/health", "/settings/password"} <= {p for _, p in found}
    return found


def _endpoints() -> list[Asked]:
    found = [Asked(each.method, "/api/v1" + _filled(each.path)) for each in ENDPOINTS if each.scope is not None]
    return [*found, Asked("GET", "/metrics")]


def _age_sessions(portal: Portal, *, created: float, seen: float) -> None:
    """Make every session older, as time would."""
    path = accounts_path(portal.folder / "data" / "runner.db")
    with sqlite3.connect(path) as connection:
        connection.execute("update session set created_at = created_at - ?, seen_at = seen_at - ?", (created, seen))
    connection.close()


async def _statuses(client: httpx.AsyncClient, asked: list[Asked], **headers: str) -> dict[Asked, int]:
    return {each: (await client.request(*each, headers=headers)).status_code for each in asked}


async def test_a_stranger_a_token_and_an_expired_session_see_no_page(portal: Portal) -> None:
    """They are led to sign in, or told 401 where they want to change something; too old and too idle are both over."""
    pages = _pages(portal)
    expected = {each: 303 if each.method == "GET" else 401 for each in pages}
    async with portal.stranger() as stranger, portal.program(*SCOPES, name="all") as program:
        assert await _statuses(stranger, pages) == expected
        assert await _statuses(program, pages) == expected
    for created, seen in ((8 * 86_400.0, 0.0), (9 * 3600.0, 9 * 3600.0)):
        async with portal.browser() as browser:
            _age_sessions(portal, created=created, seen=seen)

            assert await _statuses(browser, pages) == expected
            assert await _statuses(browser, _endpoints()) == dict.fromkeys(_endpoints(), 401)


async def test_no_endpoint_is_open_to_a_stranger_or_to_a_wrong_token(portal: Portal) -> None:
    """401, whatever is said in place of a token."""
    asked = _endpoints()
    lies = ("Bearer", "Bearer runner_" + "0" * 49, "Basic YWRtaW46YWRtaW4=", "Bearer " + "x" * 5000)
    async with portal.stranger() as stranger:
        assert await _statuses(stranger, asked) == dict.fromkeys(asked, 401)
        for lie in lies:
            answer = await stranger.get("/api/v1/runs", headers={"authorization": lie})

            assert answer.status_code in {401, 429}, lie


async def test_a_foreign_host_and_a_foreign_origin_are_refused_everywhere(portal: Portal) -> None:
    """Of who is signed in, too: 421 for the host, 403 for the origin."""
    asked = [*_pages(portal), *_endpoints()]
    async with portal.browser() as browser:
        for host in FOREIGN_HOSTS:
            assert await _statuses(browser, asked, host=host) == dict.fromkeys(asked, 421), host
        for origin in FOREIGN_ORIGINS:
            assert await _statuses(browser, asked, origin=origin) == dict.fromkeys(asked, 403), origin


async def test_nothing_is_changed_without_the_form_token(portal: Portal) -> None:
    """Every page and endpoint that changes something, of a browser that is signed in: 403."""
    asked = [each for each in [*_pages(portal), *_endpoints()] if each.method != "GET"]
    async with portal.browser() as browser:
        assert await _statuses(browser, asked) == dict.fromkeys(asked, 403)
        assert await _statuses(browser, asked, **{"x-csrf-token": "0" * 64}) == dict.fromkeys(asked, 403)
