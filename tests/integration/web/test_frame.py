"""The frame of every page: its assets come from here and keep to the bars, its states are words and shapes."""

import re

from tests.integration.web.conftest import Portal


async def test_the_first_page_is_small_and_all_of_it_is_ours(portal: Portal) -> None:
    """At most 60 kB in 6 requests with every asset; no other host, no script or style within the page."""
    async with portal.browser() as browser:
        page = await browser.get("/")
        paths = sorted(set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text)))
        assets = [await browser.get(path) for path in paths]

    assert {asset.status_code for asset in assets} == {200}
    assert len(paths) + 1 <= 6
    sent = len(page.content) + sum(int(asset.headers["content-length"]) for asset in assets)
    assert sent <= 60_000
    assert re.findall(r"https?://", page.text) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?! type=\"module\" src=\"/static/)", page.text) == []


async def test_a_state_is_a_word_and_a_shape(portal: Portal) -> None:
    """Each one's shape is in the sprite, so that no colour has to be seen."""
    async with portal.browser() as browser:
        page = await browser.get("/")
        shapes = re.findall(r'<use href="(/static/sprite[^"#]+)#([a-z]+)"/></svg>([a-z]+)', page.text)
        sprite = (await browser.get(shapes[0][0])).text

    assert [word for _, _, word in shapes] == ["queued", "running", "succeeded", "failed", "cancelled"]
    assert all(f'<symbol id="{shape}"' in sprite for _, shape, _ in shapes)
    assert len({shape for _, shape, _ in shapes}) == len(shapes)
