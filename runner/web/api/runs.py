"""
`/runs`: the list, one with its actions, its journal, ending it, letting it go on, answering what it asks.

    GET /runs?state=failed&cursor=… ──► newest first          GET /runs/{run} ──► ETag, 304 while nothing changed

A run may be named by its id or by the beginning of it, as on the command line.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.responses import Response

from runner.clock import iso
from runner.errors import RefusedError
from runner.events import AnyEvent, Parked, RunState, Stored, encode
from runner.records import RunFilter
from runner.web.api import run_models
from runner.web.api.endpoints import Asked, Endpoint, Header, Page, cursor, json_answer, read_cursor
from runner.web.documents import run_document
from runner.web.inbox import answer, answer_values
from runner.web.lookups import show_run
from runner.web.run_search import MOST_LOOKED_AT, Trigger, bound, page_of
from runner.web.services import Services

_TIME: Final = r"^([0-9]{1,6}[smhdw]|[0-9]{4}-[0-9TtZz:.+-]{4,40})?$"
_LOOKED_AT: Final = f"Looks at {MOST_LOOKED_AT} runs at a time: a page may be empty and have a `next`."

_ID: Final = 26
"""Characters of a run's id."""


class RunsQuery(Page, frozen=True, forbid_unknown_fields=True):
    """Which runs."""

    workflow: Annotated[str, Meta(max_length=200, description="Of this workflow alone.")] = ""
    state: Annotated[tuple[RunState, ...], Meta(description="In one of these states; may be repeated.")] = ()
    parent: Annotated[str, Meta(max_length=64, description="Started by this run.")] = ""
    waiting: Annotated[bool | None, Meta(description="Only those that wait, or only those that do not.")] = None
    before: Annotated[
        str, Meta(max_length=64, pattern="^[A-Za-z0-9]*$", description="Older than the run of this id.")
    ] = ""
    trigger: Annotated[Literal["", Trigger], Meta(description="Started by such a trigger.")] = ""
    label: Annotated[str, Meta(max_length=200, description="`NAME=VALUE` or `NAME`, of its workflow.")] = ""
    text: Annotated[
        str,
        Meta(max_length=200, description=f"In its id, workflow, failed action or error. {_LOOKED_AT}"),
    ] = ""
    since: Annotated[str, Meta(pattern=_TIME, description="Accepted not before, as 2027-01-31T12:00:00Z or 24h.")] = ""
    until: Annotated[str, Meta(pattern=_TIME, description="Accepted before.")] = ""


