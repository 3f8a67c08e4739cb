"""
What people come for, from the start page, counted in clicks against the bars of the pages' design.

Each task is done by mouse, by the keyboard alone, on a phone, in the dark and without scripts.
"""

import re
from typing import Any, Final

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.acceptance.browser.conftest import PHONE, OpenPage, Site

MOST_TABS = 300


class Hand:
    """Does with a mouse what a test says, and counts the clicks."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0
        page.goto("/")

    def click(self, target: Locator) -> None:
        """One more click."""
        self.clicks += 1
        target.click()

    def fill(self, target: Locator, text: str) -> None:
        """Write into a field; no click is counted, as its form is one thing to do."""
        target.fill(text)


class Keys(Hand):
    """The same with Tab, Enter and letters; what has the focus shows it."""

    def click(self, target: Locator) -> None:
        self.clicks += 1
        self._reach(target)
        self.page.keyboard.press("Enter")

    def fill(self, target: Locator, text: str) -> None:
        self._reach(target)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def _reach(self, target: Locator) -> None:
        expect(target).to_be_visible()
        for _ in range(MOST_TABS):
            if target.evaluate("each => each === document.activeElement"):
                outline = target.evaluate("each => getComputedStyle(each).outlineStyle")
                assert outline != "none", "what has the focus does not show it"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not come to {target}")


WAYS: Final[dict[str, tuple[type[Hand], dict[str, Any]]]] = {
    "mouse": (Hand, {}),
    "keys": (Keys, {}),
    "phone": (Hand, {"width": PHONE}),
    "dark": (Hand, {"scheme": "dark"}),
    "no scripts": (Hand, {"script": False}),
}


@pytest.fixture(params=WAYS)
def hand(request: pytest.FixtureRequest, open_page: OpenPage) -> Hand:
    """On the start page, in each way."""
    kind, look = WAYS[request.param]
    return kind(open_page(**look))


@pytest.fixture
def way(request: pytest.FixtureRequest) -> str:
    """A name for what this test makes, which no other makes."""
    return str(request.node.callspec.params["hand"]).replace(" ", "_").upper()


def row_of(page: Page, workflow: str) -> Locator:
    """Its row on the start page."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=workflow, exact=True))


def test_why_the_last_run_failed(hand: Hand) -> None:
    """At most two clicks: its reason, and the action where it ended."""
    hand.click(row_of(hand.page, "fetch-orders").get_by_role("link", name="Failed at fetch"))

    expect(hand.page.get_by_role("alert")).to_contain_text("fetch failed")
    assert hand.clicks <= 2


def test_rerun_from_the_action_that_failed(hand: Hand) -> None:
    """At most three clicks; it runs again and fails there again."""
    hand.click(row_of(hand.page, "fetch-orders").get_by_role("link", name="Failed at fetch"))
    hand.click(hand.page.get_by_role("button", name="Rerun from fetch"))

    expect(hand.page.get_by_text("was run again").first).to_be_visible()
    assert hand.clicks <= 3


def test_add_a_secret(hand: Hand, site: Site, way: str) -> None:
    """At most three clicks and one form; its value is on no page after that."""
    hand.click(hand.page.get_by_role("navigation").get_by_role("link", name="Secrets"))
    hand.click(hand.page.get_by_role("link", name="Add Secret", exact=True))
    hand.fill(hand.page.get_by_label("Name"), f"ADDED_{way}")
    hand.fill(hand.page.get_by_label("Value", exact=True), f"canary-of-{way}-0001")
    hand.click(hand.page.get_by_role("button", name="Add Secret"))

    expect(hand.page.get_by_text(f"ADDED_{way}").first).to_be_visible()
    assert hand.clicks <= 3
    assert f"canary-of-{way}" not in hand.page.content()
    assert site.api.get(f"/api/v1/secrets/ADDED_{way}").json()["version"] == 1


def test_who_uses_a_secret(hand: Hand) -> None:
    """One click beyond Secrets: the workflow and its action."""
    hand.click(hand.page.get_by_role("navigation").get_by_role("link", name="Secrets"))
    hand.click(hand.page.get_by_role("link", name="API_KEY", exact=True))

    expect(hand.page.get_by_role("link", name="with-secret:call")).to_be_visible()
    assert hand.clicks <= 2


def test_when_it_fires_next(hand: Hand) -> None:
    """No click: it stands on the start page, with the exact time in UTC."""
    when = row_of(hand.page, "greet").locator("[data-label=Next] time")

    expect(when).to_have_attribute("datetime", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z"))
    assert hand.clicks == 0


def test_start_with_inputs(hand: Hand, way: str) -> None:
    """At most three clicks: the run greets whom the form named."""
    hand.click(hand.page.get_by_role("link", name="Run greet"))
    hand.fill(hand.page.get_by_label("who"), f"Ada {way}")
    hand.click(hand.page.get_by_role("button", name="Run greet"))

    expect(hand.page.get_by_role("heading", level=1)).to_contain_text("greet")
    assert hand.clicks <= 3


def test_follow_a_run(hand: Hand, site: Site) -> None:
    """At most two clicks from the start page: it is running, and there is what ends it."""
    hand.click(hand.page.get_by_role("button", name="Run nightly-report"))

    expect(hand.page.get_by_role("button", name="Cancel the run")).to_be_visible()
    assert hand.clicks <= 2
    run = hand.page.url.rpartition("/")[2]
    assert site.api.post(f"/api/v1/runs/{run}/cancel", json={}).is_success


def test_a_page_that_is_looked_at_follows_its_run(page: Page, site: Site) -> None:
    """Without a click or a reload: the button that would end it goes when it has ended."""
    run = site.start("nightly-report", wait=False)
    page.goto(f"/runs/{run}")
    expect(page.get_by_role("button", name="Cancel the run")).to_be_visible()

    assert site.api.post(f"/api/v1/runs/{run}/cancel", json={}).is_success

    expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Cancel the run")).to_have_count(0)


@pytest.mark.parametrize(("keys", "path"), [("g r", "/runs"), ("g w", "/"), ("g s", "/settings/secrets")])
def test_two_letters_lead_to_a_place(page: Page, keys: str, path: str) -> None:
    """From any page, where no field has the focus."""
    page.goto("/api")
    for key in keys.split():
        page.keyboard.press(key)

    page.wait_for_url(path)


def test_a_question_mark_tells_the_keys(page: Page) -> None:
    """In a dialog that Escape closes."""
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_slash_leads_to_the_search(page: Page) -> None:
    """What is typed then stands in the field."""
    page.goto("/runs")
    page.keyboard.press("/")
    page.keyboard.type("orders")

    expect(page.locator("input:focus")).to_have_value("orders")
