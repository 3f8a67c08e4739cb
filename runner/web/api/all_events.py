"""
`/events` without a run: what happens in all runs, or in those of one workflow, as it reaches the journal.

    Last-Event-ID: 812.3 ──► the journal behind it ──► id: 812.4, event: finished, data: {"run": …, "event": {…}}
    nothing new ──► wait for news, at most a second; a comment now and then, so that no proxy hangs up

A reader holds a place in the journal and no queue: one that is slow is sent less often and misses nothing, one that
does not read at all is hung up on by the port (`runner.web.guard`). There are never more than a few of them
(`runner.web.news`). The end of the daemon ends the stream; browsers come again by themselves, with the last id.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Final, NamedTuple

import msgspec
from starlette.exceptions import HTTPException

from runner.errors import StoreError
from runner.tail import TailRow
from runner.web.api.runs import shown_events
from runner.web.news import without_values
from runner.web.services import Services

ROWS: Final = 200
"""Rows of the journal that are read at once."""

LOOK_SECONDS: Final = 1.0
"""The longest time between two looks: an event may wait a second for company before it is journaled."""

HEARTBEAT_LOOKS: Final = 15
"""Looks that found nothing before a comment says that the stream lives."""


class Place(NamedTuple):
    """Behind which event a reader is: the number of a row of the journal, and how many events of it were told."""

    row: int
    events: int


def read_place(text: str) -> Place:
    """The place of an id that `told` gave. Raises ValueError."""
    row, _, events = text.partition(".")
    return Place(int(row), int(events or 0))


async def told(services: Services, place: Place, workflow: str) -> AsyncIterator[bytes]:
    """The stream behind that place, until the news close or the store cannot be read. Raises HTTPException 429."""
    news = services.news
    if not news.readers.enter():
        raise HTTPException(429, "too many read the events of all runs; try again later", {"retry-after": "10"})
    try:
        yield b": the events of all runs\n\n"
        behind, quiet = place.row - 1, 0
        while not news.is_closed:
            count = news.count
            try:
                rows = await services.tail.since(behind, ROWS)
            except StoreError:
                return
            for row in rows:
                behind = row.row
                for message in _messages(row, place, workflow):
                    yield message
            quiet = 0 if rows else quiet + 1
            if quiet >= HEARTBEAT_LOOKS:
                yield b":\n\n"
                quiet = 0
            if not rows:
                await news.rest(LOOK_SECONDS, count)
    finally:
        news.readers.leave()


def _messages(row: TailRow, place: Place, workflow: str) -> Iterator[bytes]:
    """What a row tells that was not told: an append never grows, but a reader may have been cut off in its middle."""
    if workflow and row.workflow != workflow:
        return
    for number, event in enumerate(row.events, 1):
        if row.row == place.row and number <= place.events:
            continue
        shown = shown_events((without_values(event),))
        data = msgspec.json.encode({"run": row.run, "workflow": row.workflow, "events": shown})
        kind = event.__struct_config__.tag
        yield f"id: {row.row}.{number}\nevent: {kind}\ndata: ".encode() + data + b"\n\n"
