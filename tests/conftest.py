"""
What every test may ask for: the event loop, a database of its own, an HTTP server of its own.

    anyio_backend    asyncio on uvloop, as the daemon runs
    postgres_url     a fresh PostgreSQL database, one a worker process, dropped at the end
    mysql_url        the same on MariaDB or MySQL
    http_server      opens real HTTP servers: `server = await http_server(handler)` (tests/services/http_server.py)

The databases' servers are found or brought up by `make test` (tests/services); where pytest is started by hand they are
looked for at RUNNER_TEST_POSTGRES and RUNNER_TEST_MYSQL. A server that is not there fails the tests that need it: nothing is
skipped in silence.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

from tests.services import mariadb, postgres
from tests.services.databases import fresh_mysql, fresh_postgres
from tests.services.http_server import Handler, HttpServer, serve

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
"""No test of properties fails for the time that a busy machine takes."""


class OpenServer(Protocol):
    """What the fixture `http_server` is: call it as often as the test needs servers."""

    async def __call__(self, handler: Handler, *, tls: ssl.SSLContext | None = None) -> HttpServer:
        """A server that listens and answers with `handler`; with `tls` by HTTPS."""


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Async tests run on the loop that the daemon runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """`postgresql://…/runner_test_…`, empty when the worker starts. Tests make tables of their own in it."""
    with fresh_postgres(postgres.required()) as url:
        yield url


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """`mysql://…/runner_test_…`, empty when the worker starts. Tests make tables of their own in it."""
    with fresh_mysql(mariadb.required()) as url:
        yield url


@pytest.fixture
async def http_server() -> AsyncIterator[OpenServer]:
    """Opens servers that end with the test."""
    async with AsyncExitStack() as stack:

        async def open_server(handler: Handler, *, tls: ssl.SSLContext | None = None) -> HttpServer:
            return await stack.enter_async_context(serve(handler, tls=tls))

        yield open_server
