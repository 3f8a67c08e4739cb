"""
Whatever was raised while an action was worked on, as the one kind of error that the engine decides by.

`runner.engine.attempt` and `runner.engine.flow` call it; the log gets the traceback of what nobody meant to raise.
"""

import logging

from runner.errors import (
    ActionError,
    Effect,
    ExpressionError,
    PermanentError,
    RefusedError,
    RunnerError,
    SecretError,
    StoreError,
)

_log = logging.getLogger(__name__)


def action_error(caught: Exception, what: str, *, effect: Effect = "none") -> ActionError:
    """
    `caught` as an ActionError; `what` names what broke, where it is a defect.

    A StoreError goes on upward: the run cannot know what became of it.
    """
    match caught:
        case ActionError():
            return caught
        case StoreError():
            raise caught
        case SecretError():
            return PermanentError(str(caught), kind="secret")
        case ExpressionError():
            return PermanentError(str(caught), kind="expression", effect=effect)
        case RefusedError():
            return PermanentError(str(caught), kind="refused")
        case RunnerError():
            return PermanentError(str(caught), kind="internal", effect=effect)
    _log.error("%s broke", what, exc_info=caught)
    return PermanentError(
        f"{what} broke ({type(caught).__name__}); the log tells where", kind="internal", effect=effect
    )
