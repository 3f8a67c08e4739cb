"""A whole daemon in this process with its dashboard's port open, and clients of it: a browser, a program, a stranger."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from anyio.lowlevel import checkpoint

from runner.accounts.accounts import Accounts, open_accounts
from runner.accounts.credentials import SCOPES
from runner.accounts.rows import accounts_path
from runner.clock import SystemClock
from runner.daemon.service import Service, open_service
from runner.events import Ended, Parked
from runner.secrets.keys import new_master_key
from runner.settings import load

PASSWORD = "ninety red balloons"
"""Of the administrator, in these tests alone."""

CHEAP_KIB = 256
"""What its hash takes here: 64 MiB and 0.2 s of both cores for each one who signs in is no part of what is tested."""


class Portal:
    """The port of a running daemon. Clients say nothing that they were not asked to say; none follows redirects."""

    def __init__(self, service: Service, folder: Path, accounts: Accounts) -> None:
        self.service = service
        self.folder = folder
        self.accounts = accounts
        """The same file, as `runner tokens` opens it; a password that it takes costs next to nothing to look at."""
        assert service.pages is not None
        self.services = service.pages
        """What the pages and the API are given."""
        self.origin = f"http://127.0.0.1:{service.ports[1]}"

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody of whom nothing is known."""
        async with httpx.AsyncClient(base_url=self.origin, trust_env=False, timeout=20) as client:
            yield client

    @asynccontextmanager
    async def program(self, *scopes: str, name: str = "") -> AsyncIterator[httpx.AsyncClient]:
        """A program with a token of these scopes."""
        name = name or "-".join(scopes)
        await self.accounts.revoke_token(name, by="test")
        token = await self.accounts.make_token(name, scopes, by="test")
        async with self.stranger() as client:
            client.headers["authorization"] = f"Bearer {token}"
            yield client

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        """A person who signed in, on pages of this site."""
        async with self.stranger() as client:
            client.headers["origin"] = self.origin
            if not await self.accounts.has_password():
                token = (self.folder / "data" / "setup-token").read_text().strip()
                await self.accounts.set_up(token, PASSWORD, "127.0.0.1")
            done = await client.post("/login", data={"password": PASSWORD})
            assert done.status_code == 303, done.text
            yield client


def form_token(page: str) -> str:
    """The hidden field of the forms of a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found, page
    return found[1]


async def loaded(portal: Portal, **workflows: str) -> None:
    """These workflows are in the folder, and loaded."""
    for name, text in workflows.items():
        (portal.folder / "workflows" / f"{name}.yaml").write_text(text)
    states: dict[str, str] = {}
    while not set(workflows) <= set(states):
        await checkpoint()  # the watcher is in this process
        states = {each["name"]: each["state"] for each in await portal.services.workflows()}
    assert {states[name] for name in workflows} == {"ok"}


async def started(portal: Portal, workflow: str, **inputs: object) -> str:
    """The id of a run that was started, once it has ended, waits or is queued."""
    with portal.services.news.watch() as watch:
        admitted = await portal.services.running.submit(workflow, inputs, None, dedupe=None, dedupe_until=None)
        watch.narrow(admitted.run)
        if admitted.verdict == "running":
            async for event in watch:
                if isinstance(event, Ended):
                    await portal.service.engine.dispatcher.wait(admitted.run)
                if isinstance(event, Ended | Parked):
                    break
    portal.service.engine.dispatcher.hand_over(admitted.run)
    return admitted.run


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Portal]:
    """A daemon with a master key and an empty workflows folder; its password is not set yet."""
    async with open_portal(tmp_path) as portal:
        yield portal


@pytest.fixture(scope="module")
async def program_of_everything(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A program with every scope of a daemon that has the workflow `hello`, for many tests that change nothing."""
    folder = tmp_path_factory.mktemp("portal")
    (folder / "workflows").mkdir()
    (folder / "workflows" / "hello.yaml").write_text(
        "inputs: {n: {type: integer}}\nactions: [{id: a, type: set, config: {n: $input.n}}]\n"
    )
    async with open_portal(folder) as portal, portal.program(*SCOPES, name="everything") as program:
        while (await program.get("/api/v1/workflows/hello")).status_code != 200:
            pass
        yield program


@asynccontextmanager
async def open_portal(tmp_path: Path, *, has_vault: bool = True) -> AsyncIterator[Portal]:
    """A daemon in this folder."""
    (tmp_path / "workflows").mkdir(exist_ok=True)
    config = tmp_path / "config.toml"
    config.write_text(
        '[server]\nport = 0\nhost = "127.0.0.1"\n[log]\nlevel = "error"\n[dashboard]\nport = 0\n'
        + (f'master_key = "{new_master_key()}"\n' if has_vault else "")
    )
    config.chmod(0o600)
    loaded = load(config, {})
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(loaded, dashboard=True))
        accounts = await stack.enter_async_context(
            open_accounts(accounts_path(loaded.settings.sqlite.path), SystemClock(), memory_kib=CHEAP_KIB)
        )
        yield Portal(service, tmp_path, accounts)
