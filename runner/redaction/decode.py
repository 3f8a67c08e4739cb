r"""
Undo what encoders do to a text, and know where each byte stood.

    b"a%2Fb" ──decodings()──► Decoded(b"a/b"), Decoded.outer(1, 2) → (1, 4)

One reading for each way to escape that leaves its mark in the text (`%2F`, `\"`, `&amp;`, `''`, `=2F`, folded lines)
and one for all runs of base64, one for those of hex. Each is one pass over the text, and the result is no longer than
three times it. `runner.redaction.search` looks for secrets in what comes out and masks where they stood. How the text
was encoded is not known; a reading that makes no sense finds nothing.
"""

import re
from binascii import a2b_base64
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from html.entities import html5
from typing import Final, NamedTuple

Match = re.Match[bytes]


class Decoded(NamedTuple):
    """
    A text read in one way. `inner` and `places` hold where its segments begin, in it and in the text that it was read
    from; `bits` are those that a byte of the outer text stands for where all of it is base64 or hex, else 0.
    """

    data: bytes
    inner: list[int]
    places: list[int]
    bits: int = 0

    def outer(self, start: int, end: int) -> tuple[int, int]:
        """Where the bytes from `start` to `end` stood."""
        first, last = bisect_right(self.inner, start) - 1, bisect_left(self.inner, end) - 1
        if self.bits:
            begin = self.places[first] + (start - self.inner[first]) * 8 // self.bits
            return begin, self.places[last] - (self.inner[last] - end) * 8 // self.bits
        return self._place(first, start, at_end=False), self._place(last, end, at_end=True)

    def _place(self, segment: int, position: int, *, at_end: bool) -> int:
        inner, outer = self.inner, self.places
        if segment + 1 < len(inner) and inner[segment + 1] - inner[segment] != outer[segment + 1] - outer[segment]:
            return outer[segment + at_end]
        return outer[segment] + position - inner[segment]


