"""
The one door of the dashboard's port: nothing behind it is asked before it is known who asks, and for whom.

    request ──Host, Origin──► 421, 403
            ──session or token?──► none: 401, or the sign-in page        (a few paths are open to everybody)
            ──body, whole, bounded──► 413
            ──a browser's change without its form token──► 403
            ──► the application, with `request.state.caller`; every answer leaves with the same strict headers

A path that nobody thought of is behind it. Which scope a path asks for is the path's to say.
"""

import hmac
import math
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runner.accounts.accounts import Accounts
from runner.errors import AccessError
from runner.web.addresses import Addresses
from runner.web.caller import Caller, parse_form, person
from runner.web.problems import problem

MOST_BYTES: Final = 1_000_000
"""Of a request's body."""

MOST_BYTES_OF_ANYBODY: Final = 16_000
"""Of the body of one who is not known: a password or a setup token."""

FORM: Final = "application/x-www-form-urlencoded"
FORM_FIELD: Final = "csrf"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_PROBES: Final = frozenset({"/healthz", "/readyz"})
_PROVING: Final = frozenset({"/login", "/setup"})
"""What is sent there proves by itself who sends it; the form may be older than the session."""

_OPEN: Final = _PROVING | _PROBES | {"/api/v1/health"}
_STATIC: Final = "/static/"
_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer a browser's own forms would say `Origin: null`
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def cookie_name(*, is_https: bool) -> str:
    """`__Host-` keeps a cookie to this host and TLS; plain HTTP cannot have it."""
    return "__Host-runner" if is_https else "runner"


class Door:
    """The application behind the door."""

    def __init__(self, app: ASGIApp, accounts: Accounts, addresses: Addresses) -> None:
        self._app = app
        self._accounts = accounts
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        assert scope["type"] == "http", "neither websockets nor a lifespan is served"
        request, strict = Request(scope, receive), _strict(send)
        scope.setdefault("state", {})
        try:
            answer = await self._refused(request)
        except AccessError as error:
            answer = access_problem(error)
        except HTTPException as error:
            answer = problem(error.status_code, error.detail)
        if answer is not None:
            await answer(scope, receive, strict)
        else:
            await self._app(scope, request.state.receive, strict)

    async def _refused(self, request: Request) -> Response | None:
        """What is answered at the door; None where the request goes through."""
        path, state = request.url.path, request.state
        state.address, state.receive, state.is_https = "", request.receive, False
        if path in _PROBES:
            return None
        authorization, is_change = request.headers.get("authorization"), request.method not in SAFE_METHODS
        state.address, state.is_https = self._addresses.client(request), self._addresses.is_https(request)
        by_browser = authorization is None and (path in _PROVING or bool(session_of(request)))
        misplaced = self._addresses.refusal(request, is_origin_needed=is_change and by_browser)
        if misplaced is not None:
            return problem(misplaced.status, misplaced.detail)
        is_open = path in _OPEN or path.startswith(_STATIC)
        state.caller = await self._caller(request, authorization)
        if state.caller is None and not is_open:
            return _unknown(request, had_token=authorization is not None)
        if is_change:
            body = await _body(request, MOST_BYTES if state.caller else MOST_BYTES_OF_ANYBODY)
            state.receive = _replay(body, request.receive)
            if state.caller is not None and state.caller.kind == "session" and path not in _PROVING:
                _check_form(request, state.caller, body)
        return None

    async def _caller(self, request: Request, authorization: str | None) -> Caller | None:
        if authorization is not None:
            scheme, _, text = authorization.partition(" ")
            if scheme.lower() != "bearer" or not request.url.path.startswith(("/api/", "/metrics")):
                return None
            token = await self._accounts.token(text.strip(), request.state.address)
            return None if token is None else Caller("token", token.name, frozenset(token.scopes))
        session = session_of(request)
        if session and await self._accounts.session(session):
            return person(session)
        return None


def session_of(request: Request) -> str:
    """What the browser's cookie holds, whether it counts or not."""
    return request.cookies.get(cookie_name(is_https=request.state.is_https), "")


def access_problem(error: AccessError) -> Response:
    """A wrong password or token as a problem; 429 with Retry-After where it is too many."""
    status = {"delayed": 429, "busy": 429, "taken": 409, "file": 503}.get(error.reason, 422)
    after = {} if error.retry_after is None else {"retry-after": str(math.ceil(error.retry_after))}
    detail = "the accounts cannot be read or written; the log tells why" if error.reason == "file" else str(error)
    return problem(status, detail, headers=after, reason=error.reason)


def is_page(request: Request) -> bool:
    """Whether a person looks at the answer."""
    return not request.url.path.startswith(("/api/", "/metrics"))


def _unknown(request: Request, *, had_token: bool) -> Response:
    if is_page(request) and request.method in SAFE_METHODS:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        more = f"?next={quote(target, safe='')}" if target != "/" else ""
        return RedirectResponse(f"/login{more}", 303)
    error = ' error="invalid_token"' if had_token else ""
    detail = "the token is wrong, expired or revoked" if had_token else "a token or a session is needed"
    return problem(401, detail, headers={"www-authenticate": f'Bearer realm="runner"{error and ","}{error}'})


def _check_form(request: Request, caller: Caller, body: bytes) -> None:
    given = request.headers.get("x-csrf-token")
    if given is None and request.headers.get("content-type", "").partition(";")[0].strip() == FORM:
        given = parse_form(body).get(FORM_FIELD)
    if not hmac.compare_digest((given or "").encode("utf-8", "replace"), caller.form_token.encode()):
        raise HTTPException(403, "the form is out of date or was not sent by a page of this session; load it anew")


async def _body(request: Request, most: int) -> bytes:
    data = bytearray()
    size = request.headers.get("content-length", "0")
    if size.isdecimal() and int(size[:20]) > most:
        raise HTTPException(413, f"a body may hold {most} bytes")
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise HTTPException(413, f"a body may hold {most} bytes")
    return bytes(data)


def _replay(body: bytes, receive: Receive) -> Receive:
    left = [body]

    async def replayed() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replayed


def _strict(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sent
