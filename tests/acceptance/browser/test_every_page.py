"""Every page that a link leads to: readable for everybody, on a phone, in the dark, without scripts; and light."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.acceptance.browser.conftest import PHONE, OpenPage, Site, kinds_of_pages

WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
FIRST_PAGE, NEXT_PAGE, REQUESTS = 60_000, 15_000, 6
"""Bytes over the wire and how often it asks: the bars of the pages' design."""

LONG = "two-hundred"
FIRST_ONES = {"exclude": [[".source > .line:nth-child(n+21)"], [".graph .action:nth-of-type(n+21)"]]}
"""Of two hundred that are alike, axe looks at twenty."""

HEAVY = ("every-state", LONG, "nested", "loops")
"""Workflows whose own pages are looked at too: every state, many actions, long and foreign names, many items."""


@pytest.fixture(scope="session")
def paths(site: Site, chrome: Browser) -> dict[str, str]:
    """One page of each kind, and those of workflows that are hard to show."""
    context = chrome.new_context(base_url=site.origin, storage_state=site.state)
    found = kinds_of_pages(site, context.new_page())
    context.close()
    for workflow in HEAVY:
        run = site.api.get("/api/v1/runs", params={"workflow": workflow}).json()["items"][0]["run"]
        found[workflow], found[f"a run of {workflow}"] = f"/workflows/{workflow}", f"/runs/{run}"
    found["a run's action with items"] = f"{found['a run of loops']}/action?place=each"
    found["a run's action with attempts"] = f"{found['a run of every-state']}/action?place=tried-again-and-again"
    return found


def test_pages_are_found(paths: dict[str, str]) -> None:
    """The walk reaches what it is for."""
    assert {"/", "/runs", "/settings/secrets", "/settings/secrets/*", "/api"} <= paths.keys()


def test_nothing_keeps_people_from_using_them(open_page: OpenPage, paths: dict[str, str]) -> None:
    """axe finds no violation of WCAG 2.2 AA; in the dark only colours are others."""
    page = open_page()
    broken = {}
    for kind, path in paths.items():
        if kind == f"a run of {LONG}":
            continue  # the same page as the others, and half a minute for axe
        page.goto(path)
        context = FIRST_ONES if kind == LONG else None
        found = Axe().run(page, context=context, options=WCAG).response["violations"]
        page.emulate_media(color_scheme="dark")
        found += Axe().run(page, context=context, options=COLOURS).response["violations"]
        page.emulate_media(color_scheme="light")
        if found:
            broken[kind] = [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found]

    assert not broken


@pytest.mark.parametrize("script", ["scripts", ""])
def test_a_phone_shows_them_without_sideways_scrolling(open_page: OpenPage, paths: dict[str, str], script: str) -> None:
    """At 360 px, with scripts and without."""
    page = open_page(width=PHONE, script=bool(script))
    wide = {}
    for kind, path in paths.items():
        page.goto(path)
        assert page.get_by_role("heading", level=1).count() == 1, kind
        width = page.locator("html").bounding_box()
        assert width is not None
        if script and (scroll := page.evaluate("document.documentElement.scrollWidth")) > PHONE:
            wide[kind] = scroll

    assert not wide


def test_the_first_page_is_light_and_the_next_ones_lighter(open_page: OpenPage, paths: dict[str, str]) -> None:
    """Bytes over the wire and requests until a page is loaded; what lies in the cache is neither."""
    page = open_page()
    wire = page.context.new_cdp_session(page)
    sizes: list[int] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    wire.send("Network.enable")
    figures = {}
    for kind, path in [("first", "/"), *paths.items()]:
        sizes.clear()
        page.goto(path, wait_until="load")
        figures[kind] = (sum(sizes), len([size for size in sizes if size]))
    print(figures)  # noqa: T201  shown with -s, and where it fails

    assert figures.pop("first") <= (FIRST_PAGE, REQUESTS)
    assert {kind: figure for kind, figure in figures.items() if figure[0] > NEXT_PAGE or figure[1] > REQUESTS} == {}
