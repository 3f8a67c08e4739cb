"""
How an action inside bodies that nest is named: its place.

    fetch   sites[3]   sites[3]/check   poll~2/ask

The journal, logs, pages and idempotency keys name an action so (`runner.events`); the state machine makes places with
these functions and nothing takes them apart but for showing.
"""


def inner(scope: str, action: str) -> str:
    """The place of `action` in the body at `scope`; the file's own body has the empty scope."""
    return f"{scope}/{action}" if scope else action


def item(place: str, index: int) -> str:
    """The place of one item of the `for_each` at `place`."""
    return f"{place}[{index}]"


def scope_of_attempt(place: str, attempt: int) -> str:
    """The scope of a group's body: each attempt has its own, the first bears the group's place."""
    return place if attempt == 1 else f"{place}~{attempt}"
