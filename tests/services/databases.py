"""
One database for one user of it: made with a name nobody else has, dropped at the end.

    with fresh_postgres("postgresql://postgres@127.0.0.1:5432/postgres") as url: ...
    with fresh_mysql("mysql://root@127.0.0.1:3306/test") as url: ...

Tests get them through the fixtures `postgres_url` and `mysql_url` (tests/conftest.py); `tests.services` brought the servers
up. Both speak to the server by its driver, without any code of Runner's.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio
import asyncpg
import mysql.connector

CONNECT_SECONDS = 5


def postgres_execute(url: str, statement: str) -> None:
    """Run one statement outside a transaction. Raises OSError or `asyncpg.PostgresError`."""

    async def execute() -> None:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    anyio.run(execute)


def mysql_execute(url: str, statement: str) -> None:
    """Run one statement on the server of `url`, in no database. Raises `mysql.connector.Error`."""
    connection = mysql.connector.connect(**_mysql_address(url))
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()


@contextmanager
def fresh_postgres(server: str) -> Iterator[str]:
    """The address of a database of one's own on the server at `server`."""
    name = _fresh_name()
    postgres_execute(server, f"create database {name}")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        postgres_execute(server, f"drop database {name} with (force)")


@contextmanager
def fresh_mysql(server: str) -> Iterator[str]:
    """The address of a database of one's own (utf8mb4) on the server at `server`."""
    name = _fresh_name()
    mysql_execute(server, f"create database {name} character set utf8mb4")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        mysql_execute(server, f"drop database {name}")


def _fresh_name() -> str:
    return f"runner_test_{secrets.token_hex(6)}"


def _mysql_address(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "connection_timeout": CONNECT_SECONDS,
        "use_pure": True,
    }
