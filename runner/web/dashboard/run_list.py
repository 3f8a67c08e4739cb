"""
The list of runs: what is going on, what failed and where, why a queued run waits; several are ended or rerun at once.

    /runs?workflow=sync&state=failed&text=503    filters live in the address, pages go by cursor
    /runs (POST)                                 the ticked runs are cancelled or run again, then the same list

`runner.web.dashboard.run_page` shows one of them.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.errors import RunnerError
from runner.records import Queued, RunRow
from runner.web.caller import asked_by, parse_form
from runner.web.dashboard.frame import Frame, to
from runner.web.documents import lasted, run_document, shown_state
from runner.web.run_search import MOST_LOOKED_AT, STATES, TRIGGERS, Filters, read_filters, search
from runner.web.services import Services

PATH: Final = "/runs"
SHOWN: Final = 50
"""Runs on a page."""

_LONGEST_CURSOR: Final = 64
_TICKED: Final = "run."
_MOST_FILTERS: Final = 50


def routes(services: Services, frame: Frame) -> list[Route]:
    """The list, and what its buttons do."""
    page = RunList(services, frame)
    return [Route(PATH, page.shown), Route(PATH, page.done, methods=["POST"])]


class RunList:
    """The page over one daemon's runs."""

    def __init__(self, services: Services, frame: Frame) -> None:
        self._services = services
        self._frame = frame

    async def shown(self, request: Request) -> Response:
        """The list."""
        services, now = self._services, self._services.clock.wall()
        filters = read_filters(request.query_params.multi_items(), now)
        cursor = request.query_params.get("cursor", "")
        if cursor and not (cursor.isalnum() and cursor.isascii() and len(cursor) <= _LONGEST_CURSOR):
            raise HTTPException(404)
        found = await search(services.records, filters, now=now, cursor=cursor, limit=SHOWN)
        workflows = list(await services.upcoming())
        waiting = await services.records.queued([row.id for row in found.rows if row.state == "queued"])
        return self._frame.page(
            request,
            "runs.html",
            title="Runs",
            filters=filters,
            query=filters.query(),
            cursor=cursor,
            next=found.next,
            looked_at=found.looked_at,
            most_looked_at=f"{MOST_LOOKED_AT:,}",
            runs=[_row(row, waiting.get(row.id), now) for row in found.rows],
            tabs=_tabs(filters, await services.counts()),
            states=STATES,
            triggers=TRIGGERS,
            workflows=_names(workflows, filters.workflow),
            told=told(request.query_params),
            some=next((each["name"] for each in workflows if each["state"] == "ok"), None),
        )

    async def done(self, request: Request) -> Response:
        """Cancel or rerun what is ticked; what is refused is counted, and the first reason told."""
        form = parse_form(await request.body())
        by, running = asked_by(request), self._services.running
        does: Mapping[str, Callable[[str], Coroutine[Any, Any, object]]] = {
            "cancel": lambda run: running.cancel(run, by),
            "rerun": lambda run: running.rerun(run, "", by),
        }
        do = does.get(form.get("do", ""))
        if do is None:
            raise HTTPException(422, "do: expected cancel or rerun")
        count, refused, first = 0, 0, ""
        for run in [name.removeprefix(_TICKED) for name in form if name.startswith(_TICKED)][:SHOWN]:
            try:
                await do(run)
                count += 1
            except RunnerError as error:
                refused, first = refused + 1, first or str(error)
        more = {"did": form["do"], "done": str(count), "refused": str(refused)} | ({"why": first} if first else {})
        return to(f"{PATH}?{urlencode([*_back(form.get('back', '')), *more.items()])}")


def told(params: Mapping[str, str]) -> str:
    """What the buttons did, as the list says it after them; empty where nothing was done."""
    words = {"cancel": "told to end", "rerun": "run again"}
    did, done, refused = params.get("did", ""), params.get("done", ""), params.get("refused", "")
    if did not in words or not (done.isdecimal() and refused.isdecimal()) or len(done + refused) > len("5050"):
        return ""
    if done == refused == "0":
        return "No run is ticked."
    first = f"{done} {'run is' if done == '1' else 'runs are'} {words[did]}."
    return first if refused == "0" else f"{first} {refused} refused: {params.get('why', '')[:300]}"


def why_waits(queued: Queued | None) -> str:
    """Which limit a queued run waits for, and where it stands."""
    if queued is None:
        return ""
    ahead = "next" if not queued.ahead else f"{queued.ahead} before it"
    if not queued.held:
        return f"waits for a free slot (server.max_concurrent_runs): {ahead}"
    key = f" for {queued.key[:60]}" if queued.key else ""
    return f"waits for its workflow's limit of {queued.limit}{key} (concurrency): {ahead}"


def _row(row: RunRow, queued: Queued | None, now: float) -> dict[str, Any]:
    at = row.failed_action or row.stopped_by
    return run_document(row) | {
        "shown_state": shown_state(row),
        "at": at if row.ended_at is not None else None,
        "why": why_waits(queued),
        "lasted": lasted(row, now),
    }


def _tabs(filters: Filters, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """All, then each state with how many runs of all workflows there are."""
    states = [state for state in STATES if state in counts or state in filters.state]
    return [
        {"word": "all", "query": filters.query(state=()), "count": sum(counts.values()), "current": not filters.state},
        *(
            {
                "word": state,
                "query": filters.query(state=(state,)),
                "count": counts.get(state),
                "current": filters.state == (state,),
            }
            for state in states
        ),
    ]


def _names(documents: Iterable[Mapping[str, Any]], chosen: str) -> list[str]:
    names = {str(each["name"]) for each in documents} | ({chosen} if chosen else set())
    return sorted(names)


def _back(query: str) -> list[tuple[str, str]]:
    """The filters that the form was on, and nothing else of what it sent."""
    try:
        pairs = parse_qsl(query, max_num_fields=_MOST_FILTERS)
    except ValueError:
        return []
    known = {*Filters.__struct_fields__, "cursor"} - {"errors"}
    return [(name, value) for name, value in pairs if name in known]
