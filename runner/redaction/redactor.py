"""
The one door that text passes on its way out.

    value ──leaves──► one search over all of them ──nothing──► the same object
                                                  └─found────► each leaf and key masked, the document stays whole

Leaves are masked before they are encoded; masks are never masked again, so a text that passes twice stays as it is.
Should masking itself fail, the text is not let through: `<redaction failed>` stands in its place.

What is secret comes from sources (`vault`, `env`, `own`), those that are small and stay compiled into one search. A
run's own values are compiled when they are first needed, so that none is ever missing; each only a few times, however
many there are.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from runner.redaction.documents import hit, joined, leaves, rewritten, texts_of
from runner.redaction.forms import is_telling
from runner.redaction.layers import layered
from runner.redaction.masks import MASK, found, masked
from runner.redaction.needles import Names, Needles, Table, table_of
from runner.redaction.needles import joined as joined_tables

FAILED: Final = "<redaction failed>"


class LabelledValue(Protocol):
    """A JSON value and the names of the secrets that its parts came from; `()` labels the whole."""

    @property
    def value(self) -> Any:
        """The JSON value."""

    @property
    def labels(self) -> Mapping[tuple[str | int, ...], Names]:
        """Names by path."""


class _Masking(ABC):
    """What the daemon's redactor and a run's have in common: searching and masking over a chain of needles."""

    @abstractmethod
    def _chain(self) -> tuple[Needles, ...]:
        """The needles to search for, one set after the other."""

    def text(self, text: str) -> str:
        """The text with every known secret, in every known form, as `[secret NAME]`."""
        try:
            data = text.encode("utf-8", "surrogatepass")
            shown = masked(data, self._chain())
            return text if shown is data else shown.decode("utf-8", "surrogatepass")
        except Exception:  # noqa: BLE001  whatever went wrong, the text must not pass
            return FAILED

    def value(self, value: Any) -> Any:
        """A JSON value (or bytes) with its leaves and keys so treated; the same object where nothing was found."""
        try:
            chain = self._chain()
            all_leaves = leaves(value, numeric=any(needles.numeric for needles in chain))
            data = joined(all_leaves)
            lying = found(data, chain)
            if not lying:
                return value
            return rewritten(value, hit(all_leaves, data, lying), lambda leaf: _leaf(leaf, chain))
        except Exception:  # noqa: BLE001  whatever went wrong, the value must not pass
            return FAILED


class Redactor(_Masking):
    """The daemon's redactor. Each source is replaced as a whole."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._compiled: dict[str, tuple[Needles, ...]] = {}
        self._all: tuple[Needles, ...] = (Needles.tokens(),)
        self._small = self._all[0]

    def know(self, source: str, values: Mapping[str, Iterable[str]]) -> None:
        """
        From now on mask these few values: `{"API_KEY": ["…"]}`; what the source gave before is forgotten.

        Compiled at once, with those of the other sources that were made known so.
        """
        self._tables[source] = table_of(values)
        self._small = Needles(joined_tables(Needles.tokens().table, *self._tables.values()))
        self._link()

    def use(self, source: str, *needles: Needles) -> None:
        """The same for what was compiled elsewhere, many values or ones that change often; none: forget the source."""
        self._compiled[source] = needles
        self._link()

    def _link(self) -> None:
        self._all = (self._small, *(each for several in self._compiled.values() for each in several))

    def child(self) -> "RunRedactor":
        """A run's redactor: it masks all that this one does, whenever that changes, and what the run adds."""
        return RunRedactor(self)

    def _chain(self) -> tuple[Needles, ...]:
        return self._all


class RunRedactor(_Masking):
    """The redactor of one run, dropped after it."""

    def __init__(self, parent: Redactor) -> None:
        self._parent = parent
        self._values: dict[str, set[str]] = {}
        self._waiting: dict[str, list[str]] = {}
        self._layers: tuple[Needles, ...] = ()
        self._compiling = threading.Lock()

    def add(self, labelled: LabelledValue) -> None:
        """
        From now on mask the labelled parts of this value wherever they appear in the run.

        A text that is nothing but what is known already and words (`Bearer ` and a vault's value) adds nothing.
        """
        for path, names in labelled.labels.items():
            for text in texts_of(_at(labelled.value, path)):
                self._add(text, names)

    def _add(self, text: str, names: Names) -> None:
        shown = ", ".join(sorted(names))
        if text in self._values.get(shown, ()):
            return
        chain = self._parent._chain()  # noqa: SLF001  family
        rest = MASK.sub(b" ", masked(text.encode("utf-8", "surrogatepass"), chain))
        if not any(is_telling(word) for word in rest.split()):
            return
        self._values.setdefault(shown, set()).add(text)
        with self._compiling:
            self._waiting.setdefault(shown, []).append(text)

    def _chain(self) -> tuple[Needles, ...]:
        with self._compiling:
            if self._waiting:
                self._layers = layered(self._layers, Needles.of(self._waiting, lasting=False))
                self._waiting = {}
        chain = self._parent._chain()  # noqa: SLF001  family
        return (*chain, *self._layers)


def _leaf(leaf: str | bytes, chain: tuple[Needles, ...]) -> str | bytes:
    if isinstance(leaf, bytes):
        return masked(leaf, chain)
    return masked(leaf.encode("utf-8", "surrogatepass"), chain).decode("utf-8", "surrogatepass")


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value
