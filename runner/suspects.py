"""
What a start of the daemon is told of the kills before it: which runs were in flight, and so may be why.

    Starts.begin() ──► Begun(kills, suspects) ──► recovery tries them, if need be one at a time

`runner.store.starts` keeps them, `runner.engine.recovery` asks.
"""

import msgspec


class Suspect(msgspec.Struct, frozen=True):
    """A run that was in flight when the daemon was killed; at `kills` of them it alone was."""

    run: str
    kills: int


class Begun(msgspec.Struct, frozen=True):
    """
    What a start of the daemon finds: kills in a row before it, and the suspects, in the order in which to try them.

    `one_at_a_time`: they are held, and none is resumed before its turn. `alone`: the first of them had its turn when
    the daemon was killed, so that nothing else is to be in flight while it is tried again.
    """

    kills: int
    suspects: tuple[Suspect, ...] = ()
    one_at_a_time: bool = False
    alone: bool = False
