"""
`/events`: what happens in a run, as server-sent events, from its beginning or from where a reader was; without a run
what happens in all of them from now on (`runner.web.api.all_events`).

    journal + news ──Running.follow()──► id: 7, event: finished, data: {…}      id: the event's place in the journal
    Last-Event-ID: 7 ──► from the eighth on           at the end event: ended_run, data: the run; asked again: 204

A reader that was too slow is cut off rather than told half: browsers come again by themselves, with the last id, and
get the rest from the journal. So do they where the daemon starts anew.
"""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from runner.events import decode
from runner.web.api.all_events import Place, read_place, told
from runner.web.api.endpoints import Asked, Endpoint, Header
from runner.web.api.runs import shown_events
from runner.web.lines import AnyLine, EndedLine, EventLine
from runner.web.news import EVENT_STREAM
from runner.web.services import Services

_PATTERN: Final = r"^\d{1,18}(\.\d{1,9})?$"
_ID: Final = re.compile(_PATTERN, re.ASCII)
_EVERY: Final = 10**9
"""More events than an append holds."""


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which run, of which workflow; without them of all."""

    run: Annotated[str, Meta(max_length=64, description="A run's id, or the beginning of one.")] = ""
    workflow: Annotated[str, Meta(max_length=200, description="Of its runs alone, where no run is named.")] = ""


async def _events(services: Services, asked: Asked) -> Response:
    text = asked.header("last-event-id")
    if text is not None and not _ID.fullmatch(text):
        raise HTTPException(422, "Last-Event-ID: expected the id of an event of this stream")
    if not asked.query.run:
        return await _of_all(services, asked.query.workflow, text)
    seen = read_place(text or "0").row
    lines = services.running.follow(asked.query.run)
    await anext(lines)
    row = await services.records.get(asked.query.run)
    if row is not None and row.ended_at is not None:
        count = sum(len(entry.events) for entry in await services.records.read(row.id))
        if seen >= count:
            return Response(status_code=204)
    return StreamingResponse(_written(lines, seen), media_type=EVENT_STREAM)


async def _of_all(services: Services, workflow: str, text: str | None) -> Response:
    """From now on, where nothing was told yet. A place that is not there yet, as after a restore, is the end."""
    end = await services.tail.tail_end()
    place = Place(end, _EVERY) if text is None else read_place(text)
    stream = told(services, min(place, Place(end, _EVERY)), workflow)
    first = await anext(stream)  # what is refused is refused before the answer begins
    return StreamingResponse(_after(first, stream), media_type=EVENT_STREAM)


async def _after(first: bytes, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for message in stream:
        yield message


async def _written(lines: AsyncIterator[AnyLine], seen: int) -> AsyncIterator[bytes]:
    number = 0
    async for line in lines:
        match line:
            case EventLine():
                number += 1
                if number > seen:
                    events = decode(line.events)
                    yield _message(number, events[0].__struct_config__.tag, msgspec.json.encode(shown_events(events)))
            case EndedLine():
                yield _message(number, "ended_run", line.result)
            case _:
                return


def _message(number: int, kind: object, data: bytes) -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: ".encode() + data + b"\n\n"


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/events",
        scope="read",
        summary="What happens in a run, or in all, as it happens",
        handler=_events,
        answer=str,
        answer_media=EVENT_STREAM,
        also=(204,),
        query=EventsQuery,
        headers=(Header("Last-Event-ID", "Go on behind this event.", _PATTERN),),
        problems=(404, 429, 503),
    ),
)
