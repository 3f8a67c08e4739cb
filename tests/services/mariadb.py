"""
MariaDB (or MySQL) for the tests: the one that runs, or a private one for the length of a block.

`RUNNER_TEST_MYSQL` names a server whose user may create databases. A private one is a MariaDB in a temporary folder whose
root has no password and which does not flush: it is thrown away. Called by `tests.services` (bring it up) and
tests/conftest.py (use it).
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import mysql.connector

from tests.services import processes
from tests.services.databases import mysql_execute

VARIABLE = "RUNNER_TEST_MYSQL"
DEFAULT = "mysql://root@127.0.0.1:3306/test"

_SETTINGS = (
    "--bind-address=127.0.0.1",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=64M",
    "--max-connections=200",
    "--skip-log-bin",
)


def address() -> str:
    """Where the server is said to be."""
    return os.environ.get(VARIABLE) or DEFAULT


def answers(url: str) -> bool:
    """Whether a server is there and lets us in."""
    try:
        mysql_execute(url, "select 1")
    except mysql.connector.Error:
        return False
    return True


def required() -> str:
    """The address of a server that answers. Raises ServiceError with the cure."""
    url = address()
    if not answers(url):
        raise processes.ServiceError(f"no MariaDB or MySQL answers: `make test` brings one up, {VARIABLE} names one")
    return url


@contextmanager
def private() -> Iterator[str]:
    """Start one on a free port; yields the address of its database `test`."""
    daemon = processes.program("mariadbd", package="mariadb-server")
    install = processes.program("mariadb-install-db", package="mariadb-server")
    with processes.folder("mysql") as home:
        data = home / "data"
        processes.run(
            [
                install,
                "--no-defaults",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            account="mysql",
            cwd=home,
        )
        port = processes.free_port()
        url = f"mysql://root@127.0.0.1:{port}/test"
        command = [
            daemon,
            "--no-defaults",
            f"--datadir={data}",
            f"--port={port}",
            f"--socket={home}/socket",
            *_SETTINGS,
        ]
        with processes.server(command, account="mysql", cwd=home, stop=signal.SIGTERM, answers=lambda: answers(url)):
            mysql_execute(url, "create database if not exists test")
            yield url
