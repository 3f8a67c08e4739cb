"""
Where the engine's events go besides the journal: to whoever watches, and to the log.

    engine ──publish()──► News, RunTally, …   every event
                     └──► log                 ends of runs, failed attempts; the rest at debug

What is logged here was masked before it became an event; the log masks its finished lines once more.
"""

from collections.abc import Callable
from typing import Any

from runner.events import About, AnyEvent, Cancelling, Ended, Finished, Parked, Rerun, Settled, Started
from runner.ports import EventSink


def _nobody() -> None:
    """There are no triggers that wait for ends."""


class Sink:
    """A `runner.ports.EventSink`."""

    def __init__(self, log: Any, *others: EventSink) -> None:
        """`others` hear everything, in their order."""
        self.run_ended: Callable[[], object] = _nobody
        """Called after each end of a run; it may be on its way to the disk yet."""
        self._others = others
        self._log = log.bind()  # the lazy logger would be made anew for each line

    def publish(self, run: str, workflow: str, event: AnyEvent, about: About) -> None:
        """Never waits; what the log cannot write it drops itself."""
        for other in self._others:
            other.publish(run, workflow, event, about)
        log = self._log
        match event:
            case Started():
                log.debug("attempt started", run=run, workflow=workflow, action=event.place, attempt=event.attempt)
            case Finished(outcome="succeeded"):
                log.debug("attempt succeeded", run=run, workflow=workflow, action=event.place, attempt=event.attempt)
            case Finished(outcome="cancelled"):
                log.debug("attempt cancelled", run=run, workflow=workflow, action=event.place, attempt=event.attempt)
            case Finished():
                self._failed(run, workflow, event)
            case Settled(state="failed", error=error) if error is not None:
                log.warning("action failed", run=run, workflow=workflow, action=event.place, error=error.message)
            case Parked(answer=answer) if answer is not None:
                log.info("callback answered", run=run, workflow=workflow, action=event.place, by=event.by)
            case Cancelling(scope=""):
                log.info("run is cancelled", run=run, workflow=workflow, why=event.why, by=event.by)
            case Rerun():
                log.info("run goes on again", run=run, workflow=workflow, generation=event.generation, by=event.by)
            case Ended():
                self._ended(run, workflow, event)
                self.run_ended()

    def _failed(self, run: str, workflow: str, event: Finished) -> None:
        error = event.error.message if event.error else event.outcome
        self._log.warning(
            "attempt failed" if event.outcome == "failed" else f"attempt {event.outcome}",
            run=run,
            workflow=workflow,
            action=event.place,
            attempt=event.attempt,
            error=error,
            again=event.retry_at is not None,
        )

    def _ended(self, run: str, workflow: str, event: Ended) -> None:
        more = {"error": event.error.message, "action": event.error.action} if event.error else {}
        if event.stopped_by:
            more["stopped_by"] = event.stopped_by
        say = self._log.warning if event.state == "failed" else self._log.info
        say(f"run {event.state}", run=run, workflow=workflow, **more)
