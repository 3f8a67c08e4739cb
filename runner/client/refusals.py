"""
A problem document that a daemon answered with, as the error that a command raises.

    b'{"detail": …, "reason": …}' ──refusal()──► RefusedError, DefinitionError or RunnerError

Both ways to a daemon read them.
"""

import msgspec

from runner.errors import DefinitionError, Problem, RefusedError, RunnerError


class Refusal(msgspec.Struct, frozen=True):
    """The problem document of an answer that is an error."""

    detail: str
    reason: str = ""
    errors: tuple[dict[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()


def refusal(data: bytes) -> RunnerError:
    """What is to be raised. Raises `msgspec.MsgspecError` for what is no problem document."""
    found = msgspec.json.decode(data, type=Refusal)
    if found.problems:
        return DefinitionError(found.problems)
    return RefusedError(found.detail, reason=found.reason, errors=found.errors)
