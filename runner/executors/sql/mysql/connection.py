"""
`mysql.connector.aio`'s connection with what it gets wrong put right.

- A YEAR, and a row larger than 16 MB, are read right; the connector loses its place in the stream.
- Dates that Python cannot hold (`0000-00-00`, `2024-00-00`) and times over a day are read as text from the packet.
- A server that does not offer TLS is refused before the password is sent, where `sslmode` wants TLS.
- TLS uses our context: the connector's own cannot check a host's name.
- Several statements in one text and LOCAL INFILE are off at the protocol.

`driver` makes these; nothing else knows the connector's insides.
"""

import ssl
import struct
from typing import Any, Final, cast

from mysql.connector.aio.connection import MySQLConnection
from mysql.connector.aio.protocol import MySQLProtocol
from mysql.connector.constants import ClientFlag, FieldType
from mysql.connector.errors import InterfaceError

from runner.executors.sql import iso

CONTINUED: Final = b"\xff\xff\xff"
"""The length of a packet that another one continues."""

SSL_ERROR: Final = 2026
"""The client's own error number for TLS."""


class ExactProtocol(MySQLProtocol):
    """Reads dates and times as text, a YEAR as the number it is, and rows that take several packets."""

    async def read_binary_result(self, sock: Any, *args: Any, **options: Any) -> Any:  # type: ignore[override]  # as the connector itself does
        """As the connector's, which takes each packet for a row."""
        inherited: Any = super().read_binary_result
        return await inherited(_WholePackets(sock), *args, **options)

    def _parse_binary_values(self, fields: list[Any], packet: bytes, charset: str = "utf-8") -> Any:
        short = [(field[0], FieldType.SHORT, *field[2:]) if field[1] == FieldType.YEAR else field for field in fields]
        return super()._parse_binary_values(short, packet, charset)

    @staticmethod
    def _parse_binary_timestamp(packet: bytes, field_type: int) -> tuple[bytes, str]:  # type: ignore[override]  # text instead of datetime
        length = packet[0]
        year, month, day, hour, minute, second, fraction = _fields(bytes(packet[1 : length + 1]))
        text = f"{year:04d}-{month:02d}-{day:02d}"
        if field_type != FieldType.DATE:
            text += "T" + iso.format_time(((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction)
        return packet[length + 1 :], text

    @staticmethod
    def _parse_binary_time(packet: bytes) -> tuple[bytes, str]:  # type: ignore[override]  # text instead of timedelta
        length = packet[0]
        data = bytes(packet[1 : length + 1]).ljust(12, b"\0")
        negative, days, hours, minutes, seconds, fraction = struct.unpack("<BIBBBI", data)
        digits = f".{fraction:06d}".rstrip("0") if fraction else ""
        text = f"{'-' if negative else ''}{days * 24 + hours:02d}:{minutes:02d}:{seconds:02d}{digits}"
        return packet[length + 1 :], text


class _WholePackets:
    """A socket whose packets of 16 MB, which the next one continues, are joined."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    async def read(self, read_timeout: int | None = None) -> bytearray:
        """One packet, header and all."""
        packet = part = await self._sock.read(read_timeout)
        while part[:3] == CONTINUED:
            part = await self._sock.read(read_timeout)
            packet = packet + part[4:]
        return bytearray(packet)


class RunnerConnection(MySQLConnection):
    """One connection; `tls` is our context, `must_encrypt` refuses a server without TLS."""

    def __init__(self, *, tls: ssl.SSLContext | None, must_encrypt: bool, **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls
        self._must_encrypt = must_encrypt
        self._protocol = ExactProtocol()
        self._client_flags &= ~(ClientFlag.MULTI_STATEMENTS | ClientFlag.MULTI_RESULTS | ClientFlag.LOCAL_FILES)

    async def _do_handshake(self) -> None:
        await super()._do_handshake()
        handshake: Any = self._handshake
        if not handshake["capabilities"] & ClientFlag.SSL:
            if self._must_encrypt:
                raise InterfaceError("the server offers no TLS", errno=SSL_ERROR)
            self._ssl_disabled = True  # or the connector looks for the cipher of a connection that has none
        if self._tls is not None:
            context, socket = self._tls, cast("Any", self._socket)
            socket.build_ssl_context = lambda **_: context

    def abort(self) -> None:
        """Close the socket without a word."""
        socket = self._socket
        writer = getattr(socket, "_writer", None)
        if writer is not None:
            writer.transport.abort()
        self._socket = None


def _fields(data: bytes) -> tuple[int, ...]:
    """Year, month, day, hour, minute, second, microsecond; what the packet leaves out is 0."""
    return struct.unpack("<HBBBBBI", data.ljust(11, b"\0"))
