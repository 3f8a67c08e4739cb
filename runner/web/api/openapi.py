"""
The OpenAPI 3.1 document, written from the table of endpoints, and its page.

    Endpoints ──document()──► /api/openapi.json ──► /api: a page of the dashboard, without anything from elsewhere

Schemas come from the same models that decode requests.
"""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from runner import __version__
from runner.web.api.endpoints import PREFIX, Endpoint
from runner.web.api.models import ProblemDocument

_PART: Final = re.compile(r"\{(\w+)\}")
_REFERENCE: Final = "#/components/schemas/{name}"
_TITLES: Final = {
    400: "What was sent cannot be read",
    401: "A token or a session is needed",
    403: "The token lacks the scope, or the request comes from another site",
    404: "There is no such thing",
    409: "It cannot be so as things are",
    412: "It is at another version",
    413: "The body is too large",
    415: "The body is of another type",
    422: "What was sent does not fit",
    429: "Too many; see Retry-After",
    503: "Not now",
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document."""
    named = [kind for each in endpoints for kind in (each.answer, each.body, each.query) if kind not in {None, str}]
    types = [*dict.fromkeys([*named, ProblemDocument])]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in endpoints:
        paths.setdefault(PREFIX + each.path, {})[each.method.lower()] = _operation(each, by_type, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Runner", "version": __version__, "description": "Workflows, runs, secrets and their audit."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "`runner tokens create`"}},
        },
    }


def _operation(each: Endpoint, schemas: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "string"} if each.answer is str else schemas[each.answer]
    answered = {"description": each.summary, "content": {each.answer_media: {"schema": schema}}}
    found: dict[str, Any] = {
        "summary": each.summary,
        "operationId": f"{each.method.lower()}{re.sub(r'[^A-Za-z]+', '_', each.path)}".rstrip("_"),
        "parameters": [*_parameters(each, schemas, components)],
        "responses": {
            str(status): {"description": "There is no more"} if status == HTTPStatus.NO_CONTENT else answered
            for status in (each.status, *each.also)
        },
        "security": [] if each.scope is None else [{"token": []}],
    }
    if each.scope is not None:
        found["description"] = f"Scope: `{each.scope}`."
    if each.body is not None:
        wanted = {} if each.body is str else schemas[each.body]
        found["requestBody"] = {"required": True, "content": {each.media: {"schema": wanted}}}
    if any(header.name == "If-None-Match" for header in each.headers) and each.method == "GET":
        found["responses"]["304"] = {"description": "Nothing changed"}
    if any(header.name == "Prefer" for header in each.headers):
        found["responses"]["200"] = {"description": "The ended run", "content": {"application/json": {"schema": {}}}}
    for status in _statuses(each):
        content = {"application/problem+json": {"schema": schemas[ProblemDocument]}}
        found["responses"].setdefault(str(status), {"description": _TITLES[status], "content": content})
    return found


def _statuses(each: Endpoint) -> list[int]:
    statuses = set(each.problems)
    if each.scope is not None:
        statuses |= {401, 403, 429}
    if each.body is not None:
        statuses |= {400, 413, 415, 422}
    if each.query is not None or each.headers or "{" in each.path:
        statuses |= {422}
    return sorted(statuses)


def _parameters(each: Endpoint, schemas: dict[Any, Any], components: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for name in _PART.findall(each.path):
        schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if each.query is not None:
        model = components[schemas[each.query]["$ref"].rpartition("/")[2]]
        for name, schema in model["properties"].items():
            plain = {key: value for key, value in schema.items() if key != "description"}
            yield {"name": name, "in": "query", "schema": plain, "description": schema.get("description", "")}
    for header in each.headers:
        text = {"type": "string"} | ({"pattern": header.pattern} if header.pattern else {})
        yield {"name": header.name, "in": "header", "schema": text, "description": header.description}
