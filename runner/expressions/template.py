"""
Values with references and expressions in them, compiled once and evaluated often.

    {"url": "https://h/$input.id"} ──compile_template──► Template ──evaluate(scope)──► Labelled({"url": …}, labels)

`kinds` says by path how a text is compiled:

    template    text with references and `{{ }}`; one alone keeps its type (this is the default)
    expression  an expression, with braces or without
    statement   text whose references become `Bound` values beside it; counts for everything below its path
    deferred    an expression computed later over `$this`; a list or mapping becomes one `Deferred` of templates
    literal     never a template; counts for everything below its path

Keys of mappings are never templates. `runner.definitions` compiles to check, `runner.engine` to compute, executors
only see the `Statement` and `Deferred` that come out.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from runner.errors import ExpressionError, ExpressionSyntaxError
from runner.expressions.cut import Hole, cut, cut_expression
from runner.expressions.foresee import foreseen
from runner.expressions.labels import Absent, Labelled, Path
from runner.expressions.leaves import (
    Bindings,
    Bound,
    Constant,
    Deferred,
    FromExpression,
    FromReference,
    Keyed,
    Later,
    Leaf,
    Mixed,
    Sequence,
    Statement,
    written,
)
from runner.expressions.reference import Reference
from runner.expressions.scope import Scope
from runner.expressions.values import truth

__all__ = [
    "Bound",
    "Deferred",
    "LeafKind",
    "Reference",
    "Slot",
    "Statement",
    "Template",
    "Use",
    "compile_all",
    "compile_expression",
    "compile_template",
    "statement_parts",
]

LeafKind = Literal["template", "expression", "statement", "deferred", "literal"]

MAX_NESTING: Final = 100
"""How deep lists and mappings may be nested in a value that is compiled."""


class Use(NamedTuple):
    """One place where a template names a reference: the leaf's path in the value, the offset in its text."""

    reference: Reference
    path: Path
    offset: int


class Template:
    """A compiled value. A constant one evaluates to the very value it was compiled from: nobody may change it."""

    __slots__ = ("_root", "is_constant", "source", "uses")

    source: Any
    uses: tuple[Use, ...]
    is_constant: bool

    def __init__(self, source: Any, root: Leaf, uses: tuple[Use, ...]) -> None:
        self.source = source
        self.uses = uses
        self.is_constant = isinstance(root, Constant)
        self._root = root

    def evaluate(self, scope: Scope) -> Labelled:
        """
        Its value. Raises `EvaluationError` with path and offset, for an absent value too, and what `scope.lookup`
        raises.
        """
        return written(self._root, scope)

    def try_evaluate(self, scope: Scope) -> Labelled | Absent:
        """As `evaluate`, but `ABSENT` where the whole value is absent."""
        return self._root.find(scope)

    def foresee(self, scope: Scope) -> Labelled | Absent:
        """As `try_evaluate`, with an `Unknown` wherever the scope says that a part is not known yet."""
        return foreseen(self._root, scope)

    def test(self, scope: Scope) -> bool:
        """Whether it is true; absent is false. Raises as `evaluate` but for that."""
        found = self._root.find(scope)
        return not isinstance(found, Absent) and truth(found.value)


class Slot(NamedTuple):
    """A place in a statement where a value will be bound: as written, where in the text, and what computes it."""

    source: str
    offset: int
    template: Template


def compile_template(value: Any, kinds: Mapping[Path, LeafKind] | None = None) -> Template:
    """A JSON value compiled. Raises the first `ExpressionSyntaxError` in it, with path and offset."""
    template, errors = compile_all(value, kinds)
    if template is None:
        raise errors[0]
    return template


def compile_expression(text: str) -> Template:
    """One expression, with braces or without: `if`, `for_each`, `until`. Raises `ExpressionSyntaxError`."""
    return compile_template(text, {(): "expression"})


