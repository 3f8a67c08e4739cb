r"""
Undo what encoders do to a text, and know where each byte stood.

    b"a%2Fb" ──decodings()──► Decoded(b"a/b"), Decoded.outer(1, 2) → (1, 4)

One reading for each way to escape that leaves its mark in the text (`%2F`, `\"`, `&amp;`, `''`, `=2F`, folded lines)
and one for all runs of base64, one for those of hex. Each is one pass over the text, and the result is no longer than
three times it. `runner.redaction.search` looks for secrets in what comes out and masks where they stood. How the text
was encoded is not known; a reading that makes no sense finds nothing.
"""

import re
from binascii import a2b_base64, a2b_hex
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from html.entities import html5
from itertools import accumulate
from typing import Final

Undo = Callable[[bytes], bytes | None]
Places = tuple[list[int], list[int]]


class Decoded:
    """
    A text read in one way.

    `places` gives where its segments begin, in it and in the text that it was read from; it is asked when something was
    found. `bits` are those that a letter of the outer text stands for where all of it is base64 or hex, else 0.
    """

    def __init__(self, data: bytes, places: Callable[[], Places], bits: int = 0) -> None:
        self.data = data
        self._find = places
        self._bits = bits

    @cached_property
    def _places(self) -> Places:
        return self._find()

    def outer(self, start: int, end: int) -> tuple[int, int]:
        """Where the bytes from `start` to `end` stood."""
        inner, outer = self._places
        first, last = bisect_right(inner, start) - 1, bisect_left(inner, end) - 1
        if self._bits:
            begin = outer[first] + (start - inner[first]) * 8 // self._bits
            return begin, outer[last] - (inner[last] - end) * 8 // self._bits
        return self._place(first, start, at_end=False), self._place(last, end, at_end=True)

    def _place(self, segment: int, position: int, *, at_end: bool) -> int:
        inner, outer = self._places
        if inner[segment + 1] - inner[segment] != outer[segment + 1] - outer[segment]:
            return outer[segment + at_end]
        return outer[segment] + position - inner[segment]


