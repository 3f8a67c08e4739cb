"""The list of runs as a browser without JavaScript has it: filters, pages, what its buttons do, what it says of each."""

import html
import re
from collections.abc import Sequence

import httpx
import pytest

from tests.integration.web.conftest import Portal, form_token, loaded, started

HELLO = "labels: {team: orders}\ninputs: {n: {type: integer, default: 1}}\nactions: [{id: greet, type: set, config: {n: $input.n}}]\n"
FAILS = 'actions:\n  - {id: fetch, type: set, config: {a: 1}}\n  - {id: halt, type: stop, config: {error: "<b>no</b> \u05e9\u05dc\u05d5\u05dd order"}}\n'
WAITS = """
concurrency: {limit: 1, key: "'eu'"}
actions: [{id: nap, type: wait, config: {for: 1h}}]
"""
LONG = f"actions: [{{id: {'a' * 100}, type: set, config: 1}}]\n"


def shown(page: httpx.Response) -> list[str]:
    """The ids on a list, as they come."""
    return re.findall(r'name="run\.([0-9a-z]{26})"', page.text)


async def ticked(browser: httpx.AsyncClient, do: str, runs: Sequence[str], back: str = "") -> httpx.Response:
    """What a button answers with some runs ticked."""
    token = form_token((await browser.get("/runs")).text)
    return await browser.post(
        "/runs", data={"csrf": token, "do": do, "back": back, **{f"run.{run}": "on" for run in runs}}
    )


async def test_an_empty_list_says_what_to_do(portal: Portal) -> None:
    """With the command; one whose filters fit nothing says that instead."""
    async with portal.browser() as browser:
        empty = await browser.get("/runs")
        none = await browser.get("/runs?workflow=sync&state=failed")

    assert "runner run workflows/hello.yaml" in empty.text
    assert "No run fits these filters." in none.text
    assert "<option selected>sync</option>" in none.text


async def test_filters_live_in_the_address(portal: Portal) -> None:
    """Each one alone and together; what fits nothing that is known is said and asked for nothing."""
    await loaded(portal, hello=HELLO, fails=FAILS, waits=WAITS)
    hello, fails, nap = [await started(portal, name) for name in ("hello", "fails", "waits")]
    queries = {
        "": [nap, fails, hello],
        "workflow=hello": [hello],
        "state=failed": [fails],
        "state=failed&state=succeeded": [fails, hello],
        "state=waiting": [nap],
        "trigger=api": [nap, fails, hello],
        "trigger=schedule": [],
        "label=team": [hello],
        "label=team%3Dorders&state=succeeded": [hello],
        "text=NO%3C/B%3E": [fails],
        f"text={hello[12:]}": [hello],
        "since=1h": [nap, fails, hello],
        "until=1h": [],
        "since=2990-01-01": [],
        "until=2990-01-01T00:00:00%2B01:00": [nap, fails, hello],
        "state=what": [nap, fails, hello],
        "trigger=cat": [nap, fails, hello],
        "since=soon": [nap, fails, hello],
        f"text={'x' * 201}": [nap, fails, hello],
        "state=waiting&state=failed": [nap],
        "nobody=knows": [nap, fails, hello],
    }
    async with portal.browser() as browser:
        pages = {query: await browser.get(f"/runs?{query}") for query in queries}

    assert {query: shown(page) for query, page in pages.items()} == queries
    wrong = {query for query, page in pages.items() if 'role="alert"' in page.text}
    assert wrong == {"state=what", "trigger=cat", "since=soon", f"text={'x' * 201}", "state=waiting&state=failed"}


async def test_pages_follow_each_other_and_keep_the_filters(portal: Portal) -> None:
    """Each run once; a cursor that nobody gave is no page."""
    await loaded(portal, hello=HELLO)
    runs = [await started(portal, "hello") for _ in range(53)]
    async with portal.browser() as browser:
        first = await browser.get("/runs?workflow=hello")
        older = re.search(r'rel="next" href="([^"]+)"', first.text)
        assert older
        second = await browser.get(html.unescape(older[1]))
        wrong = await browser.get("/runs?cursor=../x")

    assert shown(first) + shown(second) == runs[::-1]
    assert "workflow=hello" in older[1]
    assert 'rel="next"' not in second.text
    assert wrong.status_code == 404


