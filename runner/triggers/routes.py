"""
Which trigger a request means.

    /orders/{id} POST ──┐
    /orders/new  POST ──┴─► Routes ──find("/orders/new")──► the trigger and its {name} parts

A tree by path segments: at each a literal goes before a `{name}` part, and where the way it leads on has no end the
other is tried. Built whole for each catalog, then put in place at once; two paths that match alike were refused when
the files were loaded.
"""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")


class _Node(Generic[T]):
    def __init__(self) -> None:
        self.literal: dict[str, _Node[T]] = {}
        self.parameter: _Node[T] | None = None
        self.methods: dict[str, tuple[T, tuple[str, ...]]] = {}


class Routes(Generic[T]):
    """What is reached by which path and method."""

    def __init__(self, routes: Iterable[tuple[str, str, T]]) -> None:
        """`routes`: method, path as the file has it, what is there."""
        self._root: _Node[T] = _Node()
        for method, path, what in routes:
            node, names = self._root, []
            for segment in path.split("/")[1:]:
                if segment.startswith("{"):
                    names.append(segment[1:-1])
                    node.parameter = node.parameter or _Node()
                    node = node.parameter
                else:
                    node = node.literal.setdefault(unquote(segment), _Node())
            node.methods.setdefault(method, (what, tuple(names)))

    def find(self, raw_path: str, method: str) -> tuple[T, dict[str, str]] | frozenset[str]:
        """
        What is at a path as it stands in the request, and its parts; else the methods that are answered there.

        Raises UnicodeDecodeError for a path whose escapes are no UTF-8.
        """
        segments = [unquote(part, errors="strict") for part in raw_path.split("/")[1:]]
        allowed: set[str] = set()
        for node, values in self._walk(self._root, segments, 0, ()):
            at = node.methods.get(method)
            if at is not None:
                return at[0], dict(zip(at[1], values, strict=True))
            allowed.update(node.methods)
        return frozenset(allowed)

    def _walk(
        self, node: _Node[T], segments: list[str], index: int, values: tuple[str, ...]
    ) -> Iterator[tuple[_Node[T], tuple[str, ...]]]:
        if index == len(segments):
            if node.methods:
                yield node, values
            return
        segment = segments[index]
        if segment in node.literal:
            yield from self._walk(node.literal[segment], segments, index + 1, values)
        if node.parameter is not None and segment:
            yield from self._walk(node.parameter, segments, index + 1, (*values, segment))
