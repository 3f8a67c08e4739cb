"""
PostgreSQL for the tests: the one that runs, or a private one for the length of a block.

`RUNNER_TEST_POSTGRES` names a server whose user may create databases. A private one lies in a temporary folder, trusts the
loopback and does not fsync: it is thrown away. `cluster` and `serving` are its two halves, for a test that kills it and
starts it again. Called by `tests.services` (bring it up) and tests/conftest.py (use it).
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from tests.services import processes
from tests.services.databases import postgres_execute

VARIABLE = "RUNNER_TEST_POSTGRES"
DEFAULT = "postgresql://postgres@127.0.0.1:5432/postgres"

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
)


def address() -> str:
    """Where the server is said to be."""
    return os.environ.get(VARIABLE) or DEFAULT


def answers(url: str) -> bool:
    """Whether a PostgreSQL is there and lets us in."""
    try:
        postgres_execute(url, "select 1")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True


def required() -> str:
    """The address of a server that answers. Raises ServiceError with the cure."""
    url = address()
    if not answers(url):
        raise processes.ServiceError(f"no PostgreSQL answers: `make test` brings one up, {VARIABLE} names one")
    return url


@contextmanager
def private() -> Iterator[str]:
    """Start one on a free port; yields its address."""
    port = processes.free_port()
    with cluster() as home, serving(home, port) as (_, url):
        yield url


@contextmanager
def cluster() -> Iterator[Path]:
    """A folder for a server that is not started yet, gone at the end."""
    with processes.folder("postgres") as home:
        processes.run(
            [_initdb(), "-D", str(home / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
            account="postgres",
            cwd=home,
        )
        yield home


@contextmanager
def serving(home: Path, port: int, *settings: str) -> "Iterator[tuple[subprocess.Popen[bytes], str]]":
    """The server of a `cluster` on that port, with more settings: its process, its address."""
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    command = [str(Path(_initdb()).with_name("postgres")), "-D", str(home / "data"), "-p", str(port)]
    for setting in (*_SETTINGS, *settings):
        command += ["-c", setting]
    running = processes.server(command, account="postgres", cwd=home, stop=signal.SIGINT, answers=lambda: answers(url))
    with running as process:
        yield process, url


def _initdb() -> str:
    return processes.program("initdb", places=_PLACES, package="postgresql")
