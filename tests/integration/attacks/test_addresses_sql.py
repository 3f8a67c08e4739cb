"""No connection string leads to a metadata service or to a port of Runner's own, in whatever spelling."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from runner.errors import ActionError, PermanentError
from runner.executors.sql.executor import open_sql
from runner.ports import ExecutorLimits
from tests.integration.executors.sql.conftest import FakeCall, rendered

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.1.1",
    "2852039166",
    "0xa9fea9fe",
    "0XA9FEA9FE",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "025177524776",
    "169.254.43518",
    "169.16689662",
    "%31%36%39.254.169.254",
    "169\u3002254\u3002169\u3002254",
    "\uff11\uff16\uff19.254.169.254",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:FFFF:A9FE:A9FE]",
    "[::ffff:0:169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2002:a9fe:a9fe::1]",
    "[::169.254.169.254]",
    "[::a9fe:a9fe]",
    "[2001:0:a9fe:a9fe::]",
    "[fd00:ec2::254]",
    "[fd00:ec2::254%251]",
    "100.100.100.200",
    "metadata.google.internal",
    "METADATA.google.internal.",
    "\uff4detadata.google.internal",
]

HERE = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::]"]

SCHEMES = ["postgresql", "mysql"]


class Listener:
    """A port of this machine, which counts who connects."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections = 0

    async def take(self, stream: SocketStream) -> None:
        """One more; it is closed at once."""
        self.connections += 1
        await stream.aclose()


@pytest.fixture
async def own() -> AsyncIterator[Listener]:
    """What stands for the dashboard, on both families of addresses."""
    async with await anyio.create_tcp_listener() as server, anyio.create_task_group() as tasks:
        listener = Listener(server.extra(anyio.abc.SocketAttribute.local_port))
        tasks.start_soon(server.serve, listener.take)
        yield listener
        tasks.cancel_scope.cancel()


async def failure(url: str, limits: ExecutorLimits) -> ActionError:
    """What an attempt to connect there came to."""
    async with open_sql(limits) as sql:
        with pytest.raises(ActionError) as caught:
            await sql.execute(rendered("$input.url", "select 1 as n", {"url": url}), FakeCall())
    return caught.value


@pytest.mark.parametrize("host", METADATA)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_metadata_service_is_refused(scheme: str, host: str) -> None:
    """Before anything is sent, and without the host in the message."""
    error = await failure(f"{scheme}://u:canary-password@{host}:1/d?connect_timeout=1", ExecutorLimits())

    assert isinstance(error, PermanentError)
    assert error.kind == "refused"
    assert "a cloud metadata" in str(error)
    assert "canary-password" not in str(error)
    assert host not in str(error)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("address", ["169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1%1, 169.254.169.254"])
async def test_a_name_that_leads_there_is_refused(scheme: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each address that the name service gives, the harmless one beside it is not tried either."""

    async def lying(host: str, port: int, **_: Any) -> list[Any]:
        assert host == "db.test"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each.strip(), port)) for each in address.split(",")]

    monkeypatch.setattr(anyio, "getaddrinfo", lying)
    error = await failure(f"{scheme}://u:p@db.test:1/d", ExecutorLimits())

    assert (type(error), error.kind) == (PermanentError, "refused")


async def test_a_second_host_is_refused_like_the_first() -> None:
    """Where the first does not answer, the next in the list is no way around."""
    error = await failure("postgresql://u:p@127.0.0.1:1,169.254.169.254:1/d", ExecutorLimits())

    assert error.kind == "refused"


@pytest.mark.parametrize("host", HERE)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_port_of_runners_own_is_refused(own: Listener, scheme: str, host: str) -> None:
    """Each name of this machine; without the rule the same string reaches it."""
    url = f"{scheme}://u:p@{host}:{own.port}/d?connect_timeout=5"
    refused = await failure(url, ExecutorLimits(own_ports=(own.port,)))
    assert (refused.kind, own.connections) == ("refused", 0)
    assert "a port of Runner's own" in str(refused)

    await failure(url, ExecutorLimits())
    assert own.connections > 0
