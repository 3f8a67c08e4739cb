"""
A value that must not be seen: wrapped at the door, revealed at the last call.

`runner.secrets` wraps what it resolves, the evaluator carries the names (`runner.expressions`), `wrap` puts the wrapped
value back into a rendered config, and only an executor's last line calls `reveal`. Nothing else may.
"""

from typing import Any, NoReturn

import msgspec


class Secret:
    """
    A JSON value (mostly text), or bytes, that came from one or more secrets.

    `names` are the secrets it was made from, sorted. It prints as `Secret(NAME, ****)` everywhere and cannot be
    pickled, iterated, compared with text or written as JSON.
    """

    __slots__ = ("_value", "names")

    def __init__(self, names: frozenset[str], value: Any) -> None:
        self.names = names
        self._value = value

    def reveal(self) -> Any:
        """The value itself. Call it where it leaves the process and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({', '.join(sorted(self.names))}, ****)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.names == other.names and self._value == other._value

    def __hash__(self) -> int:
        return hash(self.names)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled")

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be iterated")


def reveal(value: Any) -> Any:
    """`value` with every `Secret` in it replaced by what it holds: dicts, lists and leaves."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def names_in(value: Any) -> frozenset[str]:
    """The names of every `Secret` in `value`: leaves of dicts, lists and models."""
    if isinstance(value, Secret):
        return value.names
    if isinstance(value, dict):
        return frozenset().union(*map(names_in, value.values()))
    if isinstance(value, list | tuple):
        return frozenset().union(*map(names_in, value))
    return names_in(msgspec.structs.asdict(value)) if isinstance(value, msgspec.Struct) else frozenset()
