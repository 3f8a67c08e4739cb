"""
The name a person probably meant.

    nearest("lenght", filters) → "length"

Every message about an unknown name ends with it: expressions here, keys and ids in `runner.definitions`.
"""

import difflib
from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice most like `word`, or None where nothing is like it. Case does not count."""
    spelled = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(word[:100].lower(), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else None


def suggestion(word: str, choices: Iterable[str], form: str = "{}") -> str:
    """`; did you mean length?` for the end of a message, or nothing."""
    name = nearest(word, choices)
    return f"; did you mean {form.format(name)}?" if name else ""
