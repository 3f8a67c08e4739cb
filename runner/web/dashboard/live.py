"""
Tell open pages that what they show has changed, as server-sent events: they fetch themselves anew, nothing is polled.

    News ──► /runs/news, /runs/{run}/news ──► `data: 1`, at most one a second ──► runner.js replaces the live parts

Nothing of a run passes here, only that something happened: what a page shows is made where the page is made. A stream
ends when its reader goes or the daemon stops; `/api/v1/events` has the events themselves, for programs.
"""

from collections.abc import AsyncIterator
from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from runner.clock import Clock
from runner.errors import RefusedError
from runner.web.dashboard.frame import Frame
from runner.web.news import EVENT_STREAM, News
from runner.web.services import Services

CALM_SECONDS: Final = 1.0
"""Changes within this time are told once."""

ALIVE_SECONDS: Final = 20.0
"""How often something is sent where nothing happens, so that a reader who is gone is found out."""


def routes(services: Services, frame: Frame) -> list[Route]:  # noqa: ARG001  the shape of every page
    """The streams."""

    async def of_all(_: Request) -> Response:
        return StreamingResponse(changes(services.news, services.clock), media_type=EVENT_STREAM)

    async def of_one(request: Request) -> Response:
        row = await services.records.get(request.path_params["run"])
        if row is None:
            raise RefusedError("there is no run of that id", reason="unknown")
        return StreamingResponse(changes(services.news, services.clock, row.id), media_type=EVENT_STREAM)

    return [Route("/runs/news", of_all), Route("/runs/{run}/news", of_one)]


async def changes(news: News, clock: Clock, run: str | None = None) -> AsyncIterator[bytes]:
    """A message whenever something happened, in one run or in any; until the news end."""
    with news.watch() as watch:
        if run is not None:
            watch.narrow(run)
        yield b"retry: 2000\n\n"
        is_open = True
        while is_open:
            message = b": \n\n"
            with anyio.move_on_after(ALIVE_SECONDS):
                is_open = await watch.changed()
                message = b"data: 1\n\n"
            yield message
            await clock.sleep(CALM_SECONDS)
