"""
What YAML reading gives: a tree of nodes, each with its JSON value and where it stands in the file.

`runner.definitions.tree` builds it; the shape reader and the findings walk it. Nothing here knows YAML.
"""

from typing import Any

from runner.errors import Problem


class Node:
    """One value of the file. `items` is None for a scalar; `start` and `end` count characters of the text from 0."""

    __slots__ = (
        "broken",
        "characters",
        "column",
        "end",
        "height",
        "items",
        "keys",
        "line",
        "start",
        "style",
        "value",
        "values",
    )

    def __init__(self, event: Any, value: Any, items: "dict[str, Node] | list[Node] | None" = None) -> None:
        mark = event.start_mark
        self.value = value
        self.items = items
        self.keys: dict[str, tuple[int, int]] = {}
        self.line: int = mark.line + 1
        self.column: int = mark.column + 1
        self.start: int = mark.index
        self.end: int = event.end_mark.index
        self.style: str | None = getattr(event, "style", None)
        self.broken = False
        self.values = 1
        self.characters = len(value) if type(value) is str else 8
        self.height = 0

    @property
    def place(self) -> tuple[int, int]:
        """Line and column, counted from 1."""
        return self.line, self.column

    def child(self, step: str | int) -> "Node | None":
        """The node below at a key or an index, or None."""
        items = self.items
        if isinstance(items, dict):
            return items.get(step) if isinstance(step, str) else None
        if isinstance(items, list) and isinstance(step, int) and step < len(items):
            return items[step]
        return None


class Document:
    """A file that could be read: its root, its text, and what was wrong in between."""

    __slots__ = ("file", "problems", "root", "text")

    def __init__(self, file: str, text: str, root: Node, problems: list[Problem]) -> None:
        self.file = file
        self.text = text
        self.root = root
        self.problems = problems