class Rerun(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """From which action on; without it from the first that is unfinished."""

    start: Annotated[str, Meta(max_length=1000)] = ""


class AnswerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is answered: the fields of the callback, as values or as `texts` that are spelled by the fields' types."""

    inputs: dict[str, Any] = {}
    texts: dict[str, str] = {}


async def _everything(services: Services, asked: Asked) -> Response:
    query = asked.query
    before = read_cursor(query.cursor) or query.before
    if before and not (before.isalnum() and before.isascii()):
        raise HTTPException(422, "cursor: expected the `next` of the page before")
    now = services.clock.wall()
    found = await page_of(
        services.records,
        RunFilter(
            workflow=query.workflow or None,
            states=query.state,
            parent=query.parent or None,
            waiting=query.waiting,
            trigger=query.trigger or None,
            label=query.label or None,
            text=query.text or None,
            since=_bound(query.since, "since", now),
            before=min(filter(None, (before, _bound(query.until, "until", now))), default=None),
            limit=query.limit,
        ),
    )
    following = None if found.next is None else cursor(found.next)
    return json_answer({"items": [run_document(row) for row in found.rows], "next": following})


def _bound(text: str, name: str, now: float) -> str | None:
    found = bound(text, now)
    if text and not found:
        raise HTTPException(422, f"{name}: expected a time as 2027-01-31T12:00:00Z, or 24h for a day ago")
    return found or None


async def _one(services: Services, asked: Asked) -> Response:
    data = msgspec.json.encode(await show_run(services.records, asked.part("run")))
    mark = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    if mark in (asked.header("if-none-match") or ""):
        return Response(status_code=304, headers={"etag": mark})
    return Response(data, headers={"etag": mark}, media_type="application/json")


async def _journal(services: Services, asked: Asked) -> Response:
    row = await services.records.get(asked.part("run"))
    if row is None:
        raise RefusedError("there is no run of that id", reason="unknown")
    after = read_cursor(asked.query.cursor) or "0"
    if not (after.isdecimal() and len(after) < _ID):
        raise HTTPException(422, "cursor: expected the `next` of the page before")
    rows = [each for each in await services.records.read(row.id) if each.seq > int(after)]
    shown = rows[: asked.query.limit]
    items = [
        {"seq": each.seq, "boot": each.boot, "at": iso(each.at), "events": shown_events(each.events)} for each in shown
    ]
    following = cursor(str(shown[-1].seq)) if len(rows) > len(shown) else None
    return json_answer({"items": items, "next": following})


async def _cancel(services: Services, asked: Asked) -> Response:
    return json_answer(await services.running.cancel(asked.part("run"), asked.by), 202)


async def _rerun(services: Services, asked: Asked) -> Response:
    return json_answer(await services.running.rerun(asked.part("run"), asked.body.start, asked.by), 202)


async def _answer(services: Services, asked: Asked) -> Response:
    run, action = asked.part("run"), asked.part("action")
    given = asked.body
    if given.inputs and given.texts:
        raise HTTPException(422, "expected one of inputs and texts")
    if given.texts:
        return json_answer(await answer(services.answers, run, action, given.texts, asked.by))
    return json_answer(await answer_values(services.answers, run, action, given.inputs, asked.by))


def shown_events(events: Sequence[AnyEvent]) -> msgspec.Raw:
    """Events as JSON without what is sealed, and without the addresses of callbacks, which open something."""
    return msgspec.Raw(encode(tuple(_shown(event) for event in events)))


def _shown(event: AnyEvent) -> AnyEvent:
    changes: dict[str, Any] = {
        name: msgspec.structs.replace(value, sealed=None)
        for name in event.__struct_fields__
        if isinstance(value := getattr(event, name), Stored) and value.sealed is not None
    }
    if isinstance(event, Parked) and event.callback is not None:
        changes["callback"] = ""
    return msgspec.structs.replace(event, **changes) if changes else event


_UNCHANGED: Final = Header("If-None-Match", "The ETag of an earlier answer: 304 while nothing changed.")

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/runs",
        scope="read",
        summary="Runs, newest first",
        handler=_everything,
        answer=run_models.RunList,
        query=RunsQuery,
    ),
    Endpoint(
        method="GET",
        path="/runs/{run}",
        scope="read",
        summary="One run with its actions",
        handler=_one,
        answer=run_models.RunDetail,
        headers=(_UNCHANGED,),
        problems=(404,),
    ),
    Endpoint(
        method="GET",
        path="/runs/{run}/journal",
        scope="read",
        summary="A run's journal",
        handler=_journal,
        answer=run_models.JournalList,
        query=Page,
        problems=(404,),
    ),
    Endpoint(
        method="POST",
        path="/runs/{run}/cancel",
        scope="run",
        summary="End a run",
        handler=_cancel,
        answer=run_models.Cancelling,
        status=202,
        problems=(404, 409, 503),
    ),
    Endpoint(
        method="POST",
        path="/runs/{run}/rerun",
        scope="run",
        summary="Let an ended run go on",
        handler=_rerun,
        answer=run_models.Accepted,
        status=202,
        body=Rerun,
        problems=(404, 409, 429, 503),
    ),
    Endpoint(
        method="POST",
        path="/runs/{run}/actions/{action}/answer",
        scope="run",
        summary="Answer what a run waits for",
        handler=_answer,
        answer=run_models.Answered,
        body=AnswerBody,
        problems=(404, 409, 503),
    ),
)
