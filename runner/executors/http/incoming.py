"""
An answer as it comes in: status and headers are there, the body is read piece by piece under a bound.

    transport ──► Incoming ──some()──► read() ──► bytes, decompressed, of at most the bound

What one peer sends costs no more memory than the bound, whatever it says about its length: compressed bytes are
opened in steps, and as much is counted of what comes in. `runner.executors.http.exchange` reads; the transports
implement `Incoming`.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

import anyio.lowlevel

from runner.executors.http.headers import Fields

_STEP: Final = 1_000_000
"""Bytes that are decompressed before others get their turn."""
_SLACK: Final = 65_536
"""Bytes beyond the bound that framing of compressed data may take."""
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32


class TooLargeError(Exception):
    """The body is larger than the bound."""


class EncodingError(Exception):
    """The body is not what `Content-Encoding` says, or that names what was not asked for."""


class Incoming(Protocol):
    """
    One answer. `fields` as they were sent, names in lower case; `headers` the same as a mapping (`folded`).

    Whoever opened it calls `aclose`, whatever happens.
    """

    status: int
    fields: Fields
    headers: dict[str, Any]

    async def some(self) -> bytes:
        """The next bytes of the body as they come, still compressed; none at its end. Raises ActionError."""

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, drop it if not; not cut off by a cancellation."""


def decoded(raw: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Header fields as text, names in lower case: UTF-8, or Latin-1 where a value is none."""
    try:
        return [(name.decode().lower(), value.decode()) for name, value in raw]
    except UnicodeDecodeError:
        return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]


def folded(fields: Fields) -> dict[str, Any]:
    """A value for each name; fields that repeat joined by `, ` (RFC 9110 §5.3), but `set-cookie` always a list."""
    found: dict[str, Any] = {}
    for name, value in fields:
        if name == "set-cookie":
            found.setdefault(name, []).append(value)
        elif name in found:
            found[name] += f", {value}"
        else:
            found[name] = value
    return found


async def read(incoming: Incoming, most: int, *, cut: bool = False) -> bytes:
    """
    The whole body, decompressed. Where it is larger than `most` bytes: its beginning with `cut`, else TooLargeError.

    Raises EncodingError, and what the transport raises.
    """
    opener = None
    pieces: list[bytes] = []
    size = arrived = 0
    while chunk := await incoming.some():
        if not arrived:
            opener = _opener(incoming.headers.get("content-encoding"))
        arrived += len(chunk)
        for piece in (chunk,) if opener is None else opener.steps(chunk):
            size += len(piece)
            pieces.append(piece)
            if size > most or arrived > most + _SLACK:
                if cut:
                    return b"".join(pieces)[:most]
                raise TooLargeError
            if opener is not None and len(piece) == _STEP:
                await anyio.lowlevel.checkpoint()
    if opener is not None and not opener.complete:
        raise EncodingError("the compressed body breaks off")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Opener:
    """Decompresses gzip (several members too), zlib, and the raw deflate that some servers send under its name."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._stream = zlib.decompressobj(wbits)
        self._begun = False

    @property
    def complete(self) -> bool:
        return self._stream.eof

    def steps(self, data: bytes) -> Iterator[bytes]:
        """What `data` opens to, at most `_STEP` bytes at a time. Raises EncodingError."""
        while data:
            if self._stream.eof:
                self._stream = zlib.decompressobj(self._wbits)
            yield self._step(data)
            data = self._stream.unconsumed_tail or (self._stream.unused_data if self._stream.eof else b"")

    def _step(self, data: bytes) -> bytes:
        try:
            opened = self._stream.decompress(data, _STEP)
        except zlib.error:
            if self._begun or self._wbits != zlib.MAX_WBITS:
                raise EncodingError("the body is not compressed as its Content-Encoding says") from None
            self._wbits = -zlib.MAX_WBITS
            self._stream = zlib.decompressobj(self._wbits)
            self._begun = True
            return self._step(data)
        self._begun = True
        return opened


def _opener(encoding: str | None) -> _Opener | None:
    words = [word.strip().lower() for word in (encoding or "").split(",")]
    named = [word for word in words if word not in {"", "identity"}]
    if not named:
        return None
    if named in (["gzip"], ["x-gzip"]):
        return _Opener(_GZIP_OR_ZLIB)
    if named == ["deflate"]:
        return _Opener(zlib.MAX_WBITS)
    raise EncodingError("its Content-Encoding is none of gzip and deflate")
