"""
What a function of the library may be given, checked: the value of the right kind, or an `EvaluationError`.

A message says what was expected and which kind was found, never the value; the evaluator puts the function's name
before it.
"""

import re
from itertools import repeat
from typing import Any, Final

from runner.errors import EvaluationError
from runner.expressions.bounds import MAX_DIGITS, Evaluation
from runner.expressions.labels import ABSENT, NO_LABELS, Absent, Labelled, Names, children, under
from runner.expressions.values import child, is_number, kind_of

_STEP: Final = re.compile(r"[0-9]{1,9}")


def text(value: Any, name: str = "") -> str:
    """Text; `name` is the argument's, empty for the value itself."""
    if isinstance(value, str):
        return str(value)
    cure = "; write | string" if isinstance(value, bytes | int | float) and not isinstance(value, bool) else ""
    raise _wrong("text", value, name, cure)


def number(value: Any, name: str = "") -> Any:
    """A number; true and false are none."""
    if is_number(value):
        return value
    cure = "; write | int or | float" if isinstance(value, str) else ""
    raise _wrong("a number", value, name, cure)


def whole(value: Any, name: str = "", *, least: int = 0, most: int = 1_000_000) -> int:
    """A whole number from `least` to `most`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong("a whole number", value, name)
    if not least <= value <= most:
        raise EvaluationError(f"needs `{name}` from {least:,} to {most:,}")
    return value


def items(value: Any, name: str = "") -> list[Any]:
    """A list."""
    if isinstance(value, list):
        return value
    cure = "; take its | values or | items" if isinstance(value, dict) else ""
    raise _wrong("a list", value, name, cure)


def mapping(value: Any, name: str = "") -> dict[str, Any]:
    """A mapping."""
    if isinstance(value, dict):
        return value
    raise _wrong("a mapping", value, name)


def octets(value: Any, name: str = "") -> bytes:
    """Bytes, or text as its UTF-8."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise _wrong("text or bytes", value, name)
    return utf8(value)


def utf8(value: str) -> bytes:
    """The text's UTF-8."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise EvaluationError("is given a text with half a surrogate pair, which no encoding can write") from None


def digits(value: str) -> str:
    """The text of a number, short enough to be read."""
    if len(value) > MAX_DIGITS:
        raise EvaluationError(f"reads numbers of at most {MAX_DIGITS:,} digits")
    return value


def elements(evaluation: Evaluation, labelled: Labelled) -> list[Labelled]:
    """The items of a list, each with its own labels; one step each."""
    listed = items(labelled.value)
    evaluation.step(len(listed))
    if not labelled.labels:
        return list(map(Labelled._make, zip(listed, repeat(NO_LABELS))))
    if not labelled.labels:
        return list(map(Labelled._make, zip(items(labelled.value), repeat(NO_LABELS))))
    return [part for _, part in children(labelled)]


def entries(evaluation: Evaluation, labelled: Labelled, name: str = "") -> dict[str, Labelled]:
    """The values of a mapping by key, each with its own labels; one step each."""
    evaluation.step(len(mapping(labelled.value, name)))
    return {str(key): part for key, part in children(labelled)}


def gathered(parts: list[Labelled]) -> Labelled:
    """A list of these items, each keeping its labels."""
    values = [part.value for part in parts]
    if not any(part.labels for part in parts):
        return Labelled(values)
    labels = {path: names for index, part in enumerate(parts) for path, names in under(part.labels, index).items()}
    return Labelled(values, labels)


def mapped(parts: dict[str, Labelled], names: Names = frozenset()) -> Labelled:
    """A mapping of these values, each keeping its labels; `names` are those that the keys came from."""
    labels = {path: own for key, part in parts.items() if part.labels for path, own in under(part.labels, key).items()}
    if names:
        labels[()] = names
    return Labelled({key: part.value for key, part in parts.items()}, labels)


def at_path(labelled: Labelled, attribute: Any) -> Labelled | Absent:
    """
    What `attribute` leads to: `"owner.name"`, `"0.id"`, or an index; the `Labelled` there, or `ABSENT`.

    A key that holds the dots itself is found first.
    """
    if isinstance(attribute, int) and not isinstance(attribute, bool):
        return child(labelled, attribute)
    found = child(labelled, text(attribute, "attribute"))
    if found is not ABSENT or "." not in attribute:
        return found
    found = labelled
    for step in attribute.split("."):
        if isinstance(found, Absent):
            return ABSENT
        found = child(found, int(step) if _STEP.fullmatch(step) and isinstance(found.value, list) else step)
    return found


def must_have(labelled: Labelled, attribute: Any, index: int) -> Labelled:
    """As `at_path`, an error where it leads nowhere; `attribute` None is the value itself."""
    if attribute is None:
        return labelled
    found = at_path(labelled, attribute)
    if isinstance(found, Absent):
        raise EvaluationError(f"finds no such attribute in item {index}")
    return found


def _wrong(expected: str, value: Any, name: str, cure: str = "") -> EvaluationError:
    return EvaluationError(f"needs {expected}{f' as `{name}`' if name else ''}, found {kind_of(value)}{cure}")
