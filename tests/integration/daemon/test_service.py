"""The daemon's pieces in this process: a thousand runs at once, what is resolved, the control socket."""

import os
import secrets
import socket
import subprocess
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from time import monotonic

import anyio
import asyncpg
import pytest
from aiohttp import web

from runner.client import connect, control_sockets
from runner.daemon.service import Service, open_service
from runner.engine.admission import Submission
from runner.errors import RefusedError, SettingsError, StoreLockedError
from runner.events import Ended
from runner.expressions.labels import Labelled
from runner.ports import RunFilter
from runner.secrets.keys import new_master_key
from runner.settings import load
from runner.web.asgi import is_own_user, listen_unix, make_runtime_folder, serve
from runner.web.health import health_app
from tests.conftest import OpenServer

RUNS = 1000

THREE = """
inputs: {{n: {{type: integer}}}}
actions:
  - id: fetch
    type: http
    config: {{method: POST, url: "{url}/double", body: {{n: $input.n}}}}
  - id: shape
    type: set
    config: {{n: $input.n, doubled: $action.fetch.body.doubled}}
  - id: keep
    type: sql
    config:
      connection_string: "{database}"
      query: insert into doubled (n, doubled) values ($action.shape.n, $action.shape.doubled)
output: $action.shape
"""

UNTAKEN = """
actions:
  - {{id: untaken, type: http, if: "false", config: {{url: "{url}", headers: {{X-Key: $secret.A_KEY}}}}}}
  - {{id: taken, type: http, config: {{url: "{url}", headers: {{X-Key: $secret.B_KEY}}}}}}
"""


async def double(request: web.Request) -> web.StreamResponse:
    """`{"n": 3}` → `{"doubled": 6}`."""
    asked = await request.json() if request.body_exists else {"n": 0}
    return web.json_response({"doubled": asked["n"] * 2})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Settings with a key, free ports, an empty workflows folder."""
    (tmp_path / "workflows").mkdir()
    (tmp_path / "config.toml").write_text(
        f'[server]\nport = 0\nhost = "127.0.0.1"\n[dashboard]\nmaster_key = "{new_master_key()}"\n[log]\nlevel = "error"\n'
    )
    (tmp_path / "config.toml").chmod(0o600)
    return tmp_path


@pytest.fixture
def open_here(folder: Path) -> "Opening":
    """Opens the service in this process, over what stands in the folder by then."""
    return Opening(folder)


class Opening:
    """`async with opening.service() as service`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loaded = load(folder / "config.toml", {})

    def service(self) -> AbstractAsyncContextManager[Service]:
        """The daemon, ready inside the block."""
        return open_service(self.loaded, dashboard=False)


