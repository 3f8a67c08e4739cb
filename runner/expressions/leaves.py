"""
The compiled parts of a value: each finds its own value in a scope.

    Constant · FromReference · FromExpression · Mixed (text) · Bindings (statement) · Later (deferred) · Sequence ·
    Keyed

`find` gives `ABSENT` where a reference leads nowhere; `written` makes that an error, since a value that stands in a
list, a mapping or a text is written. `runner.expressions.template` builds them; nothing else knows them.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from runner.errors import EvaluationError, ExpressionLimitError
from runner.expressions.bounds import Evaluation
from runner.expressions.labels import ABSENT, NO_LABELS, Absent, Labelled, Path, names_of, whole, wrap
from runner.expressions.reference import Reference
from runner.expressions.resolve import resolve
from runner.expressions.scope import Scope
from runner.expressions.values import spell, truth

Value = Labelled | Absent

MAX_TEXT_BYTES: Final = 10_000_000
"""Of a text with references in it: as large as a response may be."""
_TOO_LONG: Final = f"the text would be longer than {MAX_TEXT_BYTES:,} characters"
_SHOWN: Final = 80


class Leaf(Protocol):
    """A compiled part."""

    def find(self, scope: Scope) -> Value:
        """The value, or `ABSENT`. Raises `EvaluationError` and what `scope.lookup` raises."""

    def absent(self) -> EvaluationError:
        """The error for an absent value that is written."""


def written(leaf: Leaf, scope: Scope) -> Labelled:
    """The value that must be there. Raises `EvaluationError` where it is absent."""
    found = leaf.find(scope)
    if isinstance(found, Absent):
        raise leaf.absent()
    return found


class _Placed:
    """A part that knows where it stands."""

    __slots__ = ("offset", "path", "source")

    def __init__(self, source: str, path: Path, offset: int) -> None:
        self.source = source
        self.path = path
        self.offset = offset

    def absent(self) -> EvaluationError:
        """Names the source, with the cure."""
        shown = self.source if len(self.source) <= _SHOWN else self.source[:_SHOWN] + "…"
        return EvaluationError(
            f"{shown} is absent here; where it may be, write {{{{ … | default(…) }}}}",
            path=self.path,
            offset=self.offset,
        )


class _AlwaysThere:
    """A part that is never absent itself; what stands in it raises its own error."""

    __slots__ = ()

    def absent(self) -> EvaluationError:
        """Cannot come about; an error all the same, with no more to say."""
        return EvaluationError("the value is absent")


class Constant(_AlwaysThere):
    """A value without references: the same object every time, so nobody may change it."""

    __slots__ = ("labelled",)

    def __init__(self, value: Any) -> None:
        self.labelled = Labelled(value)

    def find(self, scope: Scope) -> Labelled:  # noqa: ARG002  a constant is the same in every scope
        """Itself."""
        return self.labelled


class FromReference(_Placed):
    """One reference: keeps its type and its labels."""

    __slots__ = ("reference",)

    def __init__(self, reference: Reference, source: str, path: Path, offset: int) -> None:
        super().__init__(source, path, offset)
        self.reference = reference

    def find(self, scope: Scope) -> Value:
        """What it leads to."""
        return resolve(scope, self.reference)


class FromExpression(_Placed):
    """One expression: keeps its type and its labels."""

    __slots__ = ("evaluate", "parsed")

    def __init__(self, parsed: Any, evaluate: Callable[..., Value], source: str, path: Path, offset: int) -> None:
        super().__init__(source, path, offset)
        self.parsed = parsed
        self.evaluate = evaluate

    def find(self, scope: Scope) -> Value:
        """What it computes."""
        return self.evaluate(self.parsed, scope, self.path, self.offset)


class Mixed(_AlwaysThere):
    """Text with holes; each value in JSON's spelling, text bare. Labels lie on the whole."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | FromReference | FromExpression, ...]) -> None:
        self.parts = parts

    def find(self, scope: Scope) -> Labelled:
        """The text."""
        pieces: list[str] = []
        names: frozenset[str] = frozenset()
        size = 0
        for part in self.parts:
            if isinstance(part, str):
                pieces.append(part)
                continue
            value, labels = written(part, scope)
            piece = value if type(value) is str else _spelled(value, part)
            size += len(piece)
            if size > MAX_TEXT_BYTES:
                raise ExpressionLimitError(_TOO_LONG, path=part.path, offset=part.offset)
            pieces.append(piece)
            if labels:
                names |= names_of(labels)
        text = "".join(pieces)
        return whole(text, names) if names else Labelled(text)


