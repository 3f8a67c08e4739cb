"""
Values of the vault that are opened when they are asked for, and not before.

    row ──sealed──► Cell ──value()──► opened once, kept          Values: cells by name, as a mapping of what is in them

`runner.secrets.content` makes them of rows that were verified: a command that lists ten thousand secrets decrypts none,
the daemon opens all of them in a thread, for masking. Threads may ask at once: the worst is that one value is opened
twice.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Cell:
    """One version's value. `unseal` opens it; what it raises, `value` raises."""

    __slots__ = ("_unseal", "_value")

    def __init__(self, unseal: Callable[[], str]) -> None:
        self._unseal: Callable[[], str] | None = unseal
        self._value = ""

    def value(self) -> str:
        """Opened now, where it has not been. Raises VaultTamperedError."""
        unseal = self._unseal
        if unseal is not None:
            self._value = unseal()
            self._unseal = None
        return self._value


class Cells(NamedTuple):
    """
    A secret's versions, oldest first, each by its sealed data key, unlike any other. `current` is one of them.
    """

    current: Cell
    versions: Mapping[bytes, Cell]


class Values(Mapping[str, T]):
    """What `read` makes of each secret's cells, by name."""

    def __init__(self, cells: Mapping[str, Cells], read: Callable[[Cells], T]) -> None:
        self._cells = cells
        self._read = read

    def __getitem__(self, name: str) -> T:
        return self._read(self._cells[name])

    def __contains__(self, name: object) -> bool:
        return name in self._cells

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)


def current(cells: Cells) -> str:
    """The value of today."""
    return cells.current.value()


def every(cells: Cells) -> tuple[str, ...]:
    """The values of all versions."""
    return tuple(cell.value() for cell in cells.versions.values())
