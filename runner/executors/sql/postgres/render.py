"""
A shape's pieces as PostgreSQL text: `$1`, `$2`, … by one of three rungs.

    shared   the same reference with the same value is one parameter
    apart    one parameter an occurrence
    cast     as `shared`, each with a cast by the value's JSON type

Values are looked at for their type and for equality, never written. Pure; `runner.executors.sql.postgres.ladder` calls
it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from runner.executors.sql.shape import Shape

Rung = Literal["shared", "apart", "cast"]

_INTEGERS: Final = (("integer", 2**31), ("bigint", 2**63))
"""PostgreSQL's own types for an integer that is written in a statement, each below its limit."""


class Rendered(NamedTuple):
    """Text for the server. Parameter `$n` takes the value of slot `order[n - 1]`."""

    sql: str
    order: tuple[int, ...]


def shared_slots(shape: Shape, values: Sequence[Any]) -> tuple[int, ...]:
    """For each slot the first one of the same source and the same value: what one parameter can stand for."""
    seen: dict[str, int] = {}
    return tuple(
        first if _is_same(values[first := seen.setdefault(slot.source, index)], values[index]) else index
        for index, slot in enumerate(shape.slots)
    )


def render(
    shape: Shape, rung: Rung, shared: tuple[int, ...], types: Sequence[str], casts: Mapping[int, str]
) -> Rendered:
    """`types` are the casts of the third rung by slot, `casts` those that the server's types ask for, by parameter."""
    numbers: dict[int, int] = {}
    parts: list[str] = []
    slot = 0
    for piece in shape.pieces:
        if isinstance(piece, str):
            parts.append(piece)
            continue
        number = numbers.setdefault(slot if rung == "apart" else shared[slot], len(numbers) + 1)
        cast = f"::{types[shared[slot]]}" if rung == "cast" else ""
        if number in casts:
            cast = f"::text{'[]' if casts[number].endswith('[]') else ''}::{casts[number]}"
        parts.append(f"${number}{cast}")
        slot += 1
    return Rendered("".join(parts), tuple(numbers))


def json_cast(value: Any) -> str:
    """The type that a value has by itself."""
    if isinstance(value, list):
        kinds = {json_cast(item) for item in value}
        kinds -= {"integer"} if "bigint" in kinds else set()
        return (
            f"{kinds.pop()}[]"
            if len(kinds) == 1 and kinds.isdisjoint({"jsonb", "bytea"}) and _is_flat(value)
            else "jsonb"
        )
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return next((name for name, limit in _INTEGERS if -limit <= value < limit), "numeric")
    return {float: "numeric", dict: "jsonb", bytes: "bytea"}.get(type(value), "text")


def _is_flat(value: list[Any]) -> bool:
    return not any(isinstance(item, list) for item in value)


def _is_same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(one == other))
