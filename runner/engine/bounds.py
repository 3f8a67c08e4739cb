"""
Whether a value that was put together may be kept: JSON throughout, and no bigger than a response may be.

A template can name one big value many times, and the next one that value again: a few `set` actions in a row would
double it past any memory, while in memory it is the same few objects. So the size is counted before anything is
encoded. Called wherever a `set` or an `output` was evaluated.
"""

from typing import Any, Final

from runner.errors import PermanentError

_LEAF_BYTES: Final = 5
"""What a number, a boolean, null or an empty text takes at least, with its comma."""


def check_value(value: Any, most: int) -> None:
    """Raises PermanentError: `value` for bytes, `limit` for more than `most` bytes of JSON (counted from below)."""
    left = most
    open_ones = [value]
    while open_ones:
        each = open_ones.pop()
        left -= _LEAF_BYTES
        if isinstance(each, str):
            left -= len(each)
        elif isinstance(each, dict):
            left -= sum(map(len, each))
            open_ones.extend(each.values())
        elif isinstance(each, list):
            open_ones.extend(each)
        elif isinstance(each, bytes):
            raise PermanentError("bytes cannot be kept as a value: write them as text with `| b64encode`", kind="value")
        if left < 0:
            raise PermanentError(f"the value is over {most} bytes (limits.response_size)", kind="limit")