async def test_a_search_looks_at_so_many_runs_at_a_time(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leads on to the older ones, as far as there are any."""
    monkeypatch.setattr("runner.web.run_search.MOST_LOOKED_AT", 2)
    await loaded(portal, hello=HELLO, fails=FAILS)
    failed = await started(portal, "fails")
    for _ in range(3):
        await started(portal, "hello")
    async with portal.browser() as browser:
        pages = [await browser.get("/runs?text=order")]
        while older := re.search(r'href="(/runs\?[^"]+cursor=[^"]+)">Look', pages[-1].text):
            pages.append(await browser.get(html.unescape(older[1])))

    assert [shown(page) for page in pages] == [[], [failed], []]


async def test_each_says_where_it_ended_and_why_it_waits(portal: Portal) -> None:
    """The action that failed with its error, as text; the limit that holds a run, its key and its place."""
    await loaded(portal, fails=FAILS, waits=WAITS, long=LONG)
    await started(portal, "fails")
    await started(portal, "long")
    for _ in range(3):
        await started(portal, "waits")
    async with portal.browser() as browser:
        page = await browser.get("/runs")

    assert "&lt;b&gt;no&lt;/b&gt; \u05e9\u05dc\u05d5\u05dd order" in page.text
    assert "<b>no</b>" not in page.text
    assert "action?place=halt" in page.text
    assert re.findall(r"waits for its workflow&#39;s limit of 1 for eu \(concurrency\): ([\w ]+)", page.text) == [
        "1 before it",
        "next",
    ]
    assert len(re.findall(r'<use href="[^"]+#waiting"/></svg>waiting', page.text)) == 1


async def test_several_are_ended_and_run_again_at_once(portal: Portal) -> None:
    """What is refused is counted with the first reason; the list comes back with its filters, and goes nowhere else."""
    await loaded(portal, hello=HELLO, waits=WAITS)
    done, nap, queued = [await started(portal, name) for name in ("hello", "waits", "waits")]
    async with portal.browser() as browser:
        ended = await ticked(browser, "cancel", [done, nap, queued], back="workflow=waits&next=//evil&state=cancelled")
        for run in (nap, queued):
            await portal.service.engine.dispatcher.wait(run)
        told = await browser.get(ended.headers["location"])
        again = await ticked(browser, "rerun", [nap], back="%%%")
        nothing = await browser.get((await ticked(browser, "rerun", [])).headers["location"])
        unknown = await ticked(browser, "delete", [nap])
        row = await portal.service.store.get(nap)

    assert ended.status_code == 303
    assert ended.headers["location"].startswith("/runs?workflow=waits&state=cancelled&did=cancel&done=2&refused=1&why=")
    assert "2 runs are told to end. 1 refused:" in told.text
    assert shown(told) == [queued, nap]
    assert again.headers["location"] == "/runs?did=rerun&done=1&refused=0"
    assert "No run is ticked." in nothing.text
    assert unknown.status_code == 422
    assert row is not None
    assert row.state in {"running", "queued"}


async def test_nothing_is_done_without_the_form_token(portal: Portal) -> None:
    """And a token of the API opens no page."""
    await loaded(portal, waits=WAITS)
    nap = await started(portal, "waits")
    async with portal.browser() as browser, portal.program("read", "run", name="robot") as program:
        forged = await browser.post("/runs", data={"do": "cancel", f"run.{nap}": "on"})
        page = await program.get("/runs")
        row = await portal.service.store.get(nap)

    assert (forged.status_code, page.status_code) == (403, 303)
    assert row is not None
    assert row.ended_at is None