async def test_a_thousand_runs_submitted_at_once_all_succeed(
    open_here: Opening, http_server: OpenServer, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of the database, journals and the list of runs agree on each of them."""
    server = await http_server(double)
    text = THREE.format(url=server.origin, database=postgres_url)
    (open_here.folder / "workflows" / "three.yaml").write_text(text)
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("drop table if exists doubled; create table doubled (n bigint, doubled bigint)")
        async with open_here.service() as service:
            await _reloaded(service, "three")
            runs: dict[int, str] = {}

            async def submit(n: int) -> None:
                admitted = await service.engine.dispatcher.submit(_submission(n))
                runs[n] = admitted.run

            began = monotonic()
            async with anyio.create_task_group() as tasks:
                for n in range(RUNS):
                    tasks.start_soon(submit, n)
            rows = [await service.engine.dispatcher.wait(run) for run in runs.values()]
            took = monotonic() - began
            journals = {n: await service.store.read(run) for n, run in runs.items()}
            counts = await service.store.counts()
            listed = await service.store.find(RunFilter(limit=RUNS + 1))
        stored = [tuple(row) for row in await connection.fetch("select n, doubled from doubled order by n")]
    finally:
        await connection.close()
    with capsys.disabled():
        print(f"\n{RUNS} runs of http, set, sql: {took:.1f} s, {RUNS / took:.0f} runs/s")  # noqa: T201  a figure

    assert {row.state for row in rows} == {"succeeded"}
    assert stored == [(n, n * 2) for n in range(RUNS)]
    assert dict(counts) == {"succeeded": RUNS}
    assert {row.id for row in listed} == set(runs.values())
    for n, journal in journals.items():
        events = [event for row in journal for event in row.events]
        assert sum(isinstance(event, Ended) for event in events) == 1
        ended = events[-1]
        assert isinstance(ended, Ended)
        assert ended.output is not None
        assert bytes(ended.output.json or b"") == b'{"n":%d,"doubled":%d}' % (n, n * 2)
        assert [row.seq for row in journal] == list(range(1, len(journal) + 1))


async def test_an_untaken_branch_resolves_nothing(open_here: Opening, http_server: OpenServer) -> None:
    """The vault counts one value handed out: that of the action which ran."""
    server = await http_server(double)
    (open_here.folder / "workflows" / "untaken.yaml").write_text(UNTAKEN.format(url=server.url("/")))
    async with open_here.service() as service:
        vault = service.vault
        assert vault is not None
        for name in ("A_KEY", "B_KEY"):
            await vault.set(name, f"value-of-{name}")
        await _reloaded(service, "untaken")
        admitted = await service.engine.dispatcher.submit(Submission(workflow="untaken"))
        row = await service.engine.dispatcher.wait(admitted.run)

        assert (row.state, vault.resolve_count) == ("succeeded", 1)
    assert [request.headers["x-key"] for request in server.requests] == ["value-of-B_KEY"]


async def test_two_services_on_one_store_are_refused(open_here: Opening) -> None:
    """The second names the process that holds the lock."""
    async with open_here.service():
        with pytest.raises(StoreLockedError, match="executes on this store"):
            async with open_here.service():
                pass


class TestControlSocket:
    async def test_it_is_private_and_answers_its_own_user(self, open_here: Opening) -> None:
        """0600 in a folder of 0700; gone when the daemon is."""
        (path,) = control_sockets(open_here.loaded.settings.sqlite.path, {})
        async with open_here.service():
            assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
            answer = await anyio.to_thread.run_sync(_ask, open_here, "/workflows")
            assert answer == []

        assert not path.exists()

    async def test_a_path_that_is_too_long_is_shortened(self, folder: Path, tmp_path: Path) -> None:
        """Into the runtime folder where there is one, else into a folder of the user's own; both ends agree."""
        database = folder / ("d" * 100) / "runner.db"
        first, second = control_sockets(database, {"XDG_RUNTIME_DIR": str(tmp_path)[:40]})
        (alone,) = control_sockets(database, {})

        assert all(len(str(path)) <= 100 for path in (first, second))
        assert alone == second
        assert first.name == second.name == "control"

    async def test_unknown_names_are_refused_as_by_the_daemon(self, open_here: Opening) -> None:
        """The client raises the error that the daemon answered."""
        async with open_here.service():
            with pytest.raises(RefusedError, match="there is no run 'abcdefgh'") as refused:
                await anyio.to_thread.run_sync(_ask, open_here, "/runs/abcdefgh")
        assert refused.value.reason == "unknown"

    async def test_a_peer_of_another_user_is_hung_up_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Before a byte of its request is read."""
        monkeypatch.setattr("runner.web.asgi.is_own_user", lambda connection: False)
        path = tmp_path / "run" / "control"
        make_runtime_folder(path.parent)
        with listen_unix(path) as listener:
            async with serve(health_app(list), listener):
                stream = await anyio.connect_unix(path)
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    await stream.receive()
                await stream.aclose()

    def test_who_the_peer_is_the_kernel_says(self) -> None:
        """A process of another user is told from one of ours; where we are not root there is only ours."""
        address = f"\0runner-test-{secrets.token_hex(8)}"
        connecting = "import socket, sys; socket.socket(socket.AF_UNIX).connect('\\0' + sys.argv[1]); input()"
        is_root = os.geteuid() == 0
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            with subprocess.Popen(
                ["/usr/bin/env", "python3", "-c", connecting, address[1:]],
                stdin=subprocess.PIPE,
                user=65534 if is_root else None,
            ) as peer:
                connection, _ = listener.accept()
                with connection:
                    assert is_own_user(connection) is not is_root
                peer.communicate(b"\n")

    def test_a_folder_open_to_others_is_refused(self, tmp_path: Path) -> None:
        """With the command that cures."""
        (tmp_path / "run").mkdir(mode=0o755)

        with pytest.raises(SettingsError, match=f"chmod 700 {tmp_path / 'run'}"):
            make_runtime_folder(tmp_path / "run")

    def test_a_socket_left_behind_is_replaced(self, tmp_path: Path) -> None:
        """One that somebody answers at is not."""
        path = tmp_path / "control"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        with listen_unix(path), pytest.raises(StoreLockedError, match="another daemon answers"):
            listen_unix(path)

    def test_no_daemon_is_none(self, open_here: Opening) -> None:
        """Neither an error nor a wait."""
        with connect(open_here.loaded.settings.sqlite.path, {}) as daemon:
            assert daemon is None


def _ask(opening: Opening, path: str) -> list[bytes]:
    with connect(opening.loaded.settings.sqlite.path, {}) as daemon:
        assert daemon is not None
        return list(daemon.lines("GET", path))


def _submission(n: int) -> Submission:
    return Submission(workflow="three", inputs=Labelled({"n": n}))


async def _reloaded(service: Service, name: str) -> None:
    """Once the catalog holds a file that was written just before the start."""
    with anyio.fail_after(30):
        while service.catalogs.find(name) is None:  # noqa: ASYNC110  a catalog has nobody to signal to but the engine
            await anyio.sleep(0.02)
