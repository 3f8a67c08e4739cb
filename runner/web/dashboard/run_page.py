"""
One run: how it went and why, each action of it, and what can be done about it.

    /runs/{run}                    state, times, who; the picture; a row with bars for each action; cancel, rerun
    /runs/{run}/action?place=…     one action: attempts, errors, values; its items, the failed ones first
    /runs/{run}/journal            what stands on disk, append by append
    /runs/{run}/value?place=…      a value whole

Everything that is shown comes from the masked journal. `runner.web.dashboard.run_view` decides what is shown where,
`runner.web.dashboard.run_list` has the list.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.clock import iso
from runner.engine.state import IllegalEventError
from runner.errors import RunnerError
from runner.events import AnyEvent, Failure
from runner.records import RunFilter, RunRow
from runner.web.api.runs import shown_events
from runner.web.caller import asked_by, parse_form
from runner.web.dashboard import run_view
from runner.web.dashboard.curl import as_curl
from runner.web.dashboard.frame import Frame, to
from runner.web.dashboard.graph import lay_out
from runner.web.dashboard.graph_svg import draw
from runner.web.dashboard.run_list import PATH, why_waits
from runner.web.dashboard.shown_values import Shown, shown, shown_json
from runner.web.documents import failure_document, lasted, run_document, shown_state, stored_json
from runner.web.folds import Fold, Folds
from runner.web.services import Services
from runner.web.timeline import Attempt, Line

JOURNAL_ROWS: Final = 50
MOST_EVENTS: Final = 20
"""Of one append on the page of the journal."""

_LONGEST_NUMBER: Final = 9
_LONGEST_PLACE: Final = 2000


def routes(services: Services, frame: Frame) -> list[Route]:
    """All of them."""
    pages, one = RunPages(services, frame), f"{PATH}/{{run}}"
    return [
        Route(one, pages.run),
        Route(f"{one}/action", pages.action),
        Route(f"{one}/journal", pages.journal),
        Route(f"{one}/value", pages.value),
        Route(f"{one}/cancel", pages.cancel, methods=["POST"]),
        Route(f"{one}/rerun", pages.rerun, methods=["POST"]),
    ]


class Sent(NamedTuple):
    """What an action was sent: as a value, and as a command where it is one; or why that cannot be told."""

    value: Shown | None = None
    curl: str = ""
    why: str = ""


class Beside(NamedTuple):
    """The same action of another run."""

    run: str
    row: run_view.Row
    value: Shown | None
    sent: Sent


class RunPages:
    """The pages over one daemon's runs."""

    def __init__(self, services: Services, frame: Frame) -> None:
        self._services = services
        self._frame = frame
        self._folds = Folds(services.records)

    async def run(self, request: Request) -> Response:
        """The run whole."""
        row, fold = await self._folded(request)
        timeline, records = fold.timeline, self._services.records
        now = self._services.clock.wall()
        span = run_view.span_of(timeline, now)
        accepted, ended = timeline.accepted, timeline.ended
        queued = (await records.queued([row.id])).get(row.id) if row.state == "queued" else None
        return self._frame.page(
            request,
            "run.html",
            **self._head(row, now),
            ended_error=failure_document(ended.error) if ended else None,
            recoveries=timeline.recoveries,
            rows=run_view.rows(timeline, span),
            graph=self._graph(row, fold),
            why=why_waits(queued),
            failed=run_view.failed_line(timeline),
            wake=run_view.next_wake(timeline) if ended is None else None,
            notes=[(iso(note.at), note.text) for note in fold.notes],
            inputs=await shown(accepted.inputs if accepted else None, row.id, records),
            trigger=await shown(accepted.trigger if accepted else None, row.id, records),
            output=await shown(ended.output if ended else None, row.id, records),
            labels=dict(fold.workflow.labels) if fold.workflow else {},
        )

    async def action(self, request: Request) -> Response:
        """One place of it."""
        place, now = request.query_params.get("place", "")[:_LONGEST_PLACE], self._services.clock.wall()
        row, fold = await self._folded(request, place)
        span = run_view.span_of(fold.timeline, now)
        found = run_view.one(fold.timeline, span, place)
        if found is None:
            raise HTTPException(404)
        line = found.line
        items = None
        if line.items is not None:
            state = request.query_params.get("state", run_view.first_state(found.counts))
            items = run_view.items(fold.timeline, span, place, state, _number(request, "after", -1))
        input_ = await self._sent(row, line)
        return self._frame.page(
            request,
            "action.html",
            **self._head(row, now),
            sent=input_,
            beside=await self._beside(row, place),
            row=found,
            line=line,
            attempts=[(each, failure_document(each.error), _took(each)) for each in line.attempts],
            error=failure_document(line.error),
            facts=_facts(line.error),
            value=await shown(line.value, row.id, self._services.records),
            rows=run_view.rows(fold.timeline, span, place),
            items=items,
            can_begin=_can_begin(row, fold, place),
        )

    async def _sent(self, row: RunRow, line: Line) -> Sent:
        """What a place was sent, or why that cannot be told."""
        if line.started_at is None or line.items is not None:
            return Sent()
        try:
            found = await self._services.hindsight.sent(row.id, line.place)
        except (RunnerError, IllegalEventError) as error:
            return Sent(why=str(error))
        if found is None:
            return Sent()
        is_http = line.type == "http" and isinstance(found, dict)
        return Sent(shown_json(msgspec.json.encode(found)), as_curl(found) if is_http else "")

    async def _beside(self, row: RunRow, place: str) -> Beside | None:
        """The same action of the last run that succeeded."""
        wanted = RunFilter(workflow=row.workflow, states=("succeeded",), limit=2)
        other = next((each for each in await self._services.records.find(wanted) if each.id != row.id), None)
        if other is None:
            return None
        fold = await self._folds.of(other, place)
        span = run_view.span_of(fold.timeline, self._services.clock.wall())
        found = run_view.one(fold.timeline, span, place)
        if found is None or found.line.started_at is None:
            return None
        value = await shown(found.line.value, other.id, self._services.records)
        return Beside(other.id, found, value, await self._sent(other, found.line))

    async def journal(self, request: Request) -> Response:
        """The appends of the run."""
        row = await self._row(request)
        after = _number(request, "after", 0)
        found = await self._services.records.read(row.id, after=after, most=JOURNAL_ROWS + 1)
        events = [
            {
                "seq": each.seq,
                "at": iso(each.at),
                "boot": each.boot,
                "events": _events(each.events),
                "count": len(each.events),
            }
            for each in found[:JOURNAL_ROWS]
        ]
        following = found[JOURNAL_ROWS - 1].seq if len(found) > JOURNAL_ROWS else None
        head = self._head(row, self._services.clock.wall())
        return self._frame.page(request, "journal.html", **head, appends=events, next=following)

    async def value(self, request: Request) -> Response:
        """A value as JSON: the output of a place, or `of` the run its inputs, what fired it or its output."""
        row, fold = await self._folded(request)
        timeline, params = fold.timeline, request.query_params
        accepted, ended = timeline.accepted, timeline.ended
        line = timeline.lines.get(params.get("place", ""))
        stored = {
            "inputs": accepted.inputs if accepted else None,
            "trigger": accepted.trigger if accepted else None,
            "output": ended.output if ended else None,
        }.get(params.get("of", ""), line.value if line else None)
        if stored is None:
            raise HTTPException(404)
        data = bytes(await stored_json(stored, row.id, self._services.records))
        return Response(data, media_type="application/json")

    async def cancel(self, request: Request) -> Response:
        """End it."""
        done = await self._services.running.cancel(request.path_params["run"], asked_by(request))
        return to(f"{PATH}/{done['run']}")

    async def rerun(self, request: Request) -> Response:
        """Let it go on, from the action `from` where the form names one."""
        form = parse_form(await request.body())
        done = await self._services.running.rerun(request.path_params["run"], form.get("from", ""), asked_by(request))
        return to(f"{PATH}/{done['run']}")

    async def _folded(self, request: Request, place: str = "") -> tuple[RunRow, Fold]:
        """The run, and its fold as far as a place needs it."""
        row = await self._row(request)
        return row, await self._folds.of(row, place)

    async def _row(self, request: Request) -> RunRow:
        row = await self._services.records.get(request.path_params["run"])
        if row is None:
            raise HTTPException(404)
        if row.ended_at is None:
            self._services.running.hand_over(row.id)
        return row

    def _head(self, row: RunRow, now: float) -> dict[str, Any]:
        """What each page of a run begins with."""
        return {
            "title": f"{row.workflow} {row.id[10:18]}",
            "run": run_document(row),
            "shown_state": shown_state(row),
            "lasted": lasted(row, now),
            "is_live": row.ended_at is None,
        }

    def _graph(self, row: RunRow, fold: Fold) -> Markup | None:
        if fold.workflow is None:
            return None
        return draw(
            lay_out(fold.workflow.body, spare=1),
            row.workflow,
            href=lambda path: f"{PATH}/{row.id}/action?place={quote(path, safe='')}",
            states=run_view.states(fold.timeline),
            sprite=self._frame.asset("sprite.svg"),
        )


def _can_begin(row: RunRow, fold: Fold, place: str) -> bool:
    """Whether a rerun may begin at a place: an action of the file's own body, in a run that has ended."""
    actions = fold.workflow.body.actions if fold.workflow else ()
    return row.ended_at is not None and any(action.id == place for action in actions)


def _facts(error: Failure | None) -> Shown | None:
    return shown_json(msgspec.json.encode(error.facts)) if error is not None and error.facts else None


def _took(attempt: Attempt) -> float | None:
    return None if attempt.ended_at is None else max(0.0, attempt.ended_at - attempt.started_at)


def _events(events: Sequence[AnyEvent]) -> list[Shown]:
    """Each event as text, without what is sealed."""
    return [shown_json(bytes(shown_events((event,)))[1:-1]) for event in events[:MOST_EVENTS]]


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER):
        raise HTTPException(404)
    return int(text)
