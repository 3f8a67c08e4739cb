"""The pages of one run as a browser without JavaScript has them: how it went, why, each action, what can be done."""

import html
import re
from collections.abc import AsyncIterator
from urllib.parse import unquote

import httpx
import pytest

from runner.secrets.policy import PolicyChange
from tests.integration.web.conftest import Portal, form_token, loaded, started

FAILS = """
labels: {team: orders}
inputs: {note: {type: string, default: hello}}
actions:
  - {id: first, type: set, config: {n: 123456789012345678901234567890, note: $input.note}}
  - id: part
    type: group
    config:
      actions:
        - {id: inner, type: set, config: {deep: true}}
  - {id: halt, type: stop, config: {error: "no <b>order</b> \u05e9\u05dc\u05d5\u05dd"}}
  - {id: after, type: set, config: 1}
"""
ITEMS = """
inputs: {list: {type: array}}
actions:
  - id: each
    type: group
    for_each: $input.list
    concurrency: 100
    on_error: continue
    config:
      actions:
        - {id: look, type: set, config: "{{ 1 // $item }}"}
"""
KEY = """
actions:
  - {id: call, type: set, config: {header: "Bearer $secret.API_KEY", open: 1}}
"""
WAITS = "actions: [{id: nap, type: wait, config: {for: 1h}}]\n"
LONG = "a" * 100


def text(page: httpx.Response) -> str:
    """What a page says, without its markup, in one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.text)))


async def test_a_failed_run_says_why_and_where(portal: Portal) -> None:
    """The error as text with a link to its action; actions in order, groups below theirs; what fired it and its inputs."""
    await loaded(portal, fails=FAILS)
    run = await started(portal, "fails", note="<i>é</i>")
    async with portal.browser() as browser:
        page = await browser.get(f"/runs/{run}")
        short = await browser.get(f"/runs/{run[:20]}")

    assert page.status_code == short.status_code == 200
    assert (
        f'<a href="/runs/{run}/action?place=halt">halt</a> failed: no &lt;b&gt;order&lt;/b&gt; \u05e9\u05dc\u05d5\u05dd'
        in page.text
    )
    assert "<i>" not in page.text
    assert re.findall(r'action\?place=([\w%/]+)">\w+</a> <span class="hint">', page.text) == [
        "first", "part", "part/inner", "halt", "after",
    ]  # fmt: skip
    assert "Rerun from halt" in page.text
    assert 'href="/runs?label=team%3Dorders"' in page.text
    assert "123456789012345678901234567890" not in page.text
    assert "data-live" not in page.text


async def test_an_action_shows_its_values_whole_and_with_every_digit(portal: Portal) -> None:
    """What is longer than a page should be is cut, and there whole at the address beside it."""
    await loaded(portal, fails=FAILS)
    run = await started(portal, "fails", note=LONG * 200)
    async with portal.browser() as browser:
        page = await browser.get(f"/runs/{run}/action?place=first")
        whole = await browser.get(f"/runs/{run}/value?place=first")
        inputs = await browser.get(f"/runs/{run}/value?of=inputs")
        none = await browser.get(f"/runs/{run}/value?place=nobody")

    assert "123456789012345678901234567890" in page.text
    assert LONG * 200 not in page.text
    assert "the whole value" in page.text
    assert whole.json()["note"] == inputs.json()["note"] == LONG * 200
    assert none.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/runs/nobody", "/runs/nobody/action?place=a", "/runs/nobody/journal", "/runs/nobody/value", "/runs/nobody/news",
        "/runs/{run}/action?place=nobody", "/runs/{run}/action", "/runs/{run}/journal?after=-1",
        "/runs/{run}/action?place=first&after=1e3", "/runs/%00", "/runs/{run}/action?place=%ff%00",
    ],
)  # fmt: skip
async def test_what_is_not_there_is_a_page_that_says_so(portal: Portal, path: str) -> None:
    """404, whatever was asked for; but an `after` of an action without items counts for nothing."""
    await loaded(portal, fails=FAILS)
    run = await started(portal, "fails")
    async with portal.browser() as browser:
        page = await browser.get(path.format(run=run))

    assert page.status_code == (200 if "1e3" in path else 404)
    assert "<main" in page.text


async def test_items_are_counts_the_failed_ones_first_then_pages(portal: Portal) -> None:
    """10,000 of them: the run's page holds none; each state has its own pages, and each item its own page."""
    await loaded(portal, items=ITEMS)
    run = await started(portal, "items", list=[index % 100 for index in range(10_000)])
    path = f"/runs/{run}/action?place=each"
    async with portal.browser() as browser:
        page = await browser.get(f"/runs/{run}")
        failed = await browser.get(path)
        pages = [await browser.get(f"{path}&state=failed")]
        while following := re.search(r'rel="next" href="([^"]+)"', pages[-1].text):
            pages.append(await browser.get(f"/runs/{run}/action{html.unescape(following[1])}"))
        everything = await browser.get(f"{path}&state=")
        item = await browser.get(f"/runs/{run}/action?place=each%5B300%5D")
        inner = await browser.get(f"/runs/{run}/action?place=each%5B300%5D%2Flook")
        none = await browser.get(f"{path}&state=running")

    assert "100 failed" in text(page)
    assert "9900 succeeded" in text(page)
    assert "each[" not in page.text
    shown = [re.findall(r">each\[(\d+)\]</a>", each.text) for each in pages]
    assert [len(each) for each in shown] == [50, 50]
    assert [index for each in shown for index in each] == [str(index) for index in range(0, 10_000, 100)]
    assert re.findall(r">each\[(\d+)\]</a>", failed.text) == shown[0]
    assert re.findall(r">each\[(\d+)\]</a>", everything.text) == [str(index) for index in range(50)]
    assert "each[300]/look" in unquote(item.text)
    assert "by zero" in inner.text
    assert "No item is in this state." in none.text


