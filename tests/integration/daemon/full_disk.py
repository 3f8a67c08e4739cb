"""
A daemon's pieces on a disk that refuses: `python -m tests.integration.daemon.full_disk FOLDER`.

The kernel refuses (RLIMIT_FSIZE 0: no file of this process takes a byte), so this is a process of its own, and needs no
root. It ends with status 0 where everything held; what it cannot say in an assertion the test reads from the store.
"""

import os
import resource
import sys
from pathlib import Path

import anyio
import httpx

from runner.client import control_sockets
from runner.daemon.service import Service, open_service
from runner.engine.admission import Submission
from runner.errors import StoreDegradedError
from runner.ports import RunFilter
from runner.settings import load

PATIENCE = 20.0
LATE = 5


def allow(size: int) -> None:
    """Let files of this process grow to `size` bytes; -1: as far as they like."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, -1))


async def refused(service: Service) -> None:
    """Come back when a run is not accepted, since the disk refuses."""
    while True:
        try:
            await service.engine.dispatcher.submit(Submission(workflow="now"))
        except StoreDegradedError:
            return


async def accepted(service: Service) -> None:
    """Come back when a run is accepted again."""
    while True:
        try:
            await service.engine.dispatcher.submit(Submission(workflow="now"))
        except StoreDegradedError:
            await anyio.sleep(0.02)
        else:
            return


async def late(service: Service) -> list[str]:
    """Runs that end by themselves in a moment."""
    submit = service.engine.dispatcher.submit
    return [(await submit(Submission(workflow="late"))).run for _ in range(LATE)]


async def answers(service: Service, folder: Path) -> tuple[int, int, int]:
    """The statuses of /readyz, of /healthz and of a command that asks for a run."""
    base = f"http://127.0.0.1:{service.ports[0]}"
    transport = httpx.AsyncHTTPTransport(uds=str(control_sockets(folder / "data" / "runner.db", os.environ)[0]))
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        httpx.AsyncClient(transport=transport, base_url="http://runner", trust_env=False) as control,
    ):
        ready, healthy = await http.get(f"{base}/readyz"), await http.get(f"{base}/healthz")
        asked = await control.post("/run", json={"name": "now"})
        return ready.status_code, healthy.status_code, asked.status_code


async def main(folder: Path) -> None:
    """Refuse, look, mend, see that what waited is written; refuse again and stop."""
    loaded = load(folder / "config.toml", {})
    with anyio.fail_after(60):
        async with open_service(loaded, dashboard=False) as service:
            runs = await late(service)
            allow(0)
            await refused(service)
            seen = await answers(service, folder)
            assert seen == (503, 200, 503), seen
            rows = {row.id: row.state for row in await service.store.find(RunFilter(limit=100))}
            assert {rows[run] for run in runs} <= {"running", "queued"}, "lists answer all the same"
            with anyio.fail_after(PATIENCE):
                while (await service.store.sizes()).waiting < 1:  # noqa: ASYNC110  a thread of the store's counts them
                    await anyio.sleep(0.02)
            assert service.store.degraded

            allow(-1)
            with anyio.fail_after(PATIENCE):
                await accepted(service)
                assert await answers(service, folder) == (200, 200, 200)
                ended = [await service.engine.dispatcher.wait(run) for run in runs]
            assert {row.state for row in ended} == {"succeeded"}, "an outcome that waited is written"

            await late(service)
            allow(0)
            await refused(service)
            await service.engine.dispatcher.drain(1.0)
        allow(-1)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
