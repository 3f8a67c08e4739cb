"""
What can be said against an expression before it is computed.

    check(tree, references)    raises for the first node that the evaluator would not know

Unknown names, filters, functions, tests and arguments, methods, attributes of a secret, depth. What passes here is a
tree of some 30 kinds of node, each of which `runner.expressions.evaluate` has a rule for. `runner.expressions.parse`
is the caller.
"""

from collections.abc import Mapping
from typing import Final

from jinja2 import nodes

from runner.errors import ExpressionSyntaxError
from runner.expressions.bounds import MAX_DEPTH
from runner.expressions.library import ELSEWHERE, FILTERS, FUNCTIONS, TESTS
from runner.expressions.library.function import Function
from runner.expressions.nearest import suggestion
from runner.expressions.reference import ONE_NAME, ROOTS, Reference

LEFT_FIELD: Final[Mapping[type[nodes.Node], str]] = {
    **dict.fromkeys((nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test), "node"),
    **dict.fromkeys(
        (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.And, nodes.Or), "left"
    ),
    nodes.Compare: "expr",
}
"""
Nodes that go on from a value at their left, and the field it stands in: a chain of them is one level deep, however
long.
"""

_KNOWN: Final = frozenset(LEFT_FIELD) | {
    nodes.Const, nodes.Name, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.CondExpr, nodes.Not, nodes.Neg,
    nodes.Pos, nodes.Concat, nodes.Operand, nodes.Call, nodes.Slice, nodes.Keyword,
}  # fmt: skip
_WORDS: Final = frozenset({"and", "or", "not", "if", "else", "in", "is"})


def check(tree: nodes.Expr, references: Mapping[str, Reference]) -> None:
    """Raises `ExpressionSyntaxError` with the offset that the node keeps as `lineno`."""
    stack: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise _error(node, f"the expression is nested deeper than {MAX_DEPTH}")
        if type(node) not in _KNOWN:
            raise _error(node, "this is not known in an expression")
        _check_node(node, references)
        left = LEFT_FIELD.get(type(node))
        for field in node.fields:
            value = getattr(node, field)
            below = [value] if isinstance(value, nodes.Node) else value if isinstance(value, list) else ()
            deeper = depth + (field != left and not isinstance(node, nodes.Pair | nodes.Operand | nodes.Keyword))
            stack.extend((item, deeper) for item in reversed(below) if isinstance(item, nodes.Node))
        if isinstance(node, nodes.Call):
            stack = [entry for entry in stack if entry[0] is not node.node]


def _check_node(node: nodes.Node, references: Mapping[str, Reference]) -> None:
    if isinstance(node, nodes.Name):
        _check_name(node)
    elif isinstance(node, nodes.Filter):
        _check_call(node, "filter", node.name, FILTERS, piped=1)
    elif isinstance(node, nodes.Test):
        _check_call(node, "test", node.name, TESTS, piped=1)
    elif isinstance(node, nodes.Call):
        _check_function(node, references)
    elif isinstance(node, nodes.Compare):
        node.lineno = node.expr.lineno  # Jinja's parser gives it the place after its last operand
    elif isinstance(node, nodes.Getattr | nodes.Getitem):
        _check_step(node, references)


def _check_name(node: nodes.Name) -> None:
    name = node.name
    if name.startswith("$"):
        return
    if name in _WORDS:
        raise _error(node, f"`{name}` is not expected here; a value is")
    if name in ROOTS:
        cure = f"did you mean ${name}?"
    elif name in FUNCTIONS:
        cure = f"did you mean {name}()?"
    elif name in FILTERS:
        cure = f"did you mean `… | {name}`?"
    else:
        cure = f"did you mean $input.{name[:60]}, or the text '{name[:60]}'?"
    raise _error(node, f"`{name[:60]}` is no value: references begin with `$`; {cure}")