def decodings(data: bytes, shortest: int) -> Iterator[Decoded]:
    """Every reading of a text that is worth a look, where nothing shorter than `shortest` bytes is looked for."""
    if b"+" in data and b"%" in data and (found := _undone(data.replace(b"+", b" "), _PERCENT, _percent)):
        yield found
    for mark, pattern, undo in _WAYS:
        if mark in data and (found := _undone(data, pattern, undo)):
            yield found
    letters = -(-shortest * 4 // 3)
    marks = data.translate(_IS_BASE64)
    if _run(letters) in marks:
        pattern = _long(_BASE64_RUN, letters)
        runs = [data[match.start() : match.end()] for match in _marked(letters).finditer(marks)]
        if found := _coded(data, pattern, runs, _base64_pieces, 6):
            yield found
        digits = _long(_HEX_RUN, shortest * 2)
        if (hexes := [each for run in runs for each in digits.findall(run)]) and (
            found := _coded(data, digits, hexes, _hex_pieces, 4)
        ):
            yield found


def _undone(data: bytes, pattern: re.Pattern[bytes], undo: Undo) -> Decoded | None:
    """All by the library's loops: texts and escapes in turn, each kind of escape undone once."""
    parts = pattern.split(data)
    if len(parts) == 1:
        return None
    known: dict[bytes, bytes] = {}
    for escape in set(parts[1::2]):
        new = undo(escape)
        known[escape] = escape if new is None or len(new) >= len(escape) else new
    read = parts.copy()
    read[1::2] = map(known.__getitem__, parts[1::2])
    return Decoded(b"".join(read), lambda: (_starts(read), _starts(parts)))


def _starts(parts: Iterable[bytes]) -> list[int]:
    return list(accumulate(map(len, parts), initial=0))


def _percent(escape: bytes) -> bytes:
    return bytes.fromhex(escape[1:].decode())


def _backslash(escape: bytes) -> bytes | None:
    letter = escape[1:2]
    if letter in b"uUx":
        return _code_points(escape)
    if letter.isdigit():
        return bytes([int(escape[1:], 8) & 255])
    return _LETTERS.get(letter, letter)


def _code_points(text: bytes) -> bytes | None:
    """Of `x` and two digits a byte, of `u` or `U` and more a letter; two halves of a pair make one."""
    if text[1:2] == b"x":
        return bytes.fromhex(text[2:].decode())
    codes = [int(each, 16) for each in re.split(rb"\\[uU]", text)[1:]]
    if len(codes) > 1:
        codes = [0x10000 + ((codes[0] - 0xD800) << 10) + codes[1] - 0xDC00]
    return chr(codes[0]).encode("utf-8", "surrogatepass") if codes[0] < 0x110000 else None  # noqa: PLR2004  Unicode's


def _entity(escape: bytes) -> bytes | None:
    name = escape[1:-1]
    if not name.startswith(b"#"):
        return _ENTITIES.get(name)
    code = int(b"0" + name[1:], 16) if name[1:2] in b"xX" else int(name[1:])
    return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else None  # noqa: PLR2004  Unicode's last


def _quotes(escape: bytes) -> bytes:
    return escape[:1]


def _printable(escape: bytes) -> bytes:
    return b"" if escape.endswith(b"\n") else bytes.fromhex(escape[1:].decode())


def _nothing(_: bytes) -> bytes:
    return b""


def _coded(
    data: bytes, pattern: re.Pattern[bytes], runs: Sequence[bytes], pieces: Callable[[bytes], list[bytes]], bits: int
) -> Decoded | None:
    """What the runs of the pattern say, each read from each place where it may begin, with a NUL after it."""
    read = [piece for run in runs for piece in pieces(run)]

    def places() -> Places:
        starts = [match.start() + shift for match in pattern.finditer(data) for shift, _ in enumerate(pieces(match[0]))]
        return list(accumulate((len(piece) + 1 for piece in read[:-1]), initial=0)), starts

    return Decoded(b"\0".join((*read, b"")), places, bits) if read else None


def _base64_pieces(run: bytes) -> list[bytes]:
    """
    Both alphabets, from each of the four places where a group may begin.

    A run without upper case or without lower case is a word, a path or a number.
    """
    if run.islower() or run.isupper() or run.isdigit():
        return []
    run = run.translate(_TO_STANDARD)
    pieces = []
    for shift in range(4):
        over = (len(run) - shift) % 4
        pieces.append(a2b_base64(run[shift : len(run) - (over == 1)] + _PADDING[over]))
    return pieces


def _hex_pieces(run: bytes) -> list[bytes]:
    odd = len(run) % 2
    return [a2b_hex(run[: len(run) - odd]), a2b_hex(run[1 : len(run) - 1 + odd])]


@lru_cache(maxsize=64)
def _run(length: int) -> bytes:
    return b"x" * length


@lru_cache(maxsize=64)
def _marked(length: int) -> re.Pattern[bytes]:
    """The same runs by their marks: a search for one letter is three times as fast as one for a class."""
    return re.compile(_run(length) + b"x*")


@lru_cache(maxsize=64)
def _long(letters: bytes, length: int) -> re.Pattern[bytes]:
    return re.compile(b"[%s]{%d,}" % (letters, length))


def _marks(letters: bytes) -> bytes:
    """A table that makes an `x` of these letters and a space of all others."""
    return bytes(ord("x") if code in letters else ord(" ") for code in range(256))


_WORDS: Final = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE64_RUN: Final = rb"A-Za-z0-9+/_\-"
_HEX_RUN: Final = rb"0-9a-fA-F"
_IS_BASE64: Final = _marks(_WORDS + b"+/_-")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_PADDING: Final = (b"", b"", b"==", b"=")
"""By how many letters stand in the last group; one alone is left out."""
_LETTERS: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"a": b"\a"}
_ENTITIES: Final = {name[:-1].encode(): text.encode() for name, text in html5.items() if name.endswith(";")}

_PERCENT: Final = re.compile(rb"(%[0-9A-Fa-f]{2})")
_WAYS: Final[tuple[tuple[bytes, re.Pattern[bytes], Undo], ...]] = (
    (b"%", _PERCENT, _percent),
    (
        b"\\",
        re.compile(
            rb"(\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
            rb"|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{3}|[^uUx0-9\s]))"
        ),
        _backslash,
    ),
    (b"&", re.compile(rb"(&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"), _entity),
    (b"'", re.compile(rb"""('\\''|'"'"'|'')"""), _quotes),
    (b'""', re.compile(rb'("")'), _quotes),
    (b"=", re.compile(rb"(=(?:[0-9A-F]{2}|\r?\n))"), _printable),
    (b"\n", re.compile(rb"([\r\n][ \t]*)"), _nothing),
)
"""What has to stand in a text for a way to be tried, what it undoes, how."""
