"""
What an endpoint is: one row of the table that routes and OpenAPI are made of.

    Endpoint ──ask()──► scope? 403 ──► query, headers and body by their models, or 400, 415, 422 ──► handler

A body is decoded strictly by msgspec. What is wrong is told by its path and by what was expected, never with anything
that was sent. Paths hold `{name}` parts, lists have `limit` and an opaque `cursor`.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, get_type_hints

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.accounts.credentials import Scope
from runner.web.caller import asked_by, caller_of
from runner.web.problems import problem
from runner.web.services import Services

PREFIX: Final = "/api/v1"
JSON: Final = "application/json"
MOST_LISTED: Final = 200

_PATH: Final = re.compile(r" - at `(?:key in )?\$(.*)`$")
_WORDS: Final = re.compile(
    r"^(Expected `[\w |]+`(, got `\w+`)?"
    r"|Expected `\w+` (of length )?[<>=]+ -?[\d.]+"
    r"|Object missing required field `\w+`)"
)
_YAML_KINDS: Final = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain"})


class Header(msgspec.Struct, frozen=True):
    """A header that a request may have."""

    name: str
    description: str
    pattern: str = ""


class Asked(msgspec.Struct, frozen=True):
    """A request that was read: `query` and `body` by the endpoint's models, None where it has none."""

    request: Request
    query: Any = None
    body: Any = None

    def part(self, name: str) -> str:
        """A part of the path."""
        found: str = self.request.path_params[name]
        return found

    def header(self, name: str) -> str | None:
        """A header."""
        return self.request.headers.get(name)

    @property
    def by(self) -> str:
        """Who asks, as history and audit show it."""
        return asked_by(self.request)


Handler = Callable[[Services, Asked], Awaitable[Response]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """
    One row. `path` stands below `/api/v1`; `scope` is None where everybody may ask; `answer` is the model of the answer
    with `status`; `also` are further statuses of the same answer, `problems` those of its own errors.
    """

    method: str
    path: str
    scope: Scope | None
    summary: str
    handler: Handler
    answer: Any
    status: int = 200
    also: tuple[int, ...] = ()
    query: Any = None
    body: Any = None
    media: str = JSON
    answer_media: str = JSON
    headers: tuple[Header, ...] = ()
    problems: tuple[int, ...] = ()

    async def ask(self, services: Services, request: Request) -> Response:
        """Read a request and answer it."""
        caller = caller_of(request)
        if self.scope is not None:
            assert caller is not None, "the door lets nobody in whom it does not know"
            caller.require(self.scope)
        try:
            query = None if self.query is None else _query(request, self.query)
            body = None if self.body is None else await self._body(request)
        except msgspec.ValidationError as error:
            return problem(422, "the request is not as described", errors=[_told(error)])
        return await self.handler(services, Asked(request, query, body))

    async def _body(self, request: Request) -> Any:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        accepted = {JSON} if self.media == JSON else _YAML_KINDS
        if kind not in accepted:
            raise HTTPException(415, f"expected a body of type {self.media}")
        data = await request.body()
        if self.media != JSON:
            return data
        try:
            return msgspec.json.decode(data, type=self.body)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
            raise HTTPException(400, "the body is no JSON") from None


def route(path: str, rows: Sequence[Endpoint], services: Services) -> Route:
    """All methods of one path, so that a 405 names them all. An `{action}` may be a place, with slashes in it."""
    by_method = {each.method: each for each in rows}

    async def asked(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await by_method[method].ask(services, request)

    return Route(PREFIX + path.replace("{action}", "{action:path}"), asked, methods=list(by_method))


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list."""

    limit: Annotated[int, Meta(ge=1, le=MOST_LISTED, description="How many at most.")] = 50
    cursor: Annotated[
        str, Meta(max_length=500, pattern="^[A-Za-z0-9_-]*$", description="`next` of the page before.")
    ] = ""


def json_answer(document: object, status: int = 200, **headers: str) -> Response:
    """A document; underscores of header names are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(msgspec.json.encode(document), status, headers=named, media_type=JSON)


def cursor(key: str) -> str:
    """An opaque text that leads on behind `key`."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def read_cursor(text: str) -> str:
    """The key behind which a page begins; empty for the first. Raises HTTPException 422."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise HTTPException(422, "cursor: expected the `next` of the page before") from None


def listed(items: Sequence[Any], key: Callable[[Any], str], page: Page) -> Response:
    """The part of a list, which is sorted by `key`, behind the page's cursor."""
    after = read_cursor(page.cursor)
    rest = [item for item in items if key(item) > after] if after else list(items)
    return json_answer(
        {
            "items": rest[: page.limit],
            "next": cursor(key(rest[page.limit - 1])) if len(rest) > page.limit else None,
        }
    )


def _query(request: Request, model: Any) -> Any:
    fields, given = get_type_hints(model, include_extras=False), request.query_params
    values: dict[str, Any] = {}
    for name in given:
        is_list = getattr(fields.get(name), "__origin__", None) is tuple
        found = given.getlist(name)
        if not is_list and len(found) > 1:
            raise HTTPException(422, "the query holds a parameter twice")
        values[name] = found if is_list else found[0]
    return msgspec.convert(values, model, strict=False)


def _told(error: msgspec.ValidationError) -> dict[str, str]:
    """What was expected and where. Of msgspec's own sentence only what holds nothing that was sent."""
    text = str(error)
    place = _PATH.search(text)
    words = _WORDS.match(text)
    if words:
        message = words[1]
    elif text.startswith("Object contains unknown field"):
        message = "Found a field that is not known"
    elif text.startswith("Invalid enum value"):
        message = "Expected one of the words that are known"
    else:
        message = "Found a value that does not fit"
    return {"path": (place[1] if place else "").lstrip("."), "message": message}
