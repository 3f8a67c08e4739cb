"""
End what is over its time: a run or a group by its `timeout`, an `on_failure` or a `finally` by `cleanup_timeout`.

    Body.deadline ──alarm──► Cancelling(timeout)

A deadline is wall time and part of the state, so it holds over a restart: a run that waits in the store leaves the
earliest one as a wake-up row at `RUN_PLACE`. `runner.engine.run` arms a body when one of its phases opens.
"""

from functools import partial

from runner.engine.stage import Stage
from runner.engine.state import Body
from runner.events import Cancelling
from runner.ports import Park

RUN_PLACE = ""
"""The place of a wake-up row that belongs to no action."""


class Deadlines:
    """The deadlines of one run."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def arm(self, scope: str | None) -> None:
        """Watch the deadline of the body at `scope`, if it is under way and has one."""
        body = self._stage.run.bodies.get(scope) if scope is not None else None
        if body is not None and body.deadline is not None and not body.halting:
            self._stage.spawn(self._alarm, body.scope, body.deadline)

    def arm_all(self) -> None:
        """Watch every body's, after a resume."""
        for scope in list(self._stage.run.bodies):
            self.arm(scope)

    def check_all(self) -> None:
        """End every body that is over its time."""
        for scope in list(self._stage.run.bodies):
            self._check(scope)

    def park(self) -> None:
        """Leave the earliest deadline in the store, before the run goes there."""
        open_ones = [body.deadline for body in self._stage.run.bodies.values() if body.deadline and not body.halting]
        if open_ones:
            self._stage.recorder.park(Park(RUN_PLACE, min(open_ones)))

    async def _alarm(self, scope: str, when: float) -> None:
        while (left := when - self._stage.now()) > 0:
            await self._stage.services.clock.sleep(left)
        self._stage.post(partial(self._check, scope))

    def _check(self, scope: str) -> None:
        body = self._stage.run.bodies.get(scope)
        if body is None or body.deadline is None or body.halting or body.deadline > self._stage.now():
            return
        self._stage.apply(Cancelling(self._stage.now(), "timeout", scope=scope, message=self._message(body)))

    def _message(self, body: Body) -> str:
        if body.phase != "main":
            limit = self._stage.services.limits.cleanup_timeout
            return f"{body.phase} did not end within {limit:g} s (limits.cleanup_timeout)"
        run = self._stage.run
        limit = (body.parent.plan.action.timeout if body.parent else run.plan.workflow.timeout) or 0.0
        return f"{'the group' if body.parent else 'the run'} did not end within {limit:g} s (timeout)"
