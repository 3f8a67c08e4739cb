"""
Which column a reference is written into, where the text shows it plainly.

    insert into orders (id, total) values ($input.id, $input.total)      $input.total → orders, total
    insert into orders values ($input.id)                                $input.id    → orders, the first column
    update orders set total = $input.total where …                       $input.total → orders, total

For databases that report no parameter types: MySQL rounds 1.5 to 2 in an integer column without a word, so its session
asks what type such a column has. A value inside an expression is the statement's own business and has no target. Pure;
called by `runner.executors.sql.shape`.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from runner.executors.sql.lexer import Token

_AFTER_A_VALUE: Final = frozenset(("", ",", ";", "where", "order", "limit", "on", "returning"))


class Column(NamedTuple):
    """A column of `table` (as written): by its name, or by its place from 0 where the text names none."""

    table: str
    name: str
    place: int


def targets(grammar: Sequence[Token]) -> Mapping[int, Column]:
    """The column of each reference or placeholder (by its index in `grammar`) that is written as it is."""
    words = [token.low for token in grammar[:4]]
    start = next((index for index, word in enumerate(words) if word in {"into", "update"}), None)
    if start is None or words[0] not in {"insert", "replace", "update"}:
        return {}
    table, after = _name(grammar, start + 1)
    return {**_assigned(grammar, table), **_listed(grammar, table, after)}


def _name(grammar: Sequence[Token], at: int) -> tuple[str, int]:
    """The table's name from `at` on, with its dots, and the index after it."""
    parts: list[str] = []
    while at < len(grammar) and (grammar[at].low == "." or not parts or parts[-1] == "."):
        parts.append(grammar[at].text)
        at += 1
    return "".join(parts), at


def _assigned(grammar: Sequence[Token], table: str) -> dict[int, Column]:
    """`set column = value`, and what follows ON DUPLICATE KEY UPDATE; not what a WHERE compares."""
    found: dict[int, Column] = {}
    is_condition = False
    for index in range(3, len(grammar)):
        name, equals = grammar[index - 2], grammar[index - 1]
        before, after = grammar[index - 3].low, _low(grammar, index + 1)
        is_condition = before not in {"set", "update"} and (is_condition or before == "where")
        is_value = grammar[index].kind in {"ref", "mark"} and equals.low == "=" and after in _AFTER_A_VALUE
        is_column = name.kind in {"word", "quoted"} and before in {"set", ",", "update", "."}
        if is_value and is_column and not is_condition:
            found[index] = Column(table, _bare(name), -1)
    return found


def _listed(grammar: Sequence[Token], table: str, at: int) -> dict[int, Column]:
    """`(columns) values (value, …), (…)`."""
    names: list[str] = []
    if _low(grammar, at) == "(":
        end = next((index for index in range(at, len(grammar)) if grammar[index].low == ")"), len(grammar))
        names = [_bare(token) for token in grammar[at + 1 : end] if token.kind in {"word", "quoted"}]
        at = end + 1
    if _low(grammar, at) not in {"values", "value"}:
        return {}
    found: dict[int, Column] = {}
    depth = place = 0
    for index in range(at + 1, len(grammar)):
        low = grammar[index].low
        depth += (low == "(") - (low == ")")
        place = 0 if low == "(" and depth == 1 else place + (low == "," and depth == 1)
        alone = depth == 1 and grammar[index - 1].low in {"(", ","} and _low(grammar, index + 1) in {")", ","}
        if grammar[index].kind in {"ref", "mark"} and alone and (not names or place < len(names)):
            found[index] = Column(table, names[place] if names else "", place)
    return found


def _bare(token: Token) -> str:
    """A column's name as the database compares it: without quotes, in lower case."""
    return token.text.strip('`"[]').replace("``", "`").lower()


def _low(grammar: Sequence[Token], index: int) -> str:
    return grammar[index].low if index < len(grammar) else ""
