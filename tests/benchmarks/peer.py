"""
A server that answers every request alike, as fast as one core can: the other side of `tests/benchmarks/runs.py`.

Run as `python -m tests.benchmarks.peer`; prints its port and answers until its standard input ends.
"""

import asyncio
import sys

import uvloop

BODY = b'{"id":7,"name":"a small answer","tags":["one","two"]}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Peer(asyncio.Protocol):
    """One connection; requests carry no body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.waiting = b""

    def data_received(self, data: bytes) -> None:
        *whole, self.waiting = (self.waiting + data).split(b"\r\n\r\n")
        self.transport.write(ANSWER * len(whole))  # type: ignore[attr-defined]  # a TCP transport writes


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Peer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  the parent reads it
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(main())