async def test_what_is_secret_is_masked_and_says_where_it_came_from(portal: Portal) -> None:
    """On no page and in no value; its path, its name, a link to it."""
    value = "cAnArY-9f8e7d6c5b4a"
    assert portal.services.vault is not None
    await portal.services.vault.set("API_KEY", value, policy=PolicyChange())
    await loaded(portal, key=KEY)
    run = await started(portal, "key")
    async with portal.browser() as browser:
        pages = [
            await browser.get(f"/runs/{run}{rest}")
            for rest in ("", "/action?place=call", "/journal", "/value?place=call", "/value?of=output")
        ]

    assert not any(value in page.text for page in pages)
    assert "header from API_KEY" in text(pages[1])
    assert 'href="/settings/secrets/API_KEY"' in pages[1].text
    assert "[secret API_KEY]" in pages[3].text
    assert "sealed" not in pages[2].text


async def test_a_run_is_ended_and_run_again_from_its_page(portal: Portal) -> None:
    """Two clicks from the list; who did it stands in it; what cannot be is a page that says why."""
    await loaded(portal, waits=WAITS)
    run = await started(portal, "waits")
    path = f"/runs/{run}"
    async with portal.browser() as browser:
        live = await browser.get(path)
        fields = {"csrf": form_token(live.text)}
        early = await browser.post(f"{path}/rerun", data=fields)
        forged = await browser.post(f"{path}/cancel")
        done = await browser.post(f"{path}/cancel", data=fields)
        await portal.service.engine.dispatcher.wait(run)
        ended = await browser.get(done.headers["location"])
        late = await browser.post(f"{path}/cancel", data=fields)
        action = await browser.get(f"{path}/action?place=nap")
        again = await browser.post(f"{path}/rerun", data={**fields, "from": "nap"})
        after = await browser.get(path)
        unknown = await browser.post("/runs/nobody/cancel", data=fields)

    assert f'data-live="{path}/news"' in live.text
    assert "Next wake-up" in live.text
    assert [early.status_code, forged.status_code, done.status_code, late.status_code] == [409, 403, 303, 409]
    assert "only a run that has ended is run again" in early.text
    assert "was told to end by admin" in ended.text
    assert "Rerun from here" in action.text
    assert again.headers["location"] == path
    assert "was run again from nap by admin" in after.text
    assert unknown.status_code == 404


async def test_the_journal_is_shown_append_by_append(portal: Portal) -> None:
    """In pages that follow each other, each append once."""
    await loaded(portal, items=ITEMS)
    run = await started(portal, "items", list=list(range(1, 300)))
    rows = await portal.service.store.read(run)
    async with portal.browser() as browser:
        pages = [await browser.get(f"/runs/{run}/journal")]
        while following := re.search(r'rel="next" href="([^"]+)"', pages[-1].text):
            pages.append(await browser.get(following[1]))

    assert [int(seq) for page in pages for seq in re.findall(r'aria-label="Append (\d+)"', page.text)] == [
        row.seq for row in rows
    ]
    assert all(event in pages[0].text for event in ("accepted", "expanded"))


async def until_data(lines: AsyncIterator[str]) -> list[str]:
    """The lines of a stream up to its next message."""
    found = [await anext(lines)]
    while not found[-1].startswith("data"):
        found.append(await anext(lines))
    return found


async def test_an_open_page_is_told_that_its_run_changed(portal: Portal) -> None:
    """Of its own run alone; the list's page of every run; the stream ends with the daemon."""
    await loaded(portal, waits=WAITS)
    run, other = await started(portal, "waits"), await started(portal, "waits")
    async with portal.browser() as browser, browser.stream("GET", f"/runs/{run}/news") as mine:
        async with browser.stream("GET", "/runs/news") as every:
            lines, mine_lines = every.aiter_lines(), mine.aiter_lines()
            first = [await anext(lines), await anext(mine_lines)]
            await portal.services.running.cancel(other, "test")
            told = await until_data(lines)
            await portal.services.running.cancel(run, "test")
            mine_told = await until_data(mine_lines)
        portal.services.news.close()
        rest = [line async for line in mine_lines]

    assert mine.headers["content-type"].startswith("text/event-stream")
    assert first == ["retry: 2000", "retry: 2000"]
    assert told[-1] == mine_told[-1] == "data: 1"
    assert set(rest) <= {"", "data: 1"}
