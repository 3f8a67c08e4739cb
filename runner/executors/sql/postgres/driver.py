"""
Open connections to PostgreSQL, everything said explicitly.

    Target ──► addresses, checked ──► TLS as `sslmode` says ──► asyncpg.connect ──► PostgresSession

asyncpg completes what it is not told from PGHOST, PGPASSWORD, PGSSLMODE, `~/.pgpass` and more of the daemon's
environment; so each of its parameters is given. Several hosts are tried in order. The executor makes one
`PostgresDriver`.
"""

import ssl
from typing import Final, cast

import anyio
import asyncpg
from asyncpg.connect_utils import SessionAttribute

from runner.errors import ActionError
from runner.executors.sql.connection_string import Host, Target
from runner.executors.sql.network import addresses_of, connect_timeout, ssl_context, ssl_mode
from runner.executors.sql.postgres.connection import RunnerConnection
from runner.executors.sql.postgres.decode import teach
from runner.executors.sql.postgres.failures import LOST, failure, lost
from runner.executors.sql.postgres.ladder import Ladder
from runner.executors.sql.postgres.session import NAME, PostgresSession, Shared
from runner.ports import ExecutorLimits

SETTINGS: Final = [
    "application_name",
    "options",
    "search_path",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "timezone",
]
"""Options of a connection string that are the server's own settings."""


class PostgresDriver:
    """`runner.executors.sql.driver.Driver`."""

    def connector(self, target: Target, limits: ExecutorLimits) -> "PostgresConnector":
        """For one connection string."""
        return PostgresConnector(target, limits)


class PostgresConnector:
    """`runner.executors.sql.driver.Connector`."""

    isolations = frozenset({"read uncommitted", "read committed", "repeatable read", "serializable"})

    def __init__(self, target: Target, limits: ExecutorLimits) -> None:
        self._target = target
        self._limits = limits
        self._shared = Shared(Ladder(), is_pooled=target.options.get("pooler") == "transaction")

    async def connect(self) -> PostgresSession:
        """The first host that takes us. Raises TemporaryError (`connection`), PermanentError (`refused`, `config`)."""
        failed: ActionError = lost(NAME)
        for host in self._target.hosts:
            for address in await addresses_of(host, self._target, self._limits):
                try:
                    with anyio.fail_after(connect_timeout(self._target)):
                        return await self._session(host, address)
                except asyncpg.PostgresError as error:
                    failed = failure(error, NAME)
                except LOST:
                    failed = lost(NAME)
        raise failed

    async def _session(self, host: Host, address: str) -> PostgresSession:
        is_pooled = self._shared.is_pooled
        connection = await self._encrypted(host, address, is_pooled=is_pooled)
        try:
            await teach(connection)
        except BaseException:
            connection.terminate()
            raise
        return PostgresSession(connection, self._shared, is_pooled=is_pooled)

    async def _encrypted(self, host: Host, address: str, *, is_pooled: bool) -> RunnerConnection:
        """As `sslmode` says: `allow` and `prefer` go on in the clear where the server cannot encrypt."""
        context = ssl_context(self._target, host, self._limits)
        try:
            return await self._open(host, address, context, is_pooled=is_pooled)
        except (ConnectionError, ssl.SSLError) as error:
            if ssl_mode(self._target) not in {"allow", "prefer"} or isinstance(error, ConnectionRefusedError):
                raise
        return await self._open(host, address, None, is_pooled=is_pooled)

    async def _open(
        self, host: Host, address: str, context: ssl.SSLContext | None, *, is_pooled: bool
    ) -> RunnerConnection:
        options = self._target.options
        return await asyncpg.connect(
            host=address,
            port=host.port,
            user=self._target.user,
            password=self._target.password,
            database=self._target.database,
            ssl=context or False,
            direct_tls=False,
            target_session_attrs=SessionAttribute(options.get("target_session_attrs", "any")),
            krbsrvname="postgres",
            gsslib="gssapi",
            timeout=cast("float", None),
            statement_cache_size=0 if is_pooled else 10,
            server_settings={"application_name": "runner"}
            | {name: options[name] for name in SETTINGS if name in options},
            connection_class=RunnerConnection,
        )
