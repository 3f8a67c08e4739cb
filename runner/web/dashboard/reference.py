"""
`/api`: the API's own reference, a page like every other, made from the table that the routes are made of.

    table ──document()──► reference.html: each endpoint with scope, parameters, body, answers
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.web.api.openapi import document
from runner.web.api.table import ENDPOINTS
from runner.web.dashboard.frame import Frame
from runner.web.services import Services


def routes(_: Services, frame: Frame) -> list[Route]:
    """The page."""
    described = document(ENDPOINTS)
    schemas = described["components"]["schemas"]
    shown = [
        {"method": method.upper(), "path": path, "fields": _fields(each, schemas), **each}
        for path, methods in described["paths"].items()
        for method, each in methods.items()
    ]

    async def reference(request: Request) -> Response:
        return frame.page(request, "reference.html", title="API", endpoints=shown)

    return [Route("/api", reference)]


def _fields(operation: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of its JSON body."""
    content = operation.get("requestBody", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    schema = schemas.get(reference.rpartition("/")[2], {})
    return [
        {"name": name, "required": name in schema.get("required", ()), "about": _about(field)}
        for name, field in schema.get("properties", {}).items()
    ]


def _about(field: dict[str, Any]) -> str:
    kinds = [each.get("type", "") for each in field.get("anyOf", [field])]
    return ", ".join(filter(None, [" or ".join(filter(None, kinds)), field.get("description", "")]))
