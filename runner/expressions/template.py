"""
Values with references and expressions in them, compiled once and evaluated often.

Contract; the module's owner fills it in.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from runner.expressions.labels import Labelled, Path
from runner.expressions.scope import Scope


class Reference(NamedTuple):
    """`$root.path` as it stands in a text: `("action", ("fetch", "body", 0))`."""

    root: str
    path: Path


class Use(NamedTuple):
    """One place where a template names a reference: the leaf's path in the value, the offset in its text."""

    reference: Reference
    path: Path
    offset: int


class Bound(NamedTuple):
    """A reference or `{{ }}` inside a statement: as it was written, and the value it has (secrets wrapped)."""

    source: str
    value: Any


class Statement:
    """A text cut at its references; the values are never spliced into it. For SQL."""

    parts: tuple[str | Bound, ...]


class Deferred:
    """An expression over `$this` that an executor computes itself, any number of times."""

    source: str

    def evaluate(self, this: Labelled) -> Labelled: ...

    def test(self, this: Labelled) -> bool: ...


LeafKind = Literal["template", "expression", "statement", "deferred", "literal"]


class Template:
    """A compiled value."""

    source: Any
    uses: tuple[Use, ...]
    is_constant: bool

    def evaluate(self, scope: Scope) -> Labelled: ...

    def test(self, scope: Scope) -> bool: ...


def compile_template(value: Any, kinds: Mapping[Path, LeafKind] | None = None) -> Template: ...


def compile_expression(text: str) -> Template: ...
