"""
How a run is told while it goes: redrawn on a terminal, line by line elsewhere, not at all under `--json`.

    AcceptedLine, events ──► Plain: a line a change
                         ──► Live: one line an action, with rich, imported only there

`runner.cli.run` chooses one and feeds it. What is shown of an action is what `runner.web.timeline` folded.
"""

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

import click

from runner.cli.output import one_line, span, word
from runner.definitions.model import Workflow
from runner.events import AnyEvent, Expanded, Finished, Parked, Settled, Started
from runner.web.lines import AcceptedLine
from runner.web.timeline import Line, Timeline

_ITEM_ORDER: Final = ("succeeded", "failed", "running", "waiting", "pending", "skipped", "cancelled")
_REFRESH: Final = 8
"""Times a second that the terminal is redrawn."""


class Progress(Protocol):
    """What `runner run` tells."""

    def drawing(self) -> AbstractContextManager[object]:
        """Inside the block the run is told."""

    def accepted(self, line: AcceptedLine) -> None:
        """The run exists."""

    def event(self, event: AnyEvent) -> None:
        """Something happened."""


class Silent:
    """Tells nothing."""

    def drawing(self) -> AbstractContextManager[object]:
        """Nothing is drawn."""
        return nullcontext()

    def accepted(self, line: AcceptedLine) -> None:
        """Nothing is told."""

    def event(self, event: AnyEvent) -> None:
        """Nothing is told."""


class Plain:
    """One line for each change of an action; of a `for_each` only its size, failures and end."""

    def __init__(self) -> None:
        self._timeline = Timeline()

    def drawing(self) -> AbstractContextManager[object]:
        """Nothing is redrawn."""
        return nullcontext()

    def accepted(self, line: AcceptedLine) -> None:
        """The first line."""
        self._timeline = Timeline(Workflow.decode(bytes(line.definition)))
        queued = ", queued until there is room" if line.verdict == "queued" else ""
        click.echo(f"run {line.run} of {line.workflow} accepted{queued}")

    def event(self, event: AnyEvent) -> None:
        """A line where a person would want one."""
        self._timeline.apply(event)
        if isinstance(event, Parked) and event.answer is not None:
            click.echo(f"{event.place}: answered")
        elif isinstance(event, Started | Finished | Settled | Expanded | Parked):
            line = self._timeline.lines[event.place]
            text = self._text(event, line)
            if text is not None and not (line.is_item and line.state != "failed"):
                click.echo(f"{line.place}: {text}")

    def _text(self, event: AnyEvent, line: Line) -> str | None:
        match event:
            case Started(attempt=attempt):
                return f"attempt {attempt}" if attempt > 1 else "started"
            case Expanded(count=count):
                return f"{count} items"
            case Parked():
                return word("waiting")
            case Settled(page=int()):
                return None
            case _:
                return ended_text(line, self._timeline)


class Live:
    """One line an action, redrawn in place."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._head = ""
        self._live: Any = None

    def drawing(self) -> AbstractContextManager[object]:
        """The block in which the terminal is redrawn; the last picture stays."""
        from rich.console import Console  # noqa: PLC0415  only a terminal pays for rich
        from rich.live import Live as Drawing  # noqa: PLC0415  only a terminal pays for rich

        console = Console(highlight=False, markup=False)
        self._live = Drawing(console=console, refresh_per_second=_REFRESH, get_renderable=self._drawn)
        drawing: AbstractContextManager[object] = self._live
        return drawing

    def accepted(self, line: AcceptedLine) -> None:
        """The head of the picture, and every action as pending."""
        self._timeline = Timeline(Workflow.decode(bytes(line.definition)))
        self._head = f"run {line.run} of {line.workflow}" + (" (queued)" if line.verdict == "queued" else "")

    def event(self, event: AnyEvent) -> None:
        """The next picture shows it."""
        self._timeline.apply(event)

    def _drawn(self) -> Any:
        from rich.text import Text  # noqa: PLC0415  only a terminal pays for rich

        return Text.from_ansi(self.picture(time.time()))

    def picture(self, now: float) -> str:
        """The head and a line for each action, as of `now` in wall seconds."""
        lines = [line for line in self._timeline.all_lines() if not line.is_item]
        width = max((len(_name(line)) for line in lines), default=0)
        rows = [f"{_name(line):{width}}  {action_text(line, self._timeline, now)}" for line in lines]
        return "\n".join([self._head, *rows])


def ended_text(line: Line, timeline: Timeline) -> str:
    """`succeeded 1.2s`, `attempt 1 failed: …; again in 2s`."""
    took = span(_seconds(line, line.ended_at or line.started_at or 0.0))
    error = f": {one_line(line.error.message)}" if line.error else ""
    if line.ended_at is None and line.attempts and line.until is not None:
        last = line.attempts[-1]
        pause = span(max(0.0, line.until - (last.ended_at or line.until)))
        return f"attempt {last.number} failed{error}; again in {pause}"
    items = f" {item_text(line, timeline)}" if line.items is not None else ""
    return f"{word(line.state)} {took}{items}{error}".replace("  ", " ")


def action_text(line: Line, timeline: Timeline, now: float) -> str:
    """An action's state, attempt, time and error on one line, as of `now`."""
    parts = [word(line.state, width=9)]
    if line.started_at is not None:
        parts.append(f"{span(_seconds(line, now)):>7}")
    if line.items is not None:
        parts.append(item_text(line, timeline))
    if len(line.attempts) > 1:
        parts.append(f"attempt {line.attempts[-1].number}")
    if line.ended_at is None and line.until is not None and line.state == "waiting":
        parts.append(f"{span(max(0.0, line.until - now))} left")
    if line.error is not None:
        parts.append(one_line(line.error.message, 160))
    return "  ".join(parts).rstrip()


def item_text(line: Line, timeline: Timeline) -> str:
    """`9 succeeded, 1 failed of 10`."""
    counts = timeline.item_counts(line.place)
    told = ", ".join(f"{counts[state]} {state}" for state in _ITEM_ORDER if counts[state])
    return f"{told} of {line.items}" if told else "no items"


def _name(line: Line) -> str:
    return "  " * line.depth + line.place


def _seconds(line: Line, now: float) -> float:
    return max(0.0, (line.ended_at or now) - (line.started_at or now))
