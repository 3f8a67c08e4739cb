"""
All endpoints of the API, and the routes that are made of them.

    ENDPOINTS ──routes(services)──► one Route a path, and /api/openapi.json
"""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.web.api import administration, events, runs, secrets, workflows
from runner.web.api.endpoints import JSON, Endpoint, route
from runner.web.api.openapi import document
from runner.web.services import Services

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *workflows.ENDPOINTS,
    *runs.ENDPOINTS,
    *events.ENDPOINTS,
    *secrets.ENDPOINTS,
    *administration.ENDPOINTS,
)


def routes(services: Services) -> list[Route]:
    """One for each path, and the document of them all."""
    paths: dict[str, list[Endpoint]] = {}
    for each in ENDPOINTS:
        paths.setdefault(each.path, []).append(each)
    described = msgspec.json.encode(document(ENDPOINTS))

    async def openapi(_: Request) -> Response:
        return Response(described, media_type=JSON)

    return [*(route(path, rows, services) for path, rows in paths.items()), Route("/api/openapi.json", openapi)]
