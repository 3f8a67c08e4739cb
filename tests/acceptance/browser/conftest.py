"""
The dashboard as a person sees it: a real daemon, a real Chromium, a world of workflows and runs in every state.

    site    the daemon and what is in it; one a test process, so that a test leaves what others look at as it was
    page    a page of somebody who signed in; what it asked of other hosts or broke of its policy fails the test
    open_page(scheme="dark", width=360, script=False)    the same, looked at in another way

Nothing of Runner is imported here.
"""

import asyncio
import json
import os
import re
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, StorageState, sync_playwright

from tests.acceptance.conftest import Installation
from tests.services import chromium

PASSWORD = "ninety red balloons"
"""Of the administrator, in these tests alone."""
WORKFLOWS = Path(__file__).with_name("workflows")
DESKTOP, PHONE = 1280, 360
Scheme = Literal["light", "dark"]


_loops: list[asyncio.AbstractEventLoop | None] = [None]
"""Playwright's, which it leaves running in its process: under it no asynchronous test can run."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Playwright's loop runs during the tests of this folder alone."""
    if not item.path.is_relative_to(Path(__file__).parent):
        return (yield)
    asyncio._set_running_loop(_loops.pop())
    try:
        return (yield)
    finally:
        _loops.append(asyncio._get_running_loop())
        asyncio._set_running_loop(None)


class Site:
    """A daemon with its dashboard, and a program that may do everything on it."""

    def __init__(self, installation: Installation, origin: str, port: int, api: httpx.Client) -> None:
        self.installation = installation
        self.origin = origin
        self.port = port
        """Of triggers."""
        self.api = api
        self.state: StorageState | None = None
        """The cookies of whoever signed in."""

    def start(self, workflow: str, inputs: Any = None, *, wait: bool = True) -> str:
        """A run of it, once it has ended; its id."""
        headers = {"prefer": "wait=20"} if wait else {}
        answer = self.api.post(f"/api/v1/workflows/{workflow}/runs", json={"inputs": inputs or {}}, headers=headers)
        assert answer.is_success, answer.text
        return str(answer.json()["run"])

    def sign_in(self, page: Page) -> None:
        """By the form at /login."""
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()


@contextmanager
def open_chrome() -> Iterator[Browser]:
    """A Chromium without a window."""
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.program(), args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    """One a test process."""
    with open_chrome() as browser:
        loop = asyncio.get_running_loop()
        yield browser
        asyncio._set_running_loop(loop)


@contextmanager
def opened_site(folder: Path, chrome: Browser) -> Iterator[Site]:
    """A daemon that is set up, empty; somebody signed in."""
    installation = Installation(folder)
    with installation.daemon("--dashboard") as daemon, ExitStack() as stack:
        origin = f"http://127.0.0.1:{daemon.wait_for('ready')['dashboard_port']}"
        made = installation.run("tokens", "create", "tests", "--scope", "read,run,secrets,admin", "--json", check=True)
        api = stack.enter_context(httpx.Client(base_url=origin, timeout=30, trust_env=False))
        api.headers["authorization"] = f"Bearer {json.loads(made.stdout)['token']}"
        site = Site(installation, origin, daemon.port, api)
        with closing(chrome.new_context(base_url=origin)) as context:
            page = context.new_page()
            page.goto("/")
            page.get_by_label("Setup token").fill((folder / "data" / "setup-token").read_text().strip())
            page.get_by_label("New password").fill(PASSWORD)
            page.get_by_label("Once more").fill(PASSWORD)
            page.get_by_role("button", name="Set the password").click()
            site.sign_in(page)
            page.wait_for_url("/")
            site.state = context.storage_state()
        yield site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, chrome: Browser) -> Iterator[Site]:
    """Workflows of `workflows/`, a secret, and a run in each state."""
    with opened_site(tmp_path_factory.mktemp("site"), chrome) as site, socket.create_server(("127.0.0.1", 0)) as silent:
        fill(site, silent)
        yield site