def _check_step(node: nodes.Getattr | nodes.Getitem, references: Mapping[str, Reference]) -> None:
    if isinstance(node, nodes.Getattr) and node.attr.startswith("$"):
        raise _error(node, f"`{node.attr[:60]}` cannot follow a dot; write […] around it")
    inner = node.node
    if not isinstance(inner, nodes.Name) or (isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice)):
        return
    reference = references.get(inner.name)
    if reference and reference.root in ONE_NAME:
        raise _error(
            node, f"{reference} is text and has nothing below it; if it holds JSON, write ({reference} | fromjson).NAME"
        )


def _check_function(node: nodes.Call, references: Mapping[str, Reference]) -> None:
    called = node.node
    if isinstance(called, nodes.Name) and not called.name.startswith("$"):
        node.lineno = called.lineno
        _check_call(node, "function", called.name, FUNCTIONS, piped=0)
        return
    name = called.attr if isinstance(called, nodes.Getattr) else _last_name(called, references)
    if name:
        known = (
            f"write `… | {name}`" if name in FILTERS else ELSEWHERE.get(name, "the functions are filters: `… | upper`")
        )
        raise _error(node, f"values have no methods, so `.{name[:60]}()` is not known; {known}")
    raise _error(node, "only a function can be called, by its name")


def _last_name(called: nodes.Node, references: Mapping[str, Reference]) -> str:
    """`items` of `$input.x.items()`: the reference took it for a key."""
    path = references[called.name].path if isinstance(called, nodes.Name) else ()
    return path[-1] if path and isinstance(path[-1], str) else ""


def _check_call(
    node: nodes.Filter | nodes.Test | nodes.Call, kind: str, name: str, known: Mapping[str, Function], *, piped: int
) -> None:
    if name not in known:
        raise _error(node, f"there is no {kind} `{name[:60]}`{_cure(name, kind, known)}")
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise _error(node, f"`{name}` takes its arguments one by one, not by `*`")
    keywords = [str(keyword.key) for keyword in node.kwargs if isinstance(keyword, nodes.Keyword)]
    function = known[name]
    if function.applies:
        problem = _problem_with_applying(function, node.args, keywords)
    else:
        problem = function.problem_with(piped + len(node.args), keywords, piped=piped)
    if problem:
        raise _error(node, f"{kind} `{name}` {problem}")


def _problem_with_applying(function: Function, args: list[nodes.Expr], keywords: list[str]) -> str | None:
    """`map('round', precision=2)`: what stands before the name is its own, the rest goes on to what is named."""
    assert function.applies is not None
    kind, position = function.applies
    own = [keyword for keyword in keywords if keyword in function.parameters]
    if function.parameters[position + 1] in own:
        return f"takes the name of a {kind} without `{function.parameters[position + 1]}=`"
    if len(args) <= position:
        return function.problem_with(1 + len(args), keywords, piped=1)
    problem = function.problem_with(1 + position, own, piped=1)
    named = args[position]
    if problem:
        return problem
    if not isinstance(named, nodes.Const) or not isinstance(named.value, str):
        return f"takes the name of a {kind} as a text in quotes"
    known = FILTERS if kind == "filter" else TESTS
    if named.value not in known:
        return f"names a {kind} that is not there: `{named.value[:60]}`{_cure(named.value, kind, known)}"
    applied = known[named.value]
    if applied.applies:
        return f"cannot apply `{named.value}`"
    rest = [keyword for keyword in keywords if keyword not in own]
    problem = applied.problem_with(len(args) - position, rest, piped=1)
    return f"applies `{named.value}`, which {problem}" if problem else None


def _cure(name: str, kind: str, known: Mapping[str, Function]) -> str:
    if name in ELSEWHERE:
        return f"; {ELSEWHERE[name]}"
    if kind != "function" and name in FUNCTIONS:
        return f"; it is a function: {name}()"
    if kind != "filter" and name in FILTERS:
        return f"; it is a filter: `… | {name}`"
    return suggestion(name, known, "`{}`")


def _error(node: nodes.Node, message: str) -> ExpressionSyntaxError:
    return ExpressionSyntaxError(message, offset=node.lineno)
