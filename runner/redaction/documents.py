"""
JSON values as one text to search, and as documents that stay whole when some of their leaves are masked.

    value ──leaves()──► [texts, keys, numbers, bytes] ──joined()──► one text ──spans──► hit() ──► those to be masked
    value ──rewritten(mask those)──► a copy

Without recursion: what comes from outside nests as it likes. `runner.redaction.redactor` puts the steps together.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Final

from runner.redaction.needles import Span

Leaf = str | bytes

_LONGEST_NUMBER: Final = 14_000
"""Bits of an integer over which Python itself refuses to write it, so that nothing can leak it."""

_JSON_TYPES: Final[tuple[type[Any], ...]] = (str, dict, list, tuple, bytes, int, float)


def leaves(value: Any, *, numeric: bool) -> list[Leaf]:
    """All texts, keys and bytes, and the numbers where one could be a secret."""
    found: list[Leaf] = []
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is str or kind is bytes:
            found.append(item)
        elif kind is dict:
            found += map(str, item)
            stack += item.values()
        elif kind is list or kind is tuple:
            stack += item
        elif kind is int or kind is float:
            if numeric and is_number(item):
                found.append(repr(item))
        elif item is not None and kind is not bool:
            stack += _plain(item)
    return found


def joined(found: Sequence[Leaf]) -> bytes:
    """One text with a NUL between the leaves."""
    texts = [leaf for leaf in found if isinstance(leaf, str)]
    if len(texts) == len(found):
        return "\0".join(texts).encode("utf-8", "surrogatepass")
    return b"\0".join(map(_bytes, found))


def hit(found: Sequence[Leaf], data: bytes, spans: Iterable[Span]) -> frozenset[Leaf]:
    """The leaves in which spans of the joined text lie."""
    sizes = map(len, found) if data.isascii() and all(isinstance(leaf, str) for leaf in found) else _sizes(found)
    starts = [0, *accumulate(size + 1 for size in sizes)]
    hits: set[Leaf] = set()
    for start, end, _ in spans:
        first, last = bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1
        hits.update(found[first : last + 1])
    return frozenset(hits)


def rewritten(value: Any, hits: frozenset[Leaf], masked: Callable[[Any], Any]) -> Any:
    """A copy in which `masked` of each such leaf or key stands in its place."""
    root = [value]
    stack: list[Any] = [root]
    while stack:
        container = stack.pop()
        for place, item in list(container.items() if isinstance(container, dict) else enumerate(container)):
            if isinstance(item, dict):
                container[place] = copy = _with_masked_keys(item, hits, masked)
                stack.append(copy)
            elif isinstance(item, list | tuple):
                container[place] = copied = list(item)
                stack.append(copied)
            else:
                container[place] = _leaf(item, hits, masked)
    return root[0]


def texts_of(value: Any) -> Iterable[str]:
    """Every text, number and byte string of a value, as text; no keys."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
        elif not isinstance(item, bool) and is_number(item):
            yield repr(item)
        elif isinstance(item, bytes):
            yield item.decode("utf-8", "replace")


def is_number(item: Any) -> bool:
    """True for a number that can be written."""
    return isinstance(item, float) or (isinstance(item, int) and item.bit_length() < _LONGEST_NUMBER)


def _sizes(found: Sequence[Leaf]) -> Iterable[int]:
    return (len(_bytes(leaf)) for leaf in found)


def _bytes(leaf: Leaf) -> bytes:
    return leaf if isinstance(leaf, bytes) else leaf.encode("utf-8", "surrogatepass")


def _plain(item: Any) -> Iterable[Any]:
    """What a subclass of a JSON type is; nothing for what is no JSON value at all."""
    return [kind(item) for kind in _JSON_TYPES if isinstance(item, kind)]


def _leaf(item: Any, hits: frozenset[Leaf], masked: Callable[[Any], Any]) -> Any:
    if isinstance(item, str | bytes):
        return masked(item) if item in hits else item
    if is_number(item) and (written := repr(item)) in hits:
        shown = masked(written)
        return item if shown == written else shown
    return item


def _with_masked_keys(item: dict[Any, Any], hits: frozenset[Leaf], masked: Callable[[Any], Any]) -> dict[Any, Any]:
    """Two keys that become one mask stay two: `[secret A]`, `[secret A] 2`."""
    copy: dict[Any, Any] = {}
    for key, child in item.items():
        shown = text = masked(key) if isinstance(key, str) and key in hits else key
        count = 1
        while shown in copy:
            count += 1
            shown = f"{text} {count}"
        copy[shown] = child
    return copy