def fill(site: Site, silent: socket.socket) -> None:
    """Files first, then runs of them; `silent` takes connections and answers none, so that an action goes on until it is closed."""
    site.installation.set_secret("API_KEY", "canary-of-the-browser-tests")
    for file in WORKFLOWS.iterdir():
        site.installation.write(file.name, file.read_text())
    names = {file.stem for file in WORKFLOWS.iterdir()} - {"broken"}
    wait_until(lambda: names <= {row["name"] for row in site.api.get("/api/v1/workflows").json()["items"]})
    site.start("greet", {"who": "Ada", "times": 2})
    site.start("fetch-orders")
    site.start("loops", {"items": list(range(300))})
    site.start("nested")
    site.start("with-secret")
    site.start("nightly-report", wait=False)
    site.start("approve", wait=False)
    site.start("two-hundred")
    hanging = {"address": f"http://127.0.0.1:{silent.getsockname()[1]}/"}
    ended = [site.start("nightly-report", wait=False), site.start("every-state", hanging, wait=False)]
    site.start("every-state", hanging, wait=False)
    for run in ended:
        assert site.api.post(f"/api/v1/runs/{run}/cancel", json={}).is_success


def wait_until(is_so: Callable[[], bool]) -> None:
    """Asks until it is; the suite's time limit ends what never is."""
    while not is_so():
        threading.Event().wait(0.05)


class OpenPage(Protocol):
    """What the fixture `open_page` is."""

    def __call__(
        self, *, scheme: Scheme = "light", width: int = DESKTOP, script: bool = True, of: Site | None = None
    ) -> Page:
        """A page of somebody who is signed in."""


@pytest.fixture
def open_page(chrome: Browser, site: Site) -> Iterator[OpenPage]:
    """Opens pages; at the end none of them has asked another host, broken its policy or written an error."""
    with ExitStack() as stack:
        wrong: list[str] = []

        def opened(
            *, scheme: Scheme = "light", width: int = DESKTOP, script: bool = True, of: Site | None = None
        ) -> Page:
            where = of or site
            context = chrome.new_context(
                base_url=where.origin,
                storage_state=where.state,
                color_scheme=scheme,
                viewport={"width": width, "height": 800},
                java_script_enabled=script,
            )
            stack.enter_context(closing(context))
            context.set_default_timeout(15_000)
            watch(context, where.origin, wrong)
            return context.new_page()

        yield opened
    assert not wrong


def watch(context: BrowserContext, origin: str, wrong: list[str]) -> None:
    """Note requests to other hosts, and what Chromium says on its console: a broken policy, a script's error."""

    def asked(request: Request) -> None:
        if not request.url.startswith((origin, "data:")):
            wrong.append(request.url)

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(message.text)

    context.on("request", asked)
    context.on("console", said)
    context.on("weberror", lambda error: wrong.append(str(error.error)))


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """On a desktop, in the light."""
    return open_page()


KINDS: Final = re.compile(
    r"(?<=/)(?:[0-9a-z]{26}|(?<=/runs/)[^/?#]+|(?<=/workflows/)[^/?#]+|(?<=/secrets/)[A-Z][A-Z0-9_]*)"
)
"""What stands for one thing of many in an address: pages that differ in nothing else are of one kind."""


def kinds_of_pages(site: Site, page: Page) -> dict[str, str]:
    """One page of each kind that a link leads to from the start page, by its kind: `{"/runs/*": "/runs/01m…"}`."""
    found: dict[str, str] = {}
    left = ["/"]
    while left:
        path = left.pop(0)
        kind = KINDS.sub("*", path.partition("#")[0].partition("?")[0])
        if kind in found:
            continue
        answer = page.goto(path)
        assert answer is not None
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        assert answer.ok, f"a link leads to {path}, which answers {answer.status}"
        found[kind] = path
        left += page.locator("a[href^='/']").evaluate_all("links => links.map(each => each.getAttribute('href'))")
    return found
