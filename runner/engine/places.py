"""
How an action inside bodies that nest is named: its place.

    fetch   sites[3]   sites[3]/check   poll~2/ask

The journal, logs, pages and idempotency keys name an action so (`runner.events`); the state machine makes places with
these functions; only who was given a place from outside takes it apart, to find what it means.
"""

import re
from typing import Final

_COUNTED: Final = re.compile(r"\[\d+\]|~\d+")
_LAST: Final = re.compile(r"(?:/[^/\[~]+|\[\d+\]|~\d+)$")


def inner(scope: str, action: str) -> str:
    """The place of `action` in the body at `scope`; the file's own body has the empty scope."""
    return f"{scope}/{action}" if scope else action


def item(place: str, index: int) -> str:
    """The place of one item of the `for_each` at `place`."""
    return f"{place}[{index}]"


def scope_of_attempt(place: str, attempt: int) -> str:
    """The scope of a group's body: each attempt has its own, the first bears the group's place."""
    return place if attempt == 1 else f"{place}~{attempt}"


def steps(place: str) -> list[tuple[str, bool, bool]]:
    """The ids from the outermost group to the action itself; each with whether an item is named, and an attempt."""
    return [(_COUNTED.sub("", step), "[" in step, "~" in step) for step in place.split("/")]


def around(place: str) -> str:
    """What the place lies in: an item's `for_each`, an attempt's group, an action's group; empty for the file's own."""
    cut = _LAST.sub("", place)
    return cut if cut != place else ""
