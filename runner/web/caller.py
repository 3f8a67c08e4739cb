"""
Who asks: a person by a browser's session, or a program by a token.

    `runner.web.door` ──► request.state.caller ──caller_of(request)──► pages and API; they ask for scopes, names, forms

Nothing here opens anything: the door has checked it.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from runner.accounts.credentials import SCOPES, Scope, form_token

_MOST_FIELDS = 1000


class Caller(NamedTuple):
    """`name` is `admin` or the token's; `form_token` is what forms of this session carry, empty for a token."""

    kind: Literal["session", "token"]
    name: str
    scopes: frozenset[Scope]
    form_token: str = ""

    @property
    def by(self) -> str:
        """As history and audit show it."""
        return self.name if self.kind == "session" else f"token {self.name}"

    def require(self, scope: Scope) -> None:
        """Raises HTTPException 403, which names the scope, where it is missing."""
        if scope not in self.scopes:
            raise HTTPException(403, f"this token lacks the scope {scope!r}")


def person(session: str) -> Caller:
    """Whoever holds a session may do everything."""
    return Caller("session", "admin", frozenset(SCOPES), form_token(session))


def caller_of(request: Request) -> Caller | None:
    """Who asks; None on the few paths that everybody may use."""
    found: Caller | None = getattr(request.state, "caller", None)
    return found


def asked_by(request: Request) -> str:
    """Who asks, as history and audit show it; empty on the few paths that everybody may use."""
    caller = caller_of(request)
    return caller.by if caller else ""


def admin_of(request: Request) -> Caller:
    """Who asks for what is an administrator's. Raises HTTPException 403, where it is somebody else."""
    caller = caller_of(request)
    if caller is None:
        raise HTTPException(403, "this is for whoever has signed in")
    caller.require("admin")
    return caller


def address_of(request: Request) -> str:
    """The client's address, as the door found it."""
    found: str = request.state.address
    return found


def parse_form(data: bytes) -> Mapping[str, str]:
    """The fields of an urlencoded form; of one that is there twice the last. Raises HTTPException 400."""
    try:
        text = data.decode("ascii")
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise HTTPException(400, "the body is no form of fields in UTF-8") from None
    return dict(fields)
