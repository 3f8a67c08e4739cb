"""
What the pages of a run show of its timeline: a row for each place, its bars on the run's time, its items by state.

    Timeline ──rows()──► Row(place, state, bars, …)        `for_each` ──items()──► counts, the failed ones first, pages

Pure. Times in wall seconds; bars in thousandths of the run's time, drawn as SVG by `run_rows.html`.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from runner.events import ActionState
from runner.web.timeline import Line, Timeline

WIDTH: Final = 1000
"""Of the run's time."""

NARROWEST: Final = 6
"""Of a bar, so that it can be seen."""

ITEMS: Final = 50
"""Items on a page."""

ORDER: Final[tuple[ActionState, ...]] = (
    "failed", "running", "waiting", "pending", "cancelled", "skipped", "succeeded",
)  # fmt: skip
"""Which items are shown first."""


class Bar(NamedTuple):
    """A stretch of time: what went on (a state, or `pause` between attempts), and that in words."""

    x: int
    width: int
    kind: str
    title: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One place. `name` is its last step, `depth` how many groups it lies in below where the page looks from."""

    place: str
    name: str
    depth: int
    line: Line
    took: float | None
    bars: tuple[Bar, ...]
    counts: tuple[tuple[str, int], ...] = ()


class Span(NamedTuple):
    """The time that bars stand on."""

    start: float
    end: float

    def bar(self, start: float, end: float, kind: str, title: str) -> Bar:
        """A stretch of it."""
        whole = max(self.end - self.start, 0.001)
        x = round(WIDTH * min(max(start - self.start, 0.0) / whole, 1.0))
        width = max(NARROWEST, round(WIDTH * (end - start) / whole))
        return Bar(min(x, WIDTH - NARROWEST), min(width, WIDTH - min(x, WIDTH - NARROWEST)), kind, title)


class Items(NamedTuple):
    """A page of a `for_each`: how many are in which state, which of them are shown, and where it goes on."""

    counts: tuple[tuple[str, int], ...]
    state: str
    rows: Sequence[Row]
    next: int | None


def span_of(timeline: Timeline, now: float) -> Span:
    """From the run's acceptance to its end, or to now."""
    start = timeline.accepted.at if timeline.accepted else now
    return Span(start, timeline.ended.at if timeline.ended else max(now, start))


def rows(timeline: Timeline, span: Span, around: str = "") -> list[Row]:
    """The places of the run, or those inside of the place `around`; items have pages of their own."""
    lines = timeline.inside(around) if around else timeline.all_lines(items=False)
    outside = around.count("/") + 1 if around else 0
    return [_row(line, timeline, span, line.depth - outside) for line in lines]


def items(timeline: Timeline, span: Span, place: str, state: str, after: int) -> Items:
    """The items of the `for_each` at `place` in one state, those behind the index `after`; of the empty state all."""
    line = timeline.lines[place]
    counts = timeline.item_counts(place)
    chosen: list[int] = []
    for index in range(after + 1, line.items or 0):
        each = timeline.lines.get(f"{place}[{index}]")
        if not state or state == (each.state if each is not None else _never(line)):
            chosen.append(index)
            if len(chosen) > ITEMS:
                break
    places = [f"{place}[{index}]" for index in chosen]
    shown = [timeline.lines.get(each) or Line(each, state=_never(line)) for each in places]
    return Items(
        in_order(counts),
        state,
        [_row(each, timeline, span, 0) for each in shown[:ITEMS]],
        chosen[ITEMS - 1] if len(chosen) > ITEMS else None,
    )


def first_state(counts: Sequence[tuple[str, int]]) -> str:
    """Whose items are shown where nobody asked for others: the failed ones if there are any, else all."""
    return "failed" if any(state == "failed" for state, _ in counts) else ""


def in_order(counts: "dict[ActionState, int]") -> tuple[tuple[str, int], ...]:
    """What there is of each state, what needs a look first."""
    return tuple((state, counts[state]) for state in ORDER if counts.get(state))


def one(timeline: Timeline, span: Span, place: str) -> Row | None:
    """The place itself; None where the run has none of that name."""
    line = timeline.lines.get(place)
    if line is None:
        line = next((each for each in timeline.all_lines(items=False) if each.place == place), None)
    return None if line is None else _row(line, timeline, span, 0)


def next_wake(timeline: Timeline) -> Line | None:
    """The place that goes on first by itself; None where none waits for a time."""
    waiting = [line for line in timeline.lines.values() if line.state == "waiting" and line.until is not None]
    return min(waiting, key=lambda line: line.until or 0.0, default=None)


def failed_line(timeline: Timeline) -> Line | None:
    """The place that the run failed at, as far as it is known."""
    error = timeline.ended.error if timeline.ended else None
    return timeline.lines.get(error.action) if error is not None and error.action else None


def states(timeline: Timeline) -> dict[str, str]:
    """The state of each action of the picture: by its path, without items and attempts."""
    return {line.place: line.state for line in timeline.all_lines(items=False) if "~" not in line.place}


def _never(line: Line) -> ActionState:
    return "skipped" if line.ended_at is not None else "pending"


def _row(line: Line, timeline: Timeline, span: Span, depth: int) -> Row:
    start = line.started_at
    end = line.ended_at if line.ended_at is not None else span.end
    return Row(
        place=line.place,
        name=line.place.rpartition("/")[2],
        depth=max(0, depth),
        line=line,
        took=None if start is None else max(0.0, end - start),
        bars=_bars(line, span),
        counts=in_order(timeline.item_counts(line.place)) if line.items is not None else (),
    )


def _bars(line: Line, span: Span) -> tuple[Bar, ...]:
    if line.started_at is None or line.state == "skipped":
        return ()
    end = line.ended_at if line.ended_at is not None else span.end
    if not line.attempts:
        return (span.bar(line.started_at, end, line.state, line.state),)
    found: list[Bar] = []
    for number, attempt in enumerate(line.attempts):
        following = line.attempts[number + 1].started_at if number + 1 < len(line.attempts) else end
        stop = attempt.ended_at if attempt.ended_at is not None else following
        kind = attempt.outcome or line.state
        found.append(span.bar(attempt.started_at, stop, kind, f"attempt {attempt.number}: {kind}"))
        if attempt.retry_at is not None and following > stop:
            found.append(span.bar(stop, following, "pause", f"waits for attempt {attempt.number + 1}"))
    return tuple(found)
