"""
When a schedule fires: a calendar without a clock.

    ScheduleTrigger ──Schedule.of──► Schedule ─┬─ after(t)   scheduled times, ascending, each later than t
                                               └─ due_at(s)  the scheduled time and its jitter

Cron lines follow Debian's cron on daylight-saving days: what names an hour fires once, at the first instant that there
is; what has a wildcard there follows real time (cronsim does it). `every` is a true interval from its anchor, which is
1970-01-01T00:00:00Z unless written, so that nothing has to be remembered and a changed interval neither fires at once
nor skips. A schedule is known by its workflow's name and its config: editing an action resets nothing. Pure; called by
`runner.triggers.catchup`, `runner.triggers.scheduler` and whoever shows next firings. Times are wall time in seconds.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim

from runner.definitions.fields import decode
from runner.definitions.model import Workflow
from runner.definitions.triggers import ScheduleTrigger

_SPREAD: Final = 1 << 32


class Schedule(NamedTuple):
    """One `schedule` trigger of one workflow. `number` is its place among the workflow's triggers."""

    workflow: str
    identity: str
    number: int
    config: ScheduleTrigger

    @staticmethod
    def all_of(workflow: Workflow) -> list["Schedule"]:
        """The schedules of a workflow; of two that are written alike only the first."""
        found: dict[str, Schedule] = {}
        for number, trigger in enumerate(workflow.triggers):
            if trigger.type == "schedule":
                identity = identity_of(workflow.name, trigger.config)
                config = decode(trigger.config, ScheduleTrigger)
                found.setdefault(identity, Schedule(workflow.name, identity, number, config))
        return list(found.values())

    def after(self, time: float) -> Iterator[float]:
        """Scheduled times later than `time`, ascending, without end as a rule."""
        if self.config.every is not None:
            return self._every(time)
        return self._cron(time)

    def before(self, time: float, most: int) -> float:
        """A time before which lie about `most` scheduled times fewer than before `time`: where to begin a look back."""
        if self.config.every is not None:
            return time - most * self.config.every
        back = CronSim(self._line, self._local(time), reverse=True)
        last = time
        for found in islice(back, most):
            last = found.timestamp()
        return last

    def due_at(self, scheduled: float) -> float:
        """When that firing is due: the same delay below `jitter` each time it is asked."""
        if not self.config.jitter:
            return scheduled
        digest = hashlib.sha256(f"{self.identity} {scheduled!r}".encode()).digest()
        return scheduled + self.config.jitter * int.from_bytes(digest[:4], "big") / _SPREAD

    def __str__(self) -> str:
        if self.config.every is not None:
            return f"every {self.config.every:g}s"
        return self._line if self.config.timezone == "UTC" else f"{self._line} ({self.config.timezone})"

    @property
    def _line(self) -> str:
        assert self.config.cron is not None, "the check at load wants one of cron and every"
        return self.config.cron

    def _every(self, time: float) -> Iterator[float]:
        every, anchor = float(self.config.every or 0), self._anchor
        count = math.floor((time - anchor) / every)
        while True:
            count += 1
            if (found := anchor + count * every) > time:
                yield found

    @property
    def _anchor(self) -> float:
        return datetime.fromisoformat(self.config.anchor).timestamp() if self.config.anchor else 0.0

    def _cron(self, time: float) -> Iterator[float]:
        last = time
        for found in CronSim(self._line, self._local(time)):
            scheduled = found.timestamp()
            if scheduled > last:  # an hour that comes twice, two times in an hour that there is not
                last = scheduled
                yield scheduled

    def _local(self, time: float) -> datetime:
        zone = UTC if self.config.timezone == "UTC" else ZoneInfo(self.config.timezone)
        return datetime.fromtimestamp(math.floor(time), zone)


def identity_of(workflow: str, config: Mapping[str, Any]) -> str:
    """What a trigger is known by over edits and restarts: 32 hexadecimal digits of its workflow's name and config."""
    text = msgspec.json.encode([workflow, config], order="deterministic")
    return hashlib.sha256(text).hexdigest()[:32]


def next_firings(schedule: Schedule, after: float, most: int = 5) -> list[float]:
    """The next scheduled times, for people: jitter is not in them."""
    return list(islice(schedule.after(after), most))