def decodings(data: bytes, shortest: int) -> Iterator[Decoded]:
    """Every reading of a text that is worth a look, where nothing shorter than `shortest` bytes is looked for."""
    if b"+" in data and b"%" in data and (found := _undone(data.replace(b"+", b" "), _PERCENT, _percent)):
        yield found
    for mark, pattern, undo in _WAYS:
        if mark in data and (found := _undone(data, pattern, undo)):
            yield found
    if _run(-(-shortest * 4 // 3)) in data.translate(_IS_BASE64) and (found := _from_base64(data, shortest)):
        yield found
    if _run(shortest * 2) in data.translate(_IS_HEX) and (found := _from_hex(data, shortest)):
        yield found


def _undone(data: bytes, pattern: re.Pattern[bytes], undo: Callable[[Match], bytes | None]) -> Decoded | None:
    out: list[bytes] = []
    inner, outer = [0], [0]
    done = size = 0
    for match in pattern.finditer(data):
        start, end = match.span()
        new = undo(match)
        if new is None or len(new) >= end - start:
            continue
        out += (data[done:start], new)
        size += start - done
        inner.append(size)
        outer.append(start)
        size += len(new)
        inner.append(size)
        outer.append(end)
        done = end
    return Decoded(b"".join((*out, data[done:])), inner, outer) if out else None


def _percent(match: Match) -> bytes:
    return bytes.fromhex(match[0][1:].decode())


def _backslash(match: Match) -> bytes | None:
    letter = match[0][1:2]
    if letter in b"uUx":
        return _code_points(match[0])
    if letter.isdigit():
        return bytes([int(match[0][1:], 8) & 255])
    return _LETTERS.get(letter, letter)


def _code_points(text: bytes) -> bytes | None:
    """Of `x` and two digits a byte, of `u` or `U` and more a letter; two halves of a pair make one."""
    if text[1:2] == b"x":
        return bytes.fromhex(text[2:].decode())
    codes = [int(each, 16) for each in re.split(rb"\\[uU]", text)[1:]]
    if len(codes) > 1:
        codes = [0x10000 + ((codes[0] - 0xD800) << 10) + codes[1] - 0xDC00]
    return chr(codes[0]).encode("utf-8", "surrogatepass") if codes[0] < 0x110000 else None  # noqa: PLR2004  Unicode's


def _entity(match: Match) -> bytes | None:
    name = match[1]
    if not name.startswith(b"#"):
        return _ENTITIES.get(name)
    code = int(b"0" + name[1:], 16) if name[1:2] in b"xX" else int(name[1:])
    return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else None  # noqa: PLR2004  Unicode's last


def _quotes(match: Match) -> bytes:
    return b"'" if match[0].startswith(b"'") else b'"'


def _printable(match: Match) -> bytes:
    return bytes.fromhex(match[1].decode()) if match[1] else b""


def _nothing(_: Match) -> bytes:
    return b""


def _from_base64(data: bytes, shortest: int) -> Decoded | None:
    """
    Both alphabets, from each of the four places where a group may begin; each run's bytes end in NUL.

    A run without upper case or without lower case is a word, a path or a number.
    """
    out: list[bytes] = []
    inner: list[int] = []
    outer: list[int] = []
    size = 0
    for match in _long(_BASE64_RUN, -(-shortest * 4 // 3)).finditer(data):
        run = match[0]
        if run.islower() or run.isupper() or run.isdigit():
            continue
        run = run.translate(_TO_STANDARD)
        for shift in range(4):
            length = len(run) - shift
            if length % 4 == 1:
                length -= 1
            piece = a2b_base64(run[shift : shift + length] + _PADDING[length % 4])
            out += (piece, b"\0")
            inner.append(size)
            outer.append(match.start() + shift)
            size += len(piece) + 1
    return Decoded(b"".join(out), inner, outer, 6) if out else None


def _from_hex(data: bytes, shortest: int) -> Decoded | None:
    out: list[bytes] = []
    inner: list[int] = []
    outer: list[int] = []
    size = 0
    for match in _long(_HEX_RUN, shortest * 2).finditer(data):
        for shift in range(2):
            run = match[0][shift:]
            piece = bytes.fromhex(run[: len(run) // 2 * 2].decode())
            out += (piece, b"\0")
            inner.append(size)
            outer.append(match.start() + shift)
            size += len(piece) + 1
    return Decoded(b"".join(out), inner, outer, 4) if out else None


@lru_cache(maxsize=64)
def _run(length: int) -> bytes:
    return b"x" * length


@lru_cache(maxsize=64)
def _long(letters: bytes, length: int) -> re.Pattern[bytes]:
    return re.compile(b"[%s]{%d,}" % (letters, length))


def _marks(letters: bytes) -> bytes:
    """A table that makes an `x` of these letters and a space of all others."""
    return bytes(ord("x") if code in letters else ord(" ") for code in range(256))


_HEX: Final = b"0123456789abcdefABCDEF"
_WORDS: Final = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE64_RUN: Final = rb"A-Za-z0-9+/_\-"
_HEX_RUN: Final = rb"0-9a-fA-F"
_IS_BASE64: Final = _marks(_WORDS + b"+/_-")
_IS_HEX: Final = _marks(_HEX)
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_PADDING: Final = (b"", b"", b"==", b"=")
_LETTERS: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"a": b"\a"}
_ENTITIES: Final = {name[:-1].encode(): text.encode() for name, text in html5.items() if name.endswith(";")}

_PERCENT: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_WAYS: Final[tuple[tuple[bytes, re.Pattern[bytes], Callable[[Match], bytes | None]], ...]] = (
    (b"%", _PERCENT, _percent),
    (
        b"\\",
        re.compile(
            rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
            rb"|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{3}|[^uUx0-9\s])"
        ),
        _backslash,
    ),
    (b"&", re.compile(rb"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"), _entity),
    (b"'", re.compile(rb"""'\\''|'"'"'|''"""), _quotes),
    (b'""', re.compile(rb'""'), _quotes),
    (b"=", re.compile(rb"=(?:([0-9A-F]{2})|\r?\n)"), _printable),
    (b"\n", re.compile(rb"\r?\n[ \t]*"), _nothing),
)
"""What has to stand in a text for a way to be tried, what it undoes, how."""
