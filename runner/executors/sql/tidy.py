"""
Leave a session clean, or give it up: never something between.

    tidy(session, session.reset, 5.0) ──done──► clean          ──late, or an error──► not usable

Shielded, since a reset or a rollback that is cut short would leave a cancel under way. `pools` tidies what comes back,
`transaction` what an attempt left open.
"""

from collections.abc import Awaitable, Callable

import anyio

from runner.errors import ActionError
from runner.executors.sql.driver import Session


async def tidy(session: Session, work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Do `work` on the session within so many seconds; where that cannot be, the session is not usable any more."""
    is_done = False
    try:
        with anyio.move_on_after(seconds, shield=True):
            await work()
            is_done = True
    except ActionError:
        pass
    finally:
        session.is_usable = session.is_usable and is_done
