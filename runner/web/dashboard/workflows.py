"""
The first page: whether work can be taken, how many runs there are in each state, which workflows are loaded.

    services ──reasons, counts, documents──► workflows.html
"""

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.events import RunState
from runner.web.dashboard.frame import Frame
from runner.web.services import Services


def routes(services: Services, frame: Frame) -> list[Route]:
    """The page."""

    async def workflows(request: Request) -> Response:
        counts = await services.counts()
        return frame.page(
            request,
            "workflows.html",
            title="Workflows",
            reasons=list(services.reasons()),
            counts=[(state, counts.get(state, 0)) for state in get_args(RunState)],
            workflows=list(await services.workflows()),
        )

    return [Route("/", workflows)]
