"""
Our walker over Jinja's syntax tree: the value of an expression and the secrets it came from, within bounds.

    Expression(text).evaluate(scope) ──walk──► Labelled(value, labels) | ABSENT

Each kind of node has one rule in `_RULES` (it stands alone) or in `_STEPS` (it goes on from the value at its left; a
chain of them is walked in a loop). A rule gives a `Labelled` or `ABSENT` and knows what becomes of labels.
Comparisons, `in`, `not`, tests and lengths are declassified on purpose. There is no rule for methods, loops or Python
attributes, so there is nothing to escape from. `runner.expressions.leaves` holds expressions;
`runner.expressions.check` refused at load what has no rule.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from jinja2 import nodes

from runner.errors import EvaluationError, ExpressionLimitError
from runner.expressions.bounds import MAX_RESULT_BYTES, Evaluation
from runner.expressions.check import LEFT_FIELD
from runner.expressions.invoke import Value, invoke, joined_names, value_of
from runner.expressions.labels import ABSENT, Absent, Labelled, Names, Path, names_of, whole
from runner.expressions.library import FILTERS, FUNCTIONS, TESTS
from runner.expressions.library.arguments import gathered, mapped
from runner.expressions.library.function import Function
from runner.expressions.library.predicates import contains
from runner.expressions.operators import compute, negate
from runner.expressions.parse import Parsed
from runner.expressions.reference import Reference
from runner.expressions.resolve import resolve
from runner.expressions.scope import Scope
from runner.expressions.subscript import sliced, subscript
from runner.expressions.values import before, child, is_number, kind_of, leave, same, spell, truth

_SYMBOLS: Final[Mapping[type[nodes.Node], str]] = MappingProxyType(
    {
        nodes.Add: "+",
        nodes.Sub: "-",
        nodes.Mul: "*",
        nodes.Div: "/",
        nodes.FloorDiv: "//",
        nodes.Mod: "%",
        nodes.Pow: "**",
    }
)
_ORDER: Final[Mapping[str, Callable[[int], bool]]] = MappingProxyType(
    {
        "lt": lambda sign: sign < 0,
        "lteq": lambda sign: sign <= 0,
        "gt": lambda sign: sign > 0,
        "gteq": lambda sign: sign >= 0,
    }
)


def evaluate(parsed: Parsed, scope: Scope, path: Path, start: int, max_result: int = MAX_RESULT_BYTES) -> Value:
    """
    The value of a parsed expression in `scope`; `path` and `start` say where it stands, for errors and for `uuid()`.

    Raises `EvaluationError` with path and offset, `ExpressionLimitError` for bounds, and whatever `scope.lookup`
    raises.
    """
    walker = _Walker(parsed, scope, path, Evaluation(scope.now, scope.seed, f"{path}:{start}", max_result))
    found = walker.value(parsed.tree)
    if not isinstance(found, Absent) and walker.evaluation.special:
        try:
            return Labelled(leave(found.value), found.labels)
        except RecursionError:
            raise ExpressionLimitError("the value is nested too deep", path=path, offset=start) from None
    return found


class _Walker:
    """One look at one expression."""

    __slots__ = ("evaluation", "path", "placed", "references", "scope")

    def __init__(self, parsed: Parsed, scope: Scope, path: Path, evaluation: Evaluation) -> None:
        self.references: Mapping[str, Reference] = parsed.references
        self.scope = scope
        self.path = path
        self.evaluation = evaluation
        self.placed: EvaluationError | None = None

    def value(self, node: nodes.Node) -> Value:
        """Down the left edge to what stands alone, then up again, step by step."""
        chain = []
        while (field := LEFT_FIELD.get(type(node))) is not None:
            chain.append(node)
            node = getattr(node, field)
        found: Value = self.guard(node, _RULES[type(node)], node)
        for outer in reversed(chain):
            found = self.guard(outer, _STEPS[type(outer)], outer, found)
        return found

    def guard(self, node: nodes.Node, rule: Callable[..., Any], *given: Any) -> Any:
        """One step; an error that has no place yet gets the node's."""
        try:
            self.evaluation.step()
            return rule(self, *given)
        except EvaluationError as error:
            if error is not self.placed:
                self.placed = error
                error.path, error.offset = self.path, node.lineno
            raise
        except RecursionError:
            self.placed = ExpressionLimitError("the value is nested too deep", path=self.path, offset=node.lineno)
            raise self.placed from None

    def present(self, node: nodes.Node, found: Value) -> Labelled:
        """What is there; an absent value is an error where it is computed with."""
        if isinstance(found, Absent):
            raise EvaluationError(f"{self.describe(node)} is absent; where it may be, write `| default(…)`")
        return found

    def needed(self, node: nodes.Node) -> Labelled:
        return self.present(node, self.value(node))

    def describe(self, node: nodes.Node) -> str:
        """The source of a node, as far as a message needs it."""
        if isinstance(node, nodes.Name):
            return str(self.references[node.name])
        if isinstance(node, nodes.Getattr):
            return f"{self.describe(node.node)}.{node.attr}"[:100]
        if isinstance(node, nodes.Getitem):
            shown = node.arg.value if isinstance(node.arg, nodes.Const) else "…"
            return f"{self.describe(node.node)}[{shown!r}]"[:100] if shown != "…" else f"{self.describe(node.node)}[…]"
        if isinstance(node, nodes.Filter):
            return f"the result of `| {node.name}`"
        return "the value"

    # what stands alone

    def const(self, node: nodes.Const) -> Value:
        return Labelled(node.value)

    def name(self, node: nodes.Name) -> Value:
        return resolve(self.scope, self.references[node.name])

    def sequence(self, node: nodes.List | nodes.Tuple) -> Value:
        made = gathered([self.needed(item) for item in node.items])
        self.evaluation.weigh(made.value)
        return made

    def mapping(self, node: nodes.Dict) -> Value:
        parts: dict[str, Labelled] = {}
        names: Names = frozenset()
        for pair in node.items:
            key = self.needed(pair.key)
            if not isinstance(key.value, str) and not is_number(key.value):
                raise EvaluationError(f"a key of a mapping is text, found {kind_of(key.value)}")
            parts[spell(self.evaluation, key.value)] = self.needed(pair.value)
            names |= names_of(key.labels)
        made = mapped(parts, names)
        self.evaluation.weigh(made.value)
        return made

    def choice(self, node: nodes.CondExpr) -> Value:
        if truth_of(self.value(node.test)):
            return self.value(node.expr1)
        return self.value(node.expr2) if node.expr2 is not None else ABSENT

    def negation(self, node: nodes.Not) -> Value:
        return Labelled(not truth_of(self.value(node.node)))

    def minus(self, node: nodes.Neg) -> Value:
        found = self.needed(node.node)
        return whole(negate(found.value), names_of(found.labels))

    def plus(self, node: nodes.Pos) -> Value:
        found = self.needed(node.node)
        negate(found.value)
        return found

    def concatenation(self, node: nodes.Concat) -> Value:
        parts = [self.needed(item) for item in node.nodes]
        pieces = [spell(self.evaluation, part.value) for part in parts]
        self.evaluation.room(sum(map(len, pieces)))
        return whole("".join(pieces), joined_names(*parts))

    def call(self, node: nodes.Call) -> Value:
        assert isinstance(node.node, nodes.Name)
        return self.invoke(f"{node.node.name}()", FUNCTIONS[node.node.name], [], node)

    # what goes on from a value

    def arithmetic(self, node: nodes.BinExpr, left: Value) -> Value:
        one, other = self.present(node.left, left), self.needed(node.right)
        made = compute(self.evaluation, _SYMBOLS[type(node)], one.value, other.value)
        return whole(made, names_of(one.labels) | names_of(other.labels))

    def conjunction(self, node: nodes.And, left: Value) -> Value:
        return self.value(node.right) if truth_of(left) else left

    def disjunction(self, node: nodes.Or, left: Value) -> Value:
        return left if truth_of(left) else self.value(node.right)

    def comparison(self, node: nodes.Compare, left: Value) -> Value:
        place: nodes.Node = node.expr
        for operand in node.ops:
            right = self.value(operand.expr)
            if not self.compare(operand, place, left, right):
                return Labelled(False)
            place, left = operand.expr, right
        return Labelled(True)

    def compare(self, operand: nodes.Operand, place: nodes.Node, left: Value, right: Value) -> bool:
        one, other = value_of(left), value_of(right)
        if operand.op in {"eq", "ne"}:
            return same(self.evaluation, one, other) is (operand.op == "eq")
        if operand.op in {"in", "notin"}:
            return contains(self.evaluation, other, one) is (operand.op == "in")
        ordered = before(self.present(place, left).value, self.present(operand.expr, right).value)
        return _ORDER[operand.op](ordered)

    def attribute(self, node: nodes.Getattr, left: Value) -> Value:
        return ABSENT if isinstance(left, Absent) else child(left, node.attr)

    def item(self, node: nodes.Getitem, left: Value) -> Value:
        if isinstance(left, Absent):
            return ABSENT
        if isinstance(node.arg, nodes.Slice):
            return self.cut(node.arg, left)
        return subscript(self.evaluation, left, self.needed(node.arg).value)

    def cut(self, node: nodes.Slice, left: Labelled) -> Value:
        bounds = [None if part is None else self.needed(part).value for part in (node.start, node.stop, node.step)]
        return sliced(self.evaluation, left, bounds)

    def filter(self, node: nodes.Filter, left: Value) -> Value:
        function = FILTERS[node.name]
        assert node.node is not None, "only `{% filter %}` has none"
        piped = left if function.absent else self.present(node.node, left)
        return self.invoke(f"`| {node.name}`", function, [piped], node)

    def test(self, node: nodes.Test, left: Value) -> Value:
        function = TESTS[node.name]
        piped = left if function.absent else self.present(node.node, left)
        return self.invoke(f"`is {node.name}`", function, [piped], node)

    # calls

    def invoke(self, name: str, function: Function, piped: list[Value], node: Any) -> Value:
        """A filter, function or test with its arguments; its errors get its name."""
        may_be_absent = function.parameters[: function.absent]
        given = [
            *piped,
            *(self.argument(item, at < function.absent) for at, item in enumerate(node.args, len(piped))),
        ]
        named = {pair.key: self.argument(pair.value, pair.key in may_be_absent) for pair in node.kwargs}
        return invoke(self.evaluation, name, function, given, named)

    def argument(self, node: nodes.Expr, absent: bool) -> Value:  # noqa: FBT001  whether this one may be absent
        found = self.value(node)
        return found if absent else self.present(node, found)


def truth_of(found: Value) -> bool:
    """Absent is false."""
    return not isinstance(found, Absent) and truth(found.value)


_RULES: Final[Mapping[type[nodes.Node], Callable[..., Value]]] = MappingProxyType(
    {
        nodes.Const: _Walker.const,
        nodes.Name: _Walker.name,
        nodes.List: _Walker.sequence,
        nodes.Tuple: _Walker.sequence,
        nodes.Dict: _Walker.mapping,
        nodes.CondExpr: _Walker.choice,
        nodes.Not: _Walker.negation,
        nodes.Neg: _Walker.minus,
        nodes.Pos: _Walker.plus,
        nodes.Concat: _Walker.concatenation,
        nodes.Call: _Walker.call,
    }
)
_STEPS: Final[Mapping[type[nodes.Node], Callable[..., Value]]] = MappingProxyType(
    {
        **dict.fromkeys(_SYMBOLS, _Walker.arithmetic),
        nodes.And: _Walker.conjunction,
        nodes.Or: _Walker.disjunction,
        nodes.Compare: _Walker.comparison,
        nodes.Getattr: _Walker.attribute,
        nodes.Getitem: _Walker.item,
        nodes.Filter: _Walker.filter,
        nodes.Test: _Walker.test,
    }
)
