"""
What changes in the vault while a daemon runs: seen by the next action, gone from the disk, opened by one key only.

The test's own process is the other one that has the vault open.
"""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import anyio
import httpx

from runner.clock import SystemClock
from runner.secrets.keys import new_master_key, parse
from runner.secrets.vault import Vault, open_vault
from tests.acceptance.conftest import Installation
from tests.acceptance.leaks.peer import Peer
from tests.conftest import OpenServer
from tests.integration.secrets.disk import every_byte, hashes

CHANGES = 100
ASKS = """
triggers: [{{type: http, config: {{path: /ask, auth: none, respond: result}}}}]
actions: [{{id: a, type: http, config: {{url: "{url}", headers: {{X-Canary: $secret.CHANGING}}}}}}]
output: $action.a.status
"""


def key_of(installation: Installation) -> str:
    """The master key that init wrote."""
    found = re.search(r'^master_key = "(.+)"$', (installation.folder / "config.toml").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


@asynccontextmanager
async def opened(installation: Installation) -> AsyncIterator[Vault]:
    """The vault, in this process."""
    async with open_vault(
        installation.folder / "data" / "runner.db", parse(key_of(installation)), clock=SystemClock()
    ) as vault:
        yield vault


async def test_each_of_a_hundred_changes_counts_from_the_next_action_on(
    installation: Installation, http_server: OpenServer
) -> None:
    """Set by another process while runs come in without a pause; the run asked for after a change has the new value."""
    peer = Peer()
    server = await http_server(peer.handle)
    installation.write("asks.yaml", ASKS.format(url=server.url("/echo")))
    missed, is_over = list[int](), anyio.Event()
    async with opened(installation) as vault, httpx.AsyncClient(timeout=60) as client:
        await vault.set("CHANGING", "canary-value-before")
        with installation.daemon() as daemon:
            address = f"http://127.0.0.1:{daemon.port}/ask"

            async def load() -> None:
                while not is_over.is_set():
                    assert (await client.post(address)).status_code == 200

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(load)
                for number in range(CHANGES):
                    before = len(peer.stolen)
                    await vault.set("CHANGING", f"canary-value-{number:04d}")
                    answer = await client.post(address)
                    assert answer.status_code == 200, answer.text
                    if f"canary-value-{number:04d}" not in peer.stolen[before:]:
                        missed.append(number)
                is_over.set()  # it waits for its answer: the peer of this test answers nothing while the daemon stops

    assert missed == []
    assert peer.stolen == sorted(peer.stolen, key=lambda value: value.replace("before", "-"))
    assert installation.leaks("canary-value-0001") == []


class TestGone:
    """The bytes of what was deleted or sealed anew."""

    async def test_with_a_reader_open_that_is_said_and_they_go_later(self, installation: Installation) -> None:
        """Sealed values and wrapped keys, in database and WAL, while the daemon has the file open too."""
        installation.set_secret("DOOMED", "canary-value-of-the-doomed")
        installation.set_secret("STAYS", "canary-value-that-stays")
        path = installation.folder / "data" / "runner.db"
        with installation.daemon(), closing(sqlite3.connect(path, isolation_level=None)) as reader:
            old = self._blobs(reader)
            doomed = [blob for name, blob in old if name == "DOOMED"]
            reader.execute("begin")
            reader.execute("select count(*) from versions").fetchone()
            done = await installation.arun("secrets", "delete", "DOOMED", "--yes", check=True)
            reader.execute("commit")
            kept = await installation.arun("secrets", "set", "OTHER", "-", stdin=b"canary-of-another", check=True)
            after_delete = every_byte(path.parent)
            await installation.arun("secrets", "rotate-master-key", "--write", check=True)
            after_rotation = every_byte(path.parent)

        assert len(doomed) == 2
        assert b"bytes of old values stay in it" in done.stderr
        assert b"bytes of old values" not in kept.stderr
        assert not [blob for blob in doomed if blob[1:40] in after_delete or blob[-32:] in after_delete]
        assert not [name for name, blob in old if blob[1:40] in after_rotation or blob[-32:] in after_rotation]

    @staticmethod
    def _blobs(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
        """What is sealed of each version, by the secret's name."""
        rows = connection.execute(
            "select s.name, v.sealed, v.wrapped from versions v join secrets s on s.id = v.secret"
        ).fetchall()
        return [(name, blob) for name, *blobs in rows for blob in blobs]


class TestWrongKey:
    """A key that does not open the vault."""

    def test_each_is_one_sentence_and_nothing_is_written(self, installation: Installation) -> None:
        """A wrong one, none at all, that of another vault; by the daemon and by a command; every file is what it was."""
        installation.set_secret("A_SECRET", "canary-value-here")
        config = installation.folder / "config.toml"
        text, good = config.read_text(), key_of(installation)
        folder = installation.folder / "data"
        said = []
        for key in (new_master_key(), "a passphrase that is another one", good[:-1], ""):
            config.write_text(text.replace(good, key))
            before = hashes(folder)
            for words in (("start",), ("secrets", "list")):
                done = installation.run(*words)
                assert hashes(folder) == before
                said.append((done.returncode, done.stderr.decode()))
            config.write_text(text)

        assert {status for status, _ in said} == {1}
        assert all(sentence.count("\n") == 1 and good not in sentence for _, sentence in said), said
        assert b"A_SECRET" in installation.run("secrets", "list", check=True).stdout
