"""
What must be found nowhere: twenty secrets in every form of the list, as bytes, and one search over all of them.

    SECRETS ──what of each tells something──► in all SHAPES ──without what the shape writes around it──► Needles.in_(data)

The secrets and the shapes are those that the redactor's own tests use; nothing here knows how the redactor works. A
needle is the beginning of a written secret, so that one which is there in part is found too.
"""

import io
import sqlite3
import tarfile
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from itertools import takewhile
from pathlib import Path
from typing import Final

from ahocorasick_rs import BytesAhoCorasick

from tests.unit.redaction.shapes import BEYOND, SECRETS, SHAPES

TELLING: Final[Mapping[str, tuple[str, ...]]] = {
    "PEM": ("MIIEvQIBADANBgkqhkiG9w0BAQEFCANARY00", "CanaryLine2+/abcdefghijklmnopqrstuvw"),
    "JSON": ("canary@robots.test", "canary\nkey+/material=="),
    "URL": ("canary_user", "c4n@ry-p/ss", "c4n%40ry-p%2Fss"),
    "HOOK": ("https://hooks.example.test/services/T00CANARY/B00/xYzCanary123",),
    "TRAILING": ("canary-with-a-break",),
    "BINARY": ("\x01\x02can\x7fary",),
}
"""Of secrets that hold more than one thing, those that tell something by themselves; each tells as a whole too."""

_SILENT: Final = {("JSON", shape) for shape in SHAPES if shape.startswith("cut")}
"""What a cut leaves of these as a whole is keys."""

_LEAST: Final = 6
"""Bytes of a needle: under it chance would find it in what is encrypted."""

_AFTER: Final = ("", "A", "~0", "zz ", "9")
"""What may follow a secret: what stays the same before all of these is the secret's own."""


class Needles:
    """All forms of some secrets, compiled."""

    def __init__(self, secrets: Mapping[str, str], shapes: Mapping[str, Callable[[str], str]] = SHAPES) -> None:
        self._names: dict[bytes, str] = {}
        for name, value in secrets.items():
            for piece in (value, *TELLING.get(name, ())):
                for shape, write in shapes.items():
                    if piece == value and (name, shape) in _SILENT:
                        continue
                    if (name, shape) not in BEYOND and (needle := _written(write, shape, piece)) is not None:
                        self._names.setdefault(needle, f"{name} as {shape}")
        self._all = list(self._names)
        self._search = BytesAhoCorasick(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def by_shape(self) -> dict[str, int]:
        """How many pieces of secrets are searched for in each shape."""
        return dict(Counter(name.partition(" as ")[2] for name in self._names.values()))

    def in_(self, data: bytes) -> set[str]:
        """Which secrets stand in the data, and in which form: `PLAIN as base64`."""
        return {self._names[self._all[index]] for index, _, _ in self._search.find_matches_as_indexes(data)}


def _written(write: Callable[[str], str], shape: str, piece: str) -> bytes | None:
    """How the piece begins when it is written in that shape; None where that is too short to be looked for."""
    around = _beginning([write(each) for each in ("A", "~", "0", " z", "é")])
    own = _beginning([write(piece + each) for each in _AFTER])[len(around) :].lstrip("'\"")
    if shape.startswith("cut"):
        own = own.rstrip()[:-1]
    if "base" in shape or shape == "Basic credentials":
        own = own[2:]  # the first characters hold bits of a neighbour
    data = own.encode("utf-8", "surrogatepass")
    return data if len(data) >= _LEAST else None


def _beginning(texts: list[str]) -> str:
    """What all of them begin with."""
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    return "".join(letters[0] for letters in same)


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Each file below a folder, name and bytes: as it lies there, and what a database or an archive holds inside."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield str(path.relative_to(folder)), data
            yield from ((f"{path.name}: {inner}", content) for inner, content in _inside(path, data))


def _inside(path: Path, data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(b"SQLite format 3\0"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            yield from _cells(connection)
    elif tarfile.is_tarfile(io.BytesIO(data)):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive, tempfile.TemporaryDirectory() as folder:
            archive.extractall(folder, filter="data")
            yield from everything(Path(folder))


def _cells(connection: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    """Each row of each table as one; a value that is compressed, opened too."""
    tables = [str(row[0]) for row in connection.execute("select name from sqlite_schema where type = 'table'")]
    for table in tables:
        for row in connection.execute(f'select * from "{table}"'):
            cells = [cell if isinstance(cell, bytes) else str(cell).encode() for cell in row]
            yield table, b"\0".join((*cells, *_opened(cells)))


def _opened(cells: Iterable[bytes]) -> Iterator[bytes]:
    for cell in cells:
        with suppress(zlib.error):
            yield zlib.decompress(cell, 47)


ALL: Final = Needles(SECRETS)
"""The twenty secrets in all their forms."""
