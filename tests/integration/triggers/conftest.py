"""
A daemon in this process with workflows of the test's own, and a client of its port 8080.

    async with triggers(orders="…yaml…") as port:
        answer = await port.post("/orders", json={"n": 1})
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import msgspec
import pytest

from runner.clock import SystemClock
from runner.daemon.service import Service, open_service
from runner.ports import RunFilter, RunRow
from runner.secrets.keys import new_master_key
from runner.settings import load

PATIENCE = 30.0

Written = Callable[..., AbstractAsyncContextManager["Port"]]


class Port:
    """The port, the daemon behind it, and the folder that it watches."""

    def __init__(self, service: Service, client: httpx.AsyncClient, folder: Path) -> None:
        self.service = service
        self.client = client
        self.folder = folder
        self.number = service.ports[0]

    async def post(self, path: str, **more: Any) -> httpx.Response:
        """A POST."""
        return await self.client.post(path, **more)

    async def rows(self) -> list[RunRow]:
        """Every run there is, newest first."""
        return list(await self.service.store.find(RunFilter(limit=10_000)))

    async def ended(self, answer: httpx.Response) -> RunRow:
        """The run that a 202 names, once it has ended."""
        assert answer.status_code == 202, answer.text
        with anyio.fail_after(PATIENCE):
            return await self.service.engine.dispatcher.wait(answer.json()["run"])

    async def output(self, answer: httpx.Response) -> Any:
        """Its output."""
        row = await self.ended(answer)
        assert row.state == "succeeded", row.error
        return msgspec.json.decode(row.output or b"null")

    def write(self, name: str, text: str) -> None:
        """Put a file into the folder as a whole."""
        made = self.folder / "workflows" / f".{name}.new"
        made.write_text(text)
        made.replace(self.folder / "workflows" / f"{name}.yaml")

    async def until(self, holds: Callable[[], bool]) -> None:
        """Come back when the catalog has become what is asked for."""
        with anyio.fail_after(PATIENCE):
            while not holds():  # noqa: ASYNC110  a file counts once it stood still: nobody tells when
                await anyio.sleep(0.05)


@pytest.fixture
def triggers(tmp_path: Path) -> Written:
    """Opens a daemon over the files given by name; secrets come as RUNNER-free environment variables by `environ`."""

    @asynccontextmanager
    async def opened(*, environ: Mapping[str, str] | None = None, **files: str) -> AsyncIterator[Port]:
        (tmp_path / "workflows").mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / "workflows" / f"{name}.yaml").write_text(text)
        config = tmp_path / "config.toml"
        if not config.exists():
            config.write_text(
                '[server]\nport = 0\nhost = "127.0.0.1"\n'
                f'[dashboard]\nmaster_key = "{new_master_key()}"\n[log]\nlevel = "error"\n'
            )
            config.chmod(0o600)
        os.environ.update(environ or {})
        try:
            async with open_service(load(config, {}), dashboard=False) as service:
                base = f"http://127.0.0.1:{service.ports[0]}"
                async with httpx.AsyncClient(base_url=base, timeout=PATIENCE) as client:
                    port = Port(service, client, tmp_path)
                    wanted = len(files)
                    await port.until(lambda: service.catalogs.count + service.catalogs.broken_count >= wanted)
                    yield port
        finally:
            for name in environ or {}:
                del os.environ[name]

    return opened


@pytest.fixture
def wall() -> float:
    """Now, in seconds."""
    return SystemClock().wall()
