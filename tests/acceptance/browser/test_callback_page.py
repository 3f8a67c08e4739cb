"""The page on which somebody answers a callback, in a real Chromium: for everybody, on a phone, in the dark, without scripts."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.browser.conftest import DESKTOP, PHONE, Scheme, wait_until, watch
from tests.acceptance.browser.test_every_page import WCAG
from tests.acceptance.conftest import Daemon, Installation
from tests.markup import wrong

ASKS = """
description: Refunds want somebody's approval.
triggers: [{type: http, config: {path: /asks, auth: none}}]
actions:
  - id: table
    type: sql
    config: {connection_string: "sqlite://./data/files/mail.db", query: "create table if not exists letters (run text, address text)"}
  - id: mail
    type: sql
    config: {connection_string: "sqlite://./data/files/mail.db", query: "insert into letters values ($run.id, $run.callback.approval)"}
  - id: approval
    type: wait
    description: May order 4711-with-a-name-that-is-so-long-that-no-phone-has-room-for-it-on-a-single-line be paid back?
    timeout: 3d
    config:
      callback:
        approved: {type: boolean, description: "Pay it?"}
        method: {type: string, enum: [bank, card, a-voucher-that-counts-in-every-shop-of-the-country], default: card}
        days: {type: integer, default: 5, description: Until when}
        share: {type: number, default: 0.5}
        pin: {type: string, secret: true, default: none-at-all}
        note: {type: string, default: ""}
        more: {type: object, default: {}}
output: $action.approval
"""


class Mail:
    """A daemon whose runs ask, and what they sent."""

    def __init__(self, installation: Installation, daemon: Daemon) -> None:
        self.installation = installation
        self.daemon = daemon

    def address(self) -> str:
        """That of a new question."""
        origin = f"http://127.0.0.1:{self.daemon.port}"
        run = httpx.post(f"{origin}/asks").json()["run"]
        wait_until(lambda: self._sent(run) is not None)
        return f"{origin}{httpx.URL(str(self._sent(run))).path}"

    def _sent(self, run: str) -> str | None:
        path = self.installation.folder / "data" / "files" / "mail.db"
        if not path.exists():
            return None
        with closing(sqlite3.connect(path)) as database:
            if not database.execute("select 1 from sqlite_master where name = 'letters'").fetchone():
                return None
            found: tuple[str] | None = database.execute("select address from letters where run = ?", (run,)).fetchone()
        return found[0] if found else None


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mail]:
    """For all tests of this page."""
    installation = Installation(tmp_path_factory.mktemp("mail"))
    (installation.folder / "data" / "files").mkdir(parents=True, exist_ok=True)
    installation.write("asks.yaml", ASKS)
    with installation.daemon() as daemon:
        yield Mail(installation, daemon)


@pytest.fixture(params=["light", "dark", "phone", "dark phone", "no scripts"])
def page(request: pytest.FixtureRequest, chrome: Browser, mail: Mail) -> Iterator[Page]:
    """Looked at in each way; nothing else is asked for and nothing of the policy is broken."""
    scheme: Scheme = "dark" if "dark" in request.param else "light"
    width = PHONE if "phone" in request.param else DESKTOP
    wrong: list[str] = []
    with ExitStack() as stack:
        context = chrome.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": 800},
            java_script_enabled=request.param != "no scripts",
        )
        stack.enter_context(closing(context))
        context.set_default_timeout(15_000)
        watch(context, f"http://127.0.0.1:{mail.daemon.port}", wrong)
        yield context.new_page()
    # Chromium writes the status of a page that says 422 or 410 to its console, and that alone is allowed here
    assert [each for each in wrong if "status of 4" not in each] == []


def found(page: Page, *, has_scripts: bool) -> list[Any]:
    """What keeps somebody from using it: axe's violations, and sideways scrolling."""
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.title()
    if not has_scripts:
        return []
    size = page.viewport_size
    assert size is not None
    wide = page.evaluate("document.documentElement.scrollWidth") > size["width"]
    violations = Axe().run(page, options=WCAG).response["violations"]
    return [each["id"] for each in violations] + ["sideways"] * wide


def test_an_answer_from_the_question_to_thank_you(page: Page, mail: Mail, request: pytest.FixtureRequest) -> None:
    """Each field by its label; what does not fit comes back beside its field; then thanks, and after that no form."""
    has_scripts = "no scripts" not in request.node.name
    address = mail.address()
    wrong = {}
    page.goto(address)
    wrong["question"] = found(page, has_scripts=has_scripts)
    for label in ("days", "share", "pin", "note", "more"):
        expect(page.get_by_label(label)).to_be_visible()
    page.get_by_label("Yes").check()
    page.get_by_label("days").fill("many")
    page.get_by_label("note").fill("as agreed")
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_role("alert")).to_be_visible()
    wrong["errors"] = found(page, has_scripts=has_scripts)
    expect(page.get_by_label("days")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("days")).to_have_accessible_description(
        re.compile("^Until when .* a whole number .*wants an integer")
    )
    expect(page.get_by_label("note")).to_have_value("as agreed")
    expect(page.get_by_label("Yes")).to_be_checked()
    page.get_by_label("days").fill("7")
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")
    wrong["thanks"] = found(page, has_scripts=has_scripts)
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing to answer here")
    wrong["over"] = found(page, has_scripts=has_scripts)
    page.goto(address + "x")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    wrong["nothing"] = found(page, has_scripts=has_scripts)

    assert {name: each for name, each in wrong.items() if each} == {}


def test_its_markup_is_whole(mail: Mail) -> None:
    """A parser of the standard's finds no error, every id stands once, whatever points at one finds it: each page there is."""
    address = mail.address()
    html = {"accept": "text/html"}
    pages = [
        httpx.get(address, headers=html),
        httpx.post(address, headers=html, data={"approved": "perhaps", "days": "many", "more": "["}),
        httpx.post(address, headers=html, data={"approved": "true", "method": "", "days": "", "pin": ""}),
        httpx.get(address, headers=html),
        httpx.get(address + "x", headers=html),
    ]

    assert [page.status_code for page in pages] == [200, 422, 200, 410, 404]
    assert all(page.text.startswith('<!doctype html>\n<html lang="en">') for page in pages)
    assert [wrong(page.text) for page in pages] == [[]] * 5
