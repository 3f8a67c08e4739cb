"""
Which parts of a result are secret though no vault knows them: columns called `password`, `api_key` and the like.

    {row, rows, row_count} ──secret_parts()──► {("rows", 0, "password"): {"result"}, ("row", "password"): {"result"}}

By the list of `runner.redaction.known`, which is that of JSON keys, also within JSON columns. `executor` labels each
result; the engine seals what is labelled and masks it for people. Later actions get the values all the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runner.expressions.labels import NO_LABELS, Labels, Names, Path
from runner.redaction.known import is_secret_key, is_secret_value, secret_paths

NAME: Final[Names] = frozenset({"result"})
"""The name that these parts bear: `[secret result]`."""


def secret_parts(rows: Sequence[Mapping[str, Any]], path: Path = ()) -> Labels:
    """The labels of `{row, rows, row_count}`, as it stands at `path`."""
    found: dict[Path, Names] = {}
    for index, row in enumerate(rows):
        for place in _places(row):
            found[(*path, "rows", index, *place)] = NAME
            if not index:
                found[(*path, "row", *place)] = NAME
    return found or NO_LABELS


def _places(row: Mapping[str, Any]) -> Iterator[Path]:
    for column, value in row.items():
        if is_secret_key(column) and is_secret_value(value):
            yield (column,)
        elif isinstance(value, dict | list):
            yield from secret_paths(value, (column,))
