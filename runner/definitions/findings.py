"""
What was found wrong in one file, each with its place.

    findings.at(("actions", 0, "timeout"), "expected a duration") → file:9:14: actions[0].timeout: expected a duration

The shape reader and the checks say where by key path; this finds line and column. One value a file, made and emptied by
`runner.definitions.load`.
"""

from typing import Final, Literal

from runner.definitions.nodes import Document, Node
from runner.definitions.offsets import place_in
from runner.definitions.paths import Path, show
from runner.errors import Problem

MAX_PROBLEMS: Final = 300
"""Problems that are told of one file; more help nobody."""

MAX_MESSAGE: Final = 500
"""Characters of one message: a name may be as long as the file."""

Severity = Literal["error", "warning"]


class Findings:
    """Collects problems; `broken` nodes were told already and are left out by those who ask `node`."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._problems = list(document.problems)

    def at(self, path: Path, message: str, *, offset: int | None = None, severity: Severity = "error") -> None:
        """A problem of the value at `path`, or of its character at `offset`; the nearest value above where none is."""
        if len(self._problems) < MAX_PROBLEMS:
            node = self._nearest(path)
            place = node.place if offset is None else place_in(self._document.text, node, offset)
            self._add(path, message, place, severity)

    def at_key(self, path: Path, message: str, *, severity: Severity = "error") -> None:
        """A problem of the key that ends `path`."""
        parent = self._nearest(path[:-1])
        self._add(path, message, parent.keys.get(str(path[-1]), parent.place), severity)

    def node(self, path: Path) -> Node | None:
        """The node at `path`."""
        node: Node | None = self._document.root
        for step in path:
            node = node.child(step) if node is not None else None
        return node

    def place(self, path: Path, offset: int) -> tuple[int, int]:
        """Line and column of the character at `offset` of the value at `path`, or of the nearest value above."""
        return place_in(self._document.text, self._nearest(path), offset)

    def has(self, path: Path) -> bool:
        """Whether the file has a value at `path`."""
        return self.node(path) is not None

    @property
    def count(self) -> int:
        """How many there are by now."""
        return len(self._problems)

    @property
    def failed(self) -> bool:
        """Whether any of them is an error."""
        return any(problem.severity == "error" for problem in self._problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All of them in the order of the file."""
        return tuple(sorted(self._problems, key=lambda problem: (problem.line, problem.column)))

    def _nearest(self, path: Path) -> Node:
        node = self._document.root
        for step in path:
            below = node.child(step)
            if below is None:
                break
            node = below
        return node

    def _add(self, path: Path, message: str, place: tuple[int, int], severity: Severity) -> None:
        if len(self._problems) == MAX_PROBLEMS:
            return
        self._problems.append(
            Problem(
                message=message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…",
                file=self._document.file,
                line=place[0],
                column=place[1],
                path=show(path),
                severity=severity,
            )
        )
