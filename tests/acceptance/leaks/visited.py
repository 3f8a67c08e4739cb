"""
Every page as a signed-in person and every endpoint as a program that may do everything: their bytes and their headers.

    PAGES, ENDPOINTS ──the paths, their parts filled in──► GET                    ──► Outputs
    links of the pages ──followed──► GET                                          ──► Outputs
    every endpoint and form, a canary as body, field, key, query, header and part of the path ──► its error ──► Outputs

What others add is enumerated from where they add it.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from html import unescape
from itertools import product
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import anyio
import httpx
import msgspec
from starlette.routing import Route

from runner.web.api.endpoints import Endpoint
from runner.web.api.table import ENDPOINTS
from runner.web.dashboard.frame import Frame
from runner.web.portal import PAGES

PASSWORD: Final = "a password of nineteen letters"
PREFIX: Final = "/api/v1"
OPEN: Final = ("/metrics", "/healthz", "/readyz", "/api/openapi.json", "/nowhere", "/api/v1/nowhere")
MOST_LINKS: Final = 60
"""Pages that are found by following links, beside those that are enumerated."""

STREAM_SECONDS: Final = 1.0
"""How long an answer that has no end is listened to; not at all where only its error is asked for."""

ENDING: Final = frozenset({"/logout", "/static/{name}"})
"""Not asked: the one ends the session, the other is files of the package."""

Send = Callable[[str], tuple[str, dict[str, Any]]]
"""A canary, in a request: its path below the prefix, and what else it holds."""

_LINK: Final = re.compile(r'(?:href|src|action)="(/[^"#]*)')
_PART: Final = re.compile(r"{(\w+)[^}]*}")


class Anything:
    """Stands for what pages are given, where only their routes are asked for."""

    def __getattr__(self, name: str) -> "Anything":
        return self

    def __call__(self, *_: object, **__: object) -> "Anything":
        return self


def page_routes() -> Iterator[Route]:
    """Every route of every page."""
    services: Any = Anything()
    for page in PAGES:
        yield from page(services, Frame(str))


def filled(path: str, parts: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """The path with every value of each of its parts, as they stand in a URL."""
    names = _PART.findall(path)
    for values in product(*(parts.get(name, ("x",)) for name in names)):
        given = dict(zip(names, values, strict=True))
        yield _PART.sub(partial(_part, given), path)


def everywhere(path: str, value: str) -> str:
    """The path with one value for each of its parts."""
    return next(filled(path, dict.fromkeys(_PART.findall(path), (value,))))


def _part(given: Mapping[str, str], match: re.Match[str]) -> str:
    return quote(given[match[1]], safe="")


class Visit:
    """What one caller got. `where` leads the names of its outputs."""

    def __init__(self, client: httpx.AsyncClient, outputs: MutableMapping[str, bytes], where: str) -> None:
        self.client = client
        self._outputs = outputs
        self._where = where
        self.statuses: dict[str, int] = {}

    async def ask(self, path: str, method: str = "GET", *, place: str = "", **more: Any) -> str:
        """Body and headers go to the outputs; the body comes back. An answer without end is left after a while."""
        body = bytearray()
        async with self.client.stream(method, path, **more) as answer:
            is_endless = answer.headers.get("content-type", "").startswith("text/event-stream")
            with anyio.move_on_after((0 if place else STREAM_SECONDS) if is_endless else None):
                async for chunk in answer.aiter_bytes():
                    body += chunk
        head = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
        self.statuses[f"{method} {path}"] = answer.status_code
        name = f"{self._where}: {method} {place or path}"
        self._outputs[name] = self._outputs.get(name, b"") + head.encode() + b"\n" + body
        return body.decode(errors="replace")


@asynccontextmanager
async def person(outputs: MutableMapping[str, bytes], folder: Path, origin: str) -> AsyncIterator[Visit]:
    """Somebody who set the password and signed in."""
    async with httpx.AsyncClient(base_url=origin, trust_env=False, timeout=60, headers={"origin": origin}) as client:
        token = (folder / "data" / "setup-token").read_text().strip()
        done = await client.post("/setup", data={"token": token, "password": PASSWORD, "again": PASSWORD})
        assert done.status_code == 303, done.text
        done = await client.post("/login", data={"password": PASSWORD})
        assert done.status_code == 303, done.text
        yield Visit(client, outputs, "page")


@asynccontextmanager
async def program(outputs: MutableMapping[str, bytes], token: str, origin: str) -> AsyncIterator[Visit]:
    """A program with a token of every scope."""
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=origin, trust_env=False, timeout=60, headers=headers) as client:
        yield Visit(client, outputs, "API")


async def see_pages(visit: Visit, parts: Mapping[str, Iterable[str]]) -> None:
    """Every page that is enumerated, then what their links lead to."""
    todo = [
        path
        for route in page_routes()
        if route.path not in ENDING and "GET" in (route.methods or {"GET"})
        for path in filled(route.path, parts)
    ]
    listed = len(todo)
    seen: set[str] = set()
    while todo and len(seen) < listed + MOST_LINKS:
        path = todo.pop(0)
        if path in seen:
            continue
        seen.add(path)
        body = await visit.ask(path)
        todo += [link for link in map(unescape, _LINK.findall(body)) if not link.startswith(("/static/", "/logout"))]


async def see_endpoints(visit: Visit, parts: Mapping[str, Iterable[str]]) -> None:
    """Every GET endpoint, and what is open beside them."""
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET":
            for path in filled(PREFIX + endpoint.path, parts):
                await visit.ask(path)
    for path in OPEN:
        await visit.ask(path)


async def send_wrong(visit: Visit, canaries: Sequence[str]) -> None:
    """
    Each canary in each kind of place where an endpoint may be sent something, one place at a time.

    Every place of a kind is sent one, every canary goes to one place of the kind: what answers is common to them.
    """
    places: dict[str, list[tuple[Endpoint, Send]]] = {}
    for endpoint in ENDPOINTS:
        for kind, send in _places(endpoint):
            places.setdefault(kind, []).append((endpoint, send))
    for of_kind in places.values():
        for number in range(max(len(of_kind), len(canaries))):
            endpoint, send = of_kind[number % len(of_kind)]
            path, more = send(canaries[number % len(canaries)])
            more = {**_nothing(endpoint), **more}
            await visit.ask(PREFIX + path, method=endpoint.method, place=f"{endpoint.path}, wrong", **more)


def _places(endpoint: Endpoint) -> Iterator[tuple[str, Send]]:
    """Where something may be sent to it: what kind of place that is, and the request with a canary there."""
    path = next(filled(endpoint.path, {}))
    yield "path", lambda canary: (everywhere(endpoint.path, canary), {})
    yield "below", lambda canary: (f"{path}/{quote(canary, safe='')}", {})
    for name in _fields(endpoint.query):
        yield "query", partial(_in_query, path, name)
    yield "name of a query", lambda canary: (path, {"params": {canary: canary}})
    for name in ("If-Match", "Idempotency-Key", "Prefer", "Last-Event-ID", "Accept", "Content-Type"):
        yield name, partial(_in_header, path, name)
    if endpoint.body is not None:
        for kind, body in _bodies(endpoint):
            yield kind, partial(_in_body, path, endpoint.media, body)


def _in_query(path: str, name: str, canary: str) -> tuple[str, dict[str, Any]]:
    return path, {"params": {name: canary}}


def _in_header(path: str, name: str, canary: str) -> tuple[str, dict[str, Any]]:
    return path, {"headers": {name: as_header(canary)}}


def _in_body(path: str, media: str, body: Callable[[str], bytes], canary: str) -> tuple[str, dict[str, Any]]:
    return path, {"content": body(canary), "headers": {"content-type": media}}


def as_header(canary: str) -> str:
    """As a header can hold it."""
    return quote(canary, safe=" /+=&?:;,@!$*()[]{}<>-_.~^|`'#")


async def send_forms(visit: Visit, canaries: Sequence[str]) -> None:
    """Canaries in every part of the paths of the pages, in their queries and in every field of their forms, by turns."""
    page = await visit.ask("/settings/secrets/add-secret", place="wrong")
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    routes = [route for route in page_routes() if route.path not in ENDING]
    for number in range(max(len(routes), len(canaries))):
        route, canary = routes[number % len(routes)], canaries[number % len(canaries)]
        place = f"{route.path}, wrong"
        path = everywhere(route.path, canary)
        if "GET" in (route.methods or {"GET"}):
            body = await visit.ask(path, place=place, params={"name": canary, "state": canary, "done": canary})
            fields = set(re.findall(r'name="([\w.-]+)"', body)) - {"csrf"}
        else:
            fields = set()
        if "POST" in (route.methods or ()):
            form = dict.fromkeys((fields | {"name", "value", "version"}) - {"password", "again", "token"}, canary)
            await visit.ask(path, "POST", place=place, data={**form, "csrf": token[1] if token else ""})


def _nothing(endpoint: Endpoint) -> dict[str, Any]:
    """What makes a request of it whole that sends nothing of interest."""
    if endpoint.body is None:
        return {}
    return {"content": b"{}", "headers": {"content-type": endpoint.media}}


def _fields(model: Any) -> tuple[str, ...]:
    return () if model is None else tuple(field.encode_name for field in msgspec.structs.fields(model))


def _bodies(endpoint: Endpoint) -> Iterator[tuple[str, Callable[[str], bytes]]]:
    """As text that is no JSON, as each field's value, as one of another kind, as a key."""
    yield "body", str.encode
    yield "JSON", msgspec.json.encode
    yield "key", lambda canary: msgspec.json.encode({canary: canary})
    wrong: dict[str, Callable[[str], object]] = {
        "field": str,
        "list in a field": lambda text: [text],
        "object in a field": lambda text: {text: text},
        "lists in a field": lambda text: [[text]],
    }
    if isinstance(endpoint.body, type) and issubclass(endpoint.body, msgspec.Struct):
        for name in _fields(endpoint.body):
            for kind, make in wrong.items():
                yield kind, partial(_in_field, name, make)


def _in_field(name: str, make: Callable[[str], object], canary: str) -> bytes:
    return msgspec.json.encode({name: make(canary)})
