"""
Open connections to MySQL and MariaDB, everything said explicitly; no option file is read.

    Target ──► address, checked ──► TLS as `sslmode` says ──► RunnerConnection ──► MysqlSession

`driver` imports it once a workflow names such a database, since the connector is an extra.
"""

import ssl
from typing import Any

import anyio
from mysql.connector.errors import Error

from runner.errors import ActionError
from runner.executors.sql.connection_string import Target
from runner.executors.sql.mysql.connection import RunnerConnection
from runner.executors.sql.mysql.failures import failure, lost
from runner.executors.sql.mysql.session import MysqlSession
from runner.executors.sql.network import addresses_of, connect_timeout, ssl_context, ssl_mode
from runner.ports import ExecutorLimits


class MysqlConnector:
    """`runner.executors.sql.driver.Connector`."""

    isolations = frozenset({"read uncommitted", "read committed", "repeatable read", "serializable"})

    def __init__(self, target: Target, limits: ExecutorLimits) -> None:
        self._target = target
        self._limits = limits

    async def connect(self) -> MysqlSession:
        """Raises TemporaryError (`connection`), PermanentError (`refused`, `config`)."""
        session = MysqlSession(await self._open(), self._kill)
        try:
            await session.settle()
        except BaseException:
            session.drop()
            raise
        return session

    async def _open(self) -> RunnerConnection:
        failed: ActionError = lost()
        for address in await addresses_of(self._target.hosts[0], self._target, self._limits):
            connection = self._connection(address)
            try:
                with anyio.fail_after(connect_timeout(self._target)):
                    await connection.connect()
            except Error as error:
                failed = failure(error)
            except (OSError, EOFError, ssl.SSLError, TimeoutError):
                failed = lost()
            except BaseException:
                connection.abort()
                raise
            else:
                return connection
            connection.abort()
        raise failed

    def _connection(self, address: str) -> RunnerConnection:
        host = self._target.hosts[0]
        context = ssl_context(self._target, host, self._limits)
        where: dict[str, Any] = {"unix_socket": address} if host.is_socket else {"host": address, "port": host.port}
        return RunnerConnection(
            tls=context,
            must_encrypt=ssl_mode(self._target) not in {"disable", "allow", "prefer"},
            user=self._target.user,
            password=self._target.password,
            database=self._target.database or None,
            charset="utf8mb4",
            autocommit=True,
            ssl_disabled=context is None,
            allow_local_infile=False,
            connection_timeout=int(connect_timeout(self._target)) or 1,
            conn_attrs={},
            **where,
        )

    async def _kill(self, number: int) -> None:
        """End another connection and what it runs. Raises ActionError."""
        session = await self.connect()
        try:
            await session.kill(number)
        finally:
            session.drop()
