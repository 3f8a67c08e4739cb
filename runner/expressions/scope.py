"""
Where an expression's references are looked up.

The engine builds one `Scope` for what it evaluates (`runner.engine.context`); tests and `runner plan` build their
own. An expression sees nothing else: no clock, no environment, no random numbers but those the scope hands out, so
that an attempt that is repeated after a kill computes the same.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from runner.expressions.labels import ABSENT, Absent, Labelled, Path


class Scope(Protocol):
    """What `$root.path` means here."""

    now: float
    """Wall time of the attempt, seconds since 1970 UTC: what `now()` returns, the same at every call."""

    seed: bytes
    """What `uuid()` is derived from together with a counter: the same at every execution of this attempt."""

    def lookup(self, root: str, path: Path) -> tuple[Labelled | Absent, int]:
        """
        The value that `$root` and the first names of `path` lead to, and how many of these names that took.

        The evaluator walks the rest itself. `("action", ("fetch", "body", "id"))` → (value of `fetch`, 1).
        """


class MappingScope:
    """A scope over plain mappings: `{"input": {...}, "item": 3}`; for tests, `plan` and load-time constants."""

    def __init__(self, roots: Mapping[str, Any], *, now: float = 0.0, seed: bytes = b"") -> None:
        self._roots = roots
        self.now = now
        self.seed = seed

    def lookup(self, root: str, path: Path) -> tuple[Labelled | Absent, int]:  # noqa: ARG002  the evaluator walks it all
        """The root as a whole; a root that is not there is absent. A root may be given as `Labelled`."""
        if root not in self._roots:
            return ABSENT, 0
        value = self._roots[root]
        return (value if isinstance(value, Labelled) else Labelled(value)), 0
