"""Every page of the dashboard and the forms on it, as a parser of the HTML standard reads them."""

from typing import Any

import httpx

from tests.acceptance.leaks import visited
from tests.integration.web.conftest import Portal, loaded, started
from tests.markup import wrong

FLOW = """
description: A <b>flow</b>
labels: {team: orders}
inputs:
  list: {type: array, default: [1, 0]}
  note: {type: string, default: hello, description: What to say}
  mode: {type: string, enum: [a, b], default: a}
  pin: {type: string, secret: true, default: none}
triggers:
  - {type: schedule, config: {cron: "0 4 * * *"}}
  - {type: http, config: {path: /flow, auth: none}}
concurrency: 5
actions:
  - {id: first, type: set, config: {n: 1, key: $secret.KNOWN}}
  - id: each
    type: group
    for_each: $input.list
    on_error: continue
    config:
      actions: [{id: look, type: set, config: "{{ 1 // $item }}"}]
  - {id: halt, type: stop, if: "$input.mode == 'b'", config: {error: "no <b>order</b>"}}
  - {id: end, type: set, needs: [first], config: 1}
output: $action.each
"""
ASKS = """
actions:
  - id: ask
    type: wait
    config:
      callback:
        ok: {type: boolean, description: Yes or no}
        how: {type: string, enum: [bank, card], default: card}
        more: {type: object, default: {}}
"""


class Visit(visited.Visit):
    """It leaves alone what is no page and has no end, and keeps the pages apart."""

    def __init__(self, client: httpx.AsyncClient, pages: dict[str, str]) -> None:
        super().__init__(client, {}, "")
        self._pages = pages

    async def ask(self, path: str, method: str = "GET", *, place: str = "", **more: Any) -> str:
        """The page."""
        if path.endswith("/news"):
            return ""
        text = await super().ask(path, method, place=place, **more)
        if text[:15].lower() == "<!doctype html>":
            self._pages[text] = f"{method} {path}"
        return text


async def test_the_markup_of_every_page_is_whole(portal: Portal) -> None:
    """Of runs that succeeded, failed and wait, of a broken file, of wrong forms, and of who has not signed in."""
    vault = portal.services.vault
    assert vault is not None
    await vault.set("KNOWN", "a value of this test")
    await loaded(portal, flow=FLOW, asks=ASKS)
    runs = [await started(portal, "flow"), await started(portal, "flow", mode="b"), await started(portal, "asks")]
    (portal.folder / "workflows" / "bad.yaml").write_text("actions: [{id: a, type: sett}]\n")
    pages: dict[str, str] = {}
    async with portal.stranger() as client:
        stranger = Visit(client, pages)
        for path in ("/setup", "/login", "/nowhere"):
            await stranger.ask(path)
    async with portal.browser() as client:
        person = Visit(client, pages)
        await visited.see_pages(person, {"name": ["KNOWN", "flow", "asks", "bad"], "run": runs})
        await visited.send_forms(person, "<wrong>")

    assert len(pages) > 60
    assert [(place, found) for page, place in pages.items() if (found := wrong(page))] == []
