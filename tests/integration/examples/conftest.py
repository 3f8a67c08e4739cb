"""
What the tests of the examples may ask for.

    examples    opens daemons with files of tests/workflows/good: `daemon = await examples("01-…", hosts=…, secrets=…)`
    database    an empty PostgreSQL database, of these tests alone (other tests make tables of the same names in theirs)
"""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest
import structlog

from runner.clock import Clock, SystemClock
from tests.integration.examples.daemon import GOOD, Daemon, OpenExamples, open_daemon, with_hosts
from tests.services import postgres
from tests.services.databases import fresh_postgres


class Database:
    """One connection beside those of the daemon, and the address that the daemon is given."""

    def __init__(self, url: str, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.url = url
        self._connection = connection

    async def execute(self, statements: str) -> None:
        """Make tables, put rows in."""
        await self._connection.execute(statements)

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        """What lies in a table."""
        return [tuple(row.values()) for row in await self._connection.fetch(query)]


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """One database a worker process."""
    with fresh_postgres(postgres.required()) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Without a table; what a test makes is gone after it."""
    connection = await asyncpg.connect(database_url)
    try:
        yield Database(database_url, connection)
    finally:
        await connection.execute("drop schema public cascade; create schema public")
        await connection.close()


@pytest.fixture
def _logging_as_it_was() -> Iterator[None]:
    """A daemon configures the process's logging; the next test finds it untouched."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
async def examples(tmp_path: Path, _logging_as_it_was: None) -> AsyncIterator[OpenExamples]:
    """Opens daemons that end with the test."""
    async with AsyncExitStack() as stack:

        async def opened(
            *stems: str,
            hosts: Mapping[str, str] | None = None,
            secrets: Mapping[str, str] | None = None,
            env: Mapping[str, str] | None = None,
            clock: Clock | None = None,
        ) -> Daemon:
            texts = {f"{stem}.yaml": with_hosts((GOOD / f"{stem}.yaml").read_text(), hosts or {}) for stem in stems}
            daemon = open_daemon(tmp_path, texts, secrets=secrets or {}, env=env or {}, clock=clock or SystemClock())
            return await stack.enter_async_context(daemon)

        yield opened
