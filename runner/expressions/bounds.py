"""
What one evaluation may use: steps, bytes, digits, depth, time in regular expressions (language, Expressions).

    evaluation.step(n)     n more items are touched
    evaluation.read(size)  so much text is gone through
    evaluation.room(size)  a text of so many bytes will be made: asked before it is (`fits` while it grows)
    evaluation.weigh(v)    the JSON size of a list or mapping that was made

One `Evaluation` lives for one expression and one look at it; every function of the library gets it as its first
argument and asks before it makes anything. It also holds all an expression may know of time and chance, so that it
computes the same again.
"""

import hashlib
import hmac
import time
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn

from runner.errors import EvaluationError, ExpressionLimitError

MAX_STEPS: Final = 100_000
MAX_RESULT_BYTES: Final = 1_000_000
MAX_MADE_BYTES: Final = 16_000_000
"""All that one evaluation makes on its way, results of filters within a chain included."""
MAX_DIGITS: Final = 1_000
MAX_BITS: Final = 3_321
"""Of a whole number: just under `MAX_DIGITS` decimal digits."""
MAX_DEPTH: Final = 50
MAX_EXPRESSION_CHARACTERS: Final = 10_000
MAX_REGEX_SECONDS: Final = 0.08
"""CPU time of all matching in one evaluation: linear for one match, but a text may hold a match at every letter."""
_BYTES_A_STEP: Final = 256
_NODES_A_STEP: Final = 4
_REMEMBERED_LENGTH: Final = 8
"""A flat list or mapping up to this length is weighed again rather than kept in mind."""


class Evaluation:
    """
    One evaluation of one expression. `now` is wall time in seconds; `place` tells this expression from its
    neighbours.
    """

    __slots__ = ("_drawn", "_made", "_max_result", "_regex_seconds", "_seed", "_steps", "_weights", "now", "special")

    def __init__(
        self, now: float = 0.0, seed: bytes = b"", place: str = "", max_result: int = MAX_RESULT_BYTES
    ) -> None:
        self.now = now
        self.special = False
        """Whether a date, a duration or a digest was made, which must not leave the expression as it is."""
        self._seed = (seed, place)
        self._steps = MAX_STEPS
        self._made = 0
        self._max_result = max_result
        self._drawn = 0
        self._regex_seconds = 0.0
        self._weights: dict[int, tuple[Any, int, int]] = {}

    @property
    def steps_left(self) -> int:
        """How many more items may be touched."""
        return self._steps

    def step(self, count: int = 1) -> None:
        """Take `count` steps. Raises `ExpressionLimitError` when there are none left."""
        self._steps -= count
        if self._steps < 0:
            raise ExpressionLimitError(f"the expression takes more than {MAX_STEPS:,} steps")

    def read(self, size: int) -> None:
        """Go through `size` characters or bytes of what is there already."""
        self.step(size // _BYTES_A_STEP)

    def fits(self, size: int) -> None:
        """Raises `ExpressionLimitError` where one result of `size` characters or bytes is too large; takes nothing."""
        if size > self._max_result:
            raise ExpressionLimitError(f"the result would be larger than {self._max_result:,} bytes")

    def room(self, size: int) -> None:
        """Make room for a result of `size` characters or bytes. Raises `ExpressionLimitError`."""
        self.fits(size)
        self._made += size
        if self._made > max(MAX_MADE_BYTES, self._max_result * 2):
            raise ExpressionLimitError(f"the expression makes more than {MAX_MADE_BYTES:,} bytes on its way")

    def random(self, size: int) -> bytes:
        """Up to 32 bytes that nobody can guess and that are the same when the attempt is executed again."""
        self._drawn += 1
        seed, place = self._seed
        message = f"{place}\n{self._drawn}".encode("utf-8", "surrogatepass")
        return hmac.digest(seed, message, hashlib.sha256)[:size]

    def matching(self, began: float) -> float:
        """Account for matching since `began` (`time.thread_time()`); the time now. Raises `ExpressionLimitError`."""
        now = time.thread_time()
        self._regex_seconds += now - began
        if self._regex_seconds > MAX_REGEX_SECONDS:
            raise ExpressionLimitError("the regular expression matches too slowly on a text of this size")
        return now

    def weigh(self, value: Any, times: int = 1) -> int:
        """
        The JSON size of `value` in bytes, about, taken `times`; each list and mapping is gone through once an
        evaluation.

        Raises `ExpressionLimitError` where that is larger than a result may be, or nested deeper than 50.
        """
        weight = self._weigh(value, 0)[0] if isinstance(value, dict | list) else _leaf_weight(value)
        self.fits(weight * times)
        return weight * times

    def _weigh(self, value: Any, depth: int) -> tuple[int, int]:
        """The weight of a list or mapping and how deep it is; what is shared is gone through once."""
        known = self._weights.get(id(value))
        if known is None:
            self.step(1 + len(value) // _NODES_A_STEP)
            mapping = isinstance(value, dict)
            weight = 2 + len(value) + (sum(map(len, value)) + 3 * len(value) if mapping else 0)
            height = 1
            for node in value.values() if mapping else value:
                kind = type(node)
                if kind is str:
                    weight += len(node) + 2
                elif kind is dict or kind is list:
                    if depth >= MAX_DEPTH:
                        self._too_deep()
                    below, under = self._weigh(node, depth + 1)
                    weight += below
                    height = max(height, under + 1)
                    self.fits(weight)
                else:
                    weight += _leaf_weight(node)
            self.fits(weight)
            known = (value, weight, height)
            if len(value) > _REMEMBERED_LENGTH or height > 1:
                self._weights[id(value)] = known
        _, weight, height = known
        if depth + height > MAX_DEPTH + 1:
            self._too_deep()
        return weight, height

    def _too_deep(self) -> NoReturn:
        raise ExpressionLimitError(f"the value would be nested deeper than {MAX_DEPTH}")


def _leaf_weight(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value) + 2
    if isinstance(value, int):
        return value.bit_length() // 3 + 2
    if isinstance(value, datetime | timedelta):
        return 26
    return 18 if isinstance(value, float) else 4


def checked_number(value: Any) -> Any:
    """
    `value` if it is a number that can be written. Raises `ExpressionLimitError` (digits) or `EvaluationError` (not
    finite).
    """
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise ExpressionLimitError(f"the number would have more than {MAX_DIGITS:,} digits")
        return value
    if isinstance(value, float) and (value != value or value in _INFINITE):  # noqa: PLR0124  not a number differs from itself
        raise EvaluationError("the number is too large to be written")
    return value


_INFINITE: Final = frozenset({float("inf"), float("-inf")})
