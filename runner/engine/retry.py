"""
Whether an attempt is followed by another, and when: pure decisions.

`runner.engine.attempt` asks after each attempt that did not do; the answer is journaled with the attempt's end, so a
start after a kill finds the same instant. Full jitter: a delay is drawn evenly between nothing and its bound, which
spreads callers that failed together (the draw is passed in).
"""

from runner.definitions.model import Retry
from runner.errors import ActionError, TemporaryError

DURABLE_DELAY = 5.0
"""Seconds; a longer delay becomes a wake-up in the store and holds no slot."""


def may_retry(retry: Retry | None, attempt: int, error: ActionError, *, keyed: bool) -> bool:
    """
    Whether attempt number `attempt`, which ended with `error`, may be followed by another.

    Where nobody knows its effect it may only if it was `keyed`: it carried a key by which the peer knows it again.
    """
    if retry is None or attempt >= retry.max_attempts or not isinstance(error, TemporaryError):
        return False
    if error.effect == "unknown" and not keyed:
        return False
    if error.retry_after is not None and error.retry_after > retry.max_retry_after:
        return False
    return error.kind == "until" or error.kind in retry.on


def delay(retry: Retry, attempt: int, error: ActionError, draw: float) -> float:
    """
    Seconds to wait after attempt number `attempt`; `draw` is even in [0, 1).

    What the peer asked for (`Retry-After`) counts when it is longer. Polling (`until`) waits `delay` each time: its
    author chose the rhythm.
    """
    if error.kind == "until" or retry.backoff == "constant":
        wait = float(retry.delay)
    else:
        wait = draw * min(retry.delay * 2.0 ** min(attempt - 1, 60), retry.max_delay)
    return max(wait, error.retry_after or 0.0)
