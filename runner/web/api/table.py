"""
All endpoints of the API, and the routes that are made of them.

    ENDPOINTS ──routes(services)──► one Route each, and /api/openapi.json
"""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.web.api import administration, runs, secrets, workflows
from runner.web.api.endpoints import JSON, Endpoint
from runner.web.api.openapi import document
from runner.web.services import Services

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *workflows.ENDPOINTS,
    *runs.ENDPOINTS,
    *secrets.ENDPOINTS,
    *administration.ENDPOINTS,
)


def routes(services: Services) -> list[Route]:
    """One for each row, and the document of them all."""
    described = msgspec.json.encode(document(ENDPOINTS))

    async def openapi(_: Request) -> Response:
        return Response(described, media_type=JSON)

    return [*(each.route(services) for each in ENDPOINTS), Route("/api/openapi.json", openapi)]