class Bound(NamedTuple):
    """A reference or `{{ }}` inside a statement: as it was written, and the value it has (secrets wrapped)."""

    source: str
    value: Any


class Statement:
    """A text cut at its references; the values are never spliced into it. For SQL."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | Bound, ...]) -> None:
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statement) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(tuple(part if isinstance(part, str) else part.source for part in self.parts))

    def __repr__(self) -> str:
        """The text with the sources, never a value."""
        return f"Statement({''.join(part if isinstance(part, str) else part.source for part in self.parts)!r})"


class Bindings(_AlwaysThere):
    """A statement's text with holes whose values are handed on beside it."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | FromReference | FromExpression, ...]) -> None:
        self.parts = parts

    def find(self, scope: Scope) -> Labelled:
        """The `Statement`; its secrets are wrapped, so that it carries no labels."""
        return Labelled(
            Statement(
                tuple(
                    part if isinstance(part, str) else Bound(part.source, wrap(written(part, scope)))
                    for part in self.parts
                )
            )
        )


class Deferred:
    """An expression over `$this` that an executor computes itself, any number of times."""

    __slots__ = ("_leaf", "_scope", "source")

    def __init__(self, source: Any, leaf: Leaf, scope: Scope) -> None:
        self.source = source
        self._leaf = leaf
        self._scope = scope

    def evaluate(self, this: Labelled) -> Labelled:
        """Its value where `$this` is `this`. Raises `EvaluationError`, for an absent value too."""
        return written(self._leaf, _WithThis(self._scope, this))

    def test(self, this: Labelled) -> bool:
        """Whether it is true; absent is false."""
        found = self._leaf.find(_WithThis(self._scope, this))
        return not isinstance(found, Absent) and truth(found.value)

    def __repr__(self) -> str:
        return f"Deferred({self.source!r})"


class Later(_AlwaysThere):
    """Something to compute later, in this scope and with `$this`."""

    __slots__ = ("leaf", "source")

    def __init__(self, source: Any, leaf: Leaf) -> None:
        self.source = source
        self.leaf = leaf

    def find(self, scope: Scope) -> Labelled:
        """The `Deferred`."""
        return Labelled(Deferred(self.source, self.leaf, scope))


class Sequence(_AlwaysThere):
    """A list: `fixed` with the computed items put in at their places."""

    __slots__ = ("computed", "fixed")

    def __init__(self, fixed: list[Any], computed: tuple[tuple[int, Leaf], ...]) -> None:
        self.fixed = fixed
        self.computed = computed

    def find(self, scope: Scope) -> Labelled:
        """The list, each label on its path."""
        return _filled(self.fixed.copy(), self.computed, scope)


class Keyed(_AlwaysThere):
    """A mapping: `fixed` with the computed values put in at their keys, in the order that was written."""

    __slots__ = ("computed", "fixed")

    def __init__(self, fixed: dict[str, Any], computed: tuple[tuple[str, Leaf], ...]) -> None:
        self.fixed = fixed
        self.computed = computed

    def find(self, scope: Scope) -> Labelled:
        """The mapping, each label on its path."""
        return _filled(self.fixed.copy(), self.computed, scope)


def _filled(made: Any, computed: tuple[tuple[Any, Leaf], ...], scope: Scope) -> Labelled:
    labels: dict[Path, frozenset[str]] | None = None
    for key, leaf in computed:
        found = leaf.find(scope)
        if found is ABSENT:
            raise leaf.absent()
        made[key], below = found  # type: ignore[misc]  # `Absent` went above; the loop is too hot for isinstance
        if below:
            if labels is None:
                labels = {}
            for path, names in below.items():
                labels[key, *path] = names
    return Labelled(made, NO_LABELS if labels is None else labels)


def _spelled(value: Any, part: _Placed) -> str:
    try:
        return spell(Evaluation(max_result=MAX_TEXT_BYTES), value)
    except EvaluationError as error:
        message = f"{part.source[:_SHOWN]}: {error}"
        kind = ExpressionLimitError if isinstance(error, ExpressionLimitError) else EvaluationError
        raise kind(message, path=part.path, offset=part.offset) from None


class _WithThis:
    """A scope in which `$this` has a value too."""

    __slots__ = ("_scope", "_this", "now", "seed")

    def __init__(self, scope: Scope, this: Labelled) -> None:
        self._scope = scope
        self._this = this
        self.now = scope.now
        self.seed = scope.seed

    def lookup(self, root: str, path: Path) -> tuple[Value, int]:
        """`$this`, or what the scope says."""
        return (self._this, 0) if root == "this" else self._scope.lookup(root, path)
