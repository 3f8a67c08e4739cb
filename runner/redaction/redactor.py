"""
The one door that text passes on its way out.

    value ──leaves──► one search over all of them ──nothing──► the same object
                                                  └─found────► each leaf and key masked, the document stays whole

Leaves are masked before they are encoded; masks are never masked again, so a text that passes twice stays as it is.
Should masking itself fail, the text is not let through: `<redaction failed>` stands in its place.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from runner.redaction.forms import is_telling
from runner.redaction.needles import Names, Needles, Span, merge

FAILED: Final = "<redaction failed>"

_MASK: Final = re.compile(rb"\[secret ([^\[\]]{1,4000})\]")
_LONGEST_NUMBER: Final = 14_000
"""Bits of an integer over which Python itself refuses to write it, so that nothing can leak it."""


_TURNS: Final = 8
"""Turns in which a text has to come to rest; a second one is needed only where masks and text make up a new secret."""

_JSON_TYPES: Final[tuple[type[Any], ...]] = (str, dict, list, tuple, bytes, int, float)


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
            chain = self._chain()
            if not any(needles.has(data) for needles in chain):
                return text
            return _masked(data, chain).decode("utf-8", "surrogatepass")
        except Exception:  # noqa: BLE001  whatever went wrong, the text must not pass
            return FAILED

    def value(self, value: Any) -> Any:
        """A JSON value (or bytes) with its leaves and keys so treated; the same object where nothing was found."""
        try:
            chain = self._chain()
            data = _joined(value, numeric=any(needles.numeric for needles in chain))
            if not any(needles.has(data) for needles in chain):
                return value
            return _rewritten(value, chain)
        except Exception:  # noqa: BLE001  whatever went wrong, the value must not pass
            return FAILED


class Redactor(_Masking):
    """The daemon's redactor. What is secret comes from sources (`vault`, `env`, `own`), each replaced as a whole."""

    def __init__(self) -> None:
        self._sources: dict[str, Needles] = {}
        self._all: tuple[Needles, ...] = ()

    def know(self, source: str, values: Mapping[str, Iterable[str]]) -> None:
        """From now on mask these values: `{"API_KEY": ["…"]}`; what the source gave before is forgotten."""
        self.use(source, Needles.of(values))

    def use(self, source: str, needles: Needles) -> None:
        """The same, compiled elsewhere."""
        self._sources[source] = needles
        self._all = tuple(self._sources.values())

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
        self._own: Needles | None = None

    def add(self, labelled: LabelledValue) -> None:
        """
        From now on mask the labelled parts of this value wherever they appear in the run.

        A text that is nothing but what is known already and words (`Bearer ` and a vault's value) adds nothing.
        """
        for path, names in labelled.labels.items():
            for text in _texts(_at(labelled.value, path)):
                self._add(text, names)

    def _add(self, text: str, names: Names) -> None:
        shown = ", ".join(sorted(names))
        if text in self._values.get(shown, ()):
            return
        chain = self._parent._chain()  # noqa: SLF001  family
        rest = _MASK.sub(b" ", _masked(text.encode("utf-8", "surrogatepass"), chain))
        if not any(is_telling(word) for word in rest.split()):
            return
        self._values.setdefault(shown, set()).add(text)
        self._own = None

    def _chain(self) -> tuple[Needles, ...]:
        chain = self._parent._chain()  # noqa: SLF001  family
        if not self._values:
            return chain
        if self._own is None:
            self._own = Needles.of(self._values)
        return (*chain, self._own)


def _masked(data: bytes, chain: tuple[Needles, ...]) -> bytes:
    """Masked until nothing is left to mask; masks are not touched, so each turn leaves less. Raises RecursionError."""
    known = frozenset().union(*(needles.names for needles in chain))
    for _ in range(_TURNS):
        spans = merge(span for needles in chain for span in needles.find(data))
        pieces = _outside(spans, _masks(data, known)) if b"[secret " in data else spans
        if not pieces:
            return data
        out: list[bytes] = []
        done = 0
        for span in pieces:
            out += (data[done : span.start], f"[secret {', '.join(sorted(span.names))}]".encode())
            done = span.end
        data = b"".join((*out, data[done:]))
    raise RecursionError("masks within masks")


