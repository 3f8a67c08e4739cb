"""
Runs, actions and attempts as numbers: how many ended how, and how long they took.

    EventSink.publish(event, about) ──► counts by workflow, type, state; histograms of seconds

Called for every event of every run, so it adds numbers and keeps no run. `runner.daemon.measures.exposition` reads it.
"""

from collections import Counter, defaultdict
from typing import Final

from runner.events import About, AnyEvent, Ended, Finished, Settled
from runner.tally import SECONDS, Histogram

OTHER: Final = "(other)"
"""Stands for the workflows past `MOST_WORKFLOWS`."""

MOST_WORKFLOWS: Final = 1000
"""Names that are told apart: `runner run FILE` may bring any number of them."""


def _histogram() -> Histogram:
    return Histogram(SECONDS)


class RunTally:
    """A `runner.ports.EventSink` that counts."""

    def __init__(self) -> None:
        self.runs: Counter[tuple[str, str]] = Counter()
        """By workflow and state."""
        self.actions: Counter[tuple[str, str]] = Counter()
        """By type and state."""
        self.attempts: Counter[tuple[str, str]] = Counter()
        """By type and outcome."""
        self.run_seconds: defaultdict[str, Histogram] = defaultdict(_histogram)
        self.attempt_seconds: defaultdict[str, Histogram] = defaultdict(_histogram)
        self.refused: Counter[tuple[str, str, str]] = Counter()
        """By kind of trigger, workflow and reason."""
        self._workflows: set[str] = set()

    def publish(self, run: str, workflow: str, event: AnyEvent, about: About) -> None:  # noqa: ARG002  the port's shape
        """Count what ends."""
        match event:
            case Finished():
                self.attempts[about.type, event.outcome] += 1
                if about.since:
                    self.attempt_seconds[about.type].observe(max(0.0, event.at - about.since))
                if event.ends_action:
                    self.actions[about.type, event.outcome] += 1
            case Settled(page=None):
                self.actions[about.type, event.state] += 1
            case Ended():
                name = self._known(workflow)
                self.runs[name, event.state] += 1
                if about.since and about.generation == 1:  # a rerun's time began with the rerun, not with the run
                    self.run_seconds[name].observe(max(0.0, event.at - about.since))

    def refuse(self, kind: str, workflow: str, reason: str) -> None:
        """A trigger of that kind took nothing, for that reason: a word of ours, never what was sent."""
        self.refused[kind, self._known(workflow) if workflow else "", reason] += 1

    def _known(self, workflow: str) -> str:
        if workflow not in self._workflows:
            if len(self._workflows) >= MOST_WORKFLOWS:
                return OTHER
            self._workflows.add(workflow)
        return workflow
