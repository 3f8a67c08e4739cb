"""
What was searched for and what was found, as a table for a person: shapes down, outputs across.

    Outputs, Needles ──lines()──► found/searched of each shape in each kind of output, the masks and bytes below

`test_leaks` writes it to standard output: `pytest -s` shows it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from tests.acceptance.leaks.needles import Needles

KINDS: Final = (
    ("database", (".db (", ".db: ")),
    ("WAL", ("-wal (", "-shm (")),
    ("backup", ("backup",)),
    ("log", ("log",)),
    ("answers", ("answer to ",)),
    ("pages", ("page: ",)),
    ("API", ("API: ",)),
    ("runs show", ("runs show",)),
    ("terminal", ("terminal: ",)),
    ("commands", ("",)),
)
"""Outputs by what stands in their names; the first that fits counts."""

MASK: Final = b"[secret "


def lines(outputs: Mapping[str, bytes], needles: Needles) -> Iterator[str]:
    """The table."""
    found: Counter[tuple[str, str]] = Counter()
    masks: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for name, data in outputs.items():
        kind = next(kind for kind, parts in KINDS if any(part in name for part in parts))
        masks[kind] += data.count(MASK)
        size[kind] += len(data)
        for each in needles.in_(data):
            found[kind, each.partition(" as ")[2]] += 1
    names = [kind for kind, _ in KINDS]
    searched = needles.by_shape()
    width = max(map(len, searched))
    yield f"{'shape':{width}}  " + "".join(f"{name:>12}" for name in names)
    for shape, count in searched.items():
        yield f"{shape:{width}}  " + "".join(f"{f'{found[name, shape]}/{count}':>12}" for name in names)
    yield f"{'masks':{width}}  " + "".join(f"{masks[name]:>12}" for name in names)
    yield f"{'kilobytes':{width}}  " + "".join(f"{size[name] // 1000:>12}" for name in names)