def _masks(data: bytes, known: Names) -> list[tuple[int, int]]:
    """Where masks stand already; a mask of a name that nobody knows is text, or a peer could hide a secret in one."""
    return [
        match.span()
        for match in _MASK.finditer(data)
        if known.issuperset(match[1].decode("utf-8", "replace").split(", "))
    ]


def _outside(spans: list[Span], masks: list[tuple[int, int]]) -> list[Span]:
    """What of the spans lies outside of the masks. Both are in order and do not overlap among themselves."""
    pieces: list[Span] = []
    first = 0
    for span in spans:
        start = span.start
        while first < len(masks) and masks[first][1] <= start:
            first += 1
        index = first
        while index < len(masks) and masks[index][0] < span.end:
            if start < masks[index][0]:
                pieces.append(Span(start, masks[index][0], span.names))
            start = max(start, masks[index][1])
            index += 1
        if start < span.end:
            pieces.append(Span(start, span.end, span.names))
    return pieces


def _joined(value: Any, *, numeric: bool) -> bytes:
    """All leaves and keys with a line's end between them: one search instead of one a leaf."""
    texts: list[str] = []
    raw: list[bytes] = []
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is str:
            texts.append(item)
        elif kind is dict:
            texts += map(str, item)
            stack += item.values()
        elif kind is list or kind is tuple:
            stack += item
        elif kind is bytes:
            raw.append(item)
        elif kind is int or kind is float:
            if numeric and _is_number(item):
                texts.append(repr(item))
        elif item is not None and kind is not bool:
            stack += _plain(item)
    return b"\n".join(("\n".join(texts).encode("utf-8", "surrogatepass"), *raw))


def _plain(item: Any) -> Iterable[Any]:
    """What a subclass of a JSON type is; nothing for what is no JSON value at all."""
    return [kind(item) for kind in _JSON_TYPES if isinstance(item, kind)]


def _is_number(item: Any) -> bool:
    return isinstance(item, float) or (isinstance(item, int) and item.bit_length() < _LONGEST_NUMBER)


def _rewritten(value: Any, chain: tuple[Needles, ...]) -> Any:
    """A copy with every leaf and key masked; without recursion, since what comes from outside nests as it likes."""
    root = [value]
    stack: list[Any] = [root]
    while stack:
        container = stack.pop()
        for place, item in list(container.items() if isinstance(container, dict) else enumerate(container)):
            if isinstance(item, dict):
                container[place] = copy = _with_masked_keys(item, chain)
                stack.append(copy)
            elif isinstance(item, list | tuple):
                container[place] = copied = list(item)
                stack.append(copied)
            else:
                container[place] = _leaf(item, chain)
    return root[0]


def _leaf(item: Any, chain: tuple[Needles, ...]) -> Any:
    if isinstance(item, str):
        return _text(item, chain)
    if isinstance(item, bytes):
        return _masked(item, chain)
    if _is_number(item):
        written = repr(item)
        masked = _text(written, chain)
        return item if masked == written else masked
    return item


def _text(text: str, chain: tuple[Needles, ...]) -> str:
    return _masked(text.encode("utf-8", "surrogatepass"), chain).decode("utf-8", "surrogatepass")


def _with_masked_keys(item: dict[Any, Any], chain: tuple[Needles, ...]) -> dict[Any, Any]:
    """Two keys that become one mask stay two: `[secret A]`, `[secret A] 2`."""
    copy: dict[Any, Any] = {}
    for key, child in item.items():
        shown = masked = _text(key, chain) if isinstance(key, str) else key
        count = 1
        while shown in copy:
            count += 1
            shown = f"{masked} {count}"
        copy[shown] = child
    return copy


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _texts(value: Any) -> Iterable[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
        elif not isinstance(item, bool) and _is_number(item):
            yield repr(item)
        elif isinstance(item, bytes):
            yield item.decode("utf-8", "replace")
