"""
Which firings of a schedule are to be made now, and which were missed: a decision without a clock.

    decided until ──┬── late ──┬── on time ──┬── now ──┬── next
                    │ catch_up │   always    │         │

A firing within a minute of its time is on time. What is later was missed while nobody looked (a stop, a pause, sleep, a
clock put forward), and `catch_up` decides: `none` drops it, `latest` makes the newest of all that is due, `all` makes
the newest hundred. A clock put back makes nothing twice, since what was decided stays decided. Pure.
"""

from typing import Final, NamedTuple

from runner.triggers.schedule import Schedule

ON_TIME: Final = 60.0
"""Seconds after its time within which a firing is no catch-up (design §2.13)."""

MOST: Final = 100
"""Firings that `catch_up: all` makes at most (language.md, Triggers)."""

_LOOK: Final = 1000
"""Scheduled times that one look goes through; of a longer absence the older ones are not counted one by one."""


class Decision(NamedTuple):
    """
    What is to be done. `fire` are scheduled times, ascending; `missed` counts those that are dropped (`more`: at
    least so many), `missed_until` is the newest of them; `next_due` is when there is something to do again.
    """

    fire: tuple[float, ...]
    missed: int
    missed_until: float | None
    more: bool
    next_due: float | None


def decide(schedule: Schedule, decided_until: float, now: float) -> Decision:
    """Everything that is due at `now` of what was scheduled after `decided_until`."""
    due, following, more = _due(schedule, decided_until, now)
    late = [scheduled for scheduled in due if now - schedule.due_at(scheduled) > ON_TIME]
    match schedule.config.catch_up:
        case "none":
            fire = due[len(late) :]
        case "latest":
            fire = due[-1:] if late else due
        case _:
            fire = due[-MOST:]
    missed = due[: len(due) - len(fire)]
    return Decision(
        tuple(fire),
        len(missed),
        missed[-1] if missed else None,
        more,
        None if following is None else schedule.due_at(following),
    )


def _due(schedule: Schedule, decided_until: float, now: float) -> tuple[list[float], float | None, bool]:
    """Scheduled times that are due, in order, the one after them, and whether there are more."""
    due, following = _taken(schedule, decided_until, now)
    if len(due) < _LOOK:
        return due, following, False
    return *_taken(schedule, max(decided_until, schedule.before(now, _LOOK // 2)), now), True


def _taken(schedule: Schedule, after: float, now: float) -> tuple[list[float], float | None]:
    """One that is not due holds up those after it."""
    due: list[float] = []
    for scheduled in schedule.after(after):
        if len(due) == _LOOK or schedule.due_at(scheduled) > now:
            return due, scheduled
        due.append(scheduled)
    return due, None