def compile_all(
    value: Any, kinds: Mapping[Path, LeafKind] | None = None
) -> tuple[Template | None, tuple[ExpressionError, ...]]:
    """A JSON value compiled, or None and what is wrong in it: one error a text, each with its path and offset."""
    compiler = _Compiler(kinds or {})
    root = compiler.compile(value, (), "template")
    if compiler.errors:
        return None, tuple(compiler.errors)
    return Template(value, root, tuple(compiler.uses)), ()


def statement_parts(text: str) -> tuple[str | Slot, ...]:
    """A statement's text and slots, nothing evaluated: for who lexes SQL at load. Raises `ExpressionSyntaxError`."""
    compiler = _Compiler({})
    parts = cut(text)
    leaves = [(part, compiler.hole(part, ())) for part in parts if isinstance(part, Hole)]
    slots = iter(Slot(hole.source, hole.offset, _slot_template(hole, leaf)) for hole, leaf in leaves)
    return tuple(part if isinstance(part, str) else next(slots) for part in parts)


def _slot_template(hole: Hole, leaf: Leaf) -> Template:
    return Template(hole.source, leaf, tuple(Use(reference, (), offset) for reference, offset in hole.places))


class _Compiler:
    """One value being compiled; gathers uses and errors on its way."""

    def __init__(self, kinds: Mapping[Path, LeafKind]) -> None:
        self.kinds = kinds
        self.uses: list[Use] = []
        self.errors: list[ExpressionError] = []

    def compile(self, value: Any, path: Path, kind: LeafKind) -> Leaf:
        """`kind` is what the value above hands down; a kind of its own goes before it."""
        kind = self.kinds.get(path, kind) if self.kinds else kind
        if kind == "literal":
            return Constant(value)
        if isinstance(value, str):
            return self.text(value, path, kind)
        if not isinstance(value, list | dict):
            return Constant(value)
        if len(path) >= MAX_NESTING:
            self.errors.append(
                ExpressionSyntaxError(f"lists and mappings are nested deeper than {MAX_NESTING}", path=path)
            )
            return Constant(value)
        inner = self.container(value, path, "statement" if kind == "statement" else "template")
        return Later(value, inner) if kind == "deferred" else inner

    def container(self, value: Any, path: Path, kind: LeafKind) -> Leaf:
        pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
        leaves = [(key, self.compile(item, (*path, key), kind)) for key, item in pairs]
        computed = tuple((key, leaf) for key, leaf in leaves if not isinstance(leaf, Constant))
        fixed = {key: leaf.labelled.value if isinstance(leaf, Constant) else None for key, leaf in leaves}
        if not computed:
            unchanged = all(fixed[key] is item for key, item in pairs)
            return Constant(value if unchanged else fixed if isinstance(value, dict) else list(fixed.values()))
        return Keyed(fixed, computed) if isinstance(value, dict) else Sequence(list(fixed.values()), computed)

    def text(self, text: str, path: Path, kind: LeafKind) -> Leaf:
        try:
            if kind in {"expression", "deferred"}:
                leaf: Leaf = self.hole(cut_expression(text), path)
                return Later(text, leaf) if kind == "deferred" else leaf
            parts = cut(text)
        except ExpressionError as error:
            error.path = path
            self.errors.append(error)
            return Constant(None)
        if kind == "statement":
            return Bindings(self.filled(parts, path))
        if len(parts) > 1:
            return Mixed(self.filled(parts, path))
        part = parts[0] if parts else ""
        return Constant(part) if isinstance(part, str) else self.hole(part, path)

    def filled(self, parts: tuple[str | Hole, ...], path: Path) -> tuple[str | FromReference | FromExpression, ...]:
        return tuple(part if isinstance(part, str) else self.hole(part, path) for part in parts)

    def hole(self, hole: Hole, path: Path) -> FromReference | FromExpression:
        self.uses += [Use(reference, path, offset) for reference, offset in hole.places]
        if isinstance(hole.content, Reference):
            return FromReference(hole.content, hole.source, path, hole.offset)
        from runner.expressions.evaluate import evaluate  # noqa: PLC0415  as `cut`: only what needs Jinja imports it

        return FromExpression(hole.content, evaluate, hole.source, path, hole.offset)
