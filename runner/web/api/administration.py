"""
`/audit`, `/tokens` and `/health`: what was done, who may ask, whether work can be taken.

    GET /audit?action=set ──► newest first       GET /audit/verify?head=SEQ:MAC ──► whole, or from which row on not
    POST /tokens ──► the token's text, this once

The key that verifies the audit log's MACs is for `runner secrets audit --verify` alone: it belongs on another machine.
"""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.responses import Response

from runner import __version__
from runner.accounts.credentials import Scope
from runner.accounts.documents import token_document
from runner.errors import UsageError
from runner.secrets.audit import read_mark
from runner.secrets.documents import audit_document
from runner.secrets.rows import AuditFilter
from runner.web.api import models
from runner.web.api.endpoints import Asked, Endpoint, Page, cursor, json_answer, read_cursor
from runner.web.audit import audited, page_of
from runner.web.services import Services

_LONGEST_NUMBER: Final = 18
_TIME: Final = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2}))?$"


class AuditQuery(Page, frozen=True, forbid_unknown_fields=True):
    """Which rows."""

    action: Annotated[str, Meta(max_length=50, description="What was done, as `set` or `login`.")] = ""
    subject: Annotated[str, Meta(max_length=200, description="To what: a secret's or a token's name.")] = ""
    actor: Annotated[str, Meta(max_length=500, description="By whom.")] = ""
    since: Annotated[str, Meta(pattern=_TIME, description="Not before, as 2027-01-31T12:00:00Z.")] = ""
    until: Annotated[str, Meta(pattern=_TIME, description="Before.")] = ""


class VerifyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the log ended at another time, as it was written down elsewhere."""

    head: Annotated[str, Meta(max_length=200, description="SEQ:MAC")] = ""


class MakeToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token to be made; without `expires_at` it never ends."""

    name: Annotated[str, Meta(max_length=64)]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


async def _audit(services: Services, asked: Asked) -> Response:
    query, before = asked.query, read_cursor(asked.query.cursor)
    if before and not (before.isdecimal() and len(before) <= _LONGEST_NUMBER):
        raise HTTPException(422, "cursor: expected the `next` of the page before")
    wanted = AuditFilter(
        query.action,
        query.subject,
        query.actor,
        _time(query.since, "since"),
        _time(query.until, "until"),
        int(before) if before else None,
    )
    shown, following = await page_of(audited(services.vault), wanted, query.limit)
    return json_answer(
        {
            "items": [audit_document(row) for row in shown],
            "next": None if following is None else cursor(str(following)),
        }
    )


def _time(text: str, name: str) -> float | None:
    """Wall seconds; of a query's text, since a lax decoder would take any number for a time as well."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except (ValueError, OverflowError):
        raise HTTPException(422, f"{name}: expected a time as 2027-01-31T12:00:00Z") from None


async def _verify(services: Services, asked: Asked) -> Response:
    try:
        mark = read_mark(asked.query.head) if asked.query.head else None
    except UsageError as error:
        raise HTTPException(422, f"head: {error}") from None
    report = await audited(services.vault).check_audit(mark=mark)
    findings = [{"sequence": each.sequence, "message": each.message} for each in report.findings]
    return json_answer({"whole": not findings, "rows": report.rows, "head": str(report.head), "findings": findings})


async def _tokens(services: Services, _: Asked) -> Response:
    return json_answer({"items": [token_document(each) for each in await services.accounts.tokens()]})


async def _make(services: Services, asked: Asked) -> Response:
    body: MakeToken = asked.body
    ends = None if body.expires_at is None else body.expires_at.timestamp()
    text = await services.accounts.make_token(body.name, body.scopes, by=asked.by, expires_at=ends)
    made = next(each for each in await services.accounts.tokens() if each.name == body.name)
    document = token_document(made)
    return json_answer(
        {"name": made.name, "token": text, "scopes": made.scopes, "expires_at": document["expires_at"]}, 201
    )


async def _revoke(services: Services, asked: Asked) -> Response:
    name = asked.part("name")
    if not await services.accounts.revoke_token(name, by=asked.by):
        raise HTTPException(404, "there is no token of that name")
    return json_answer({"name": name, "revoked": True})


async def _health(services: Services, _: Asked) -> Response:
    reasons = list(services.reasons())
    status = "unready" if reasons else "ready"
    return json_answer({"status": status, "version": __version__, "reasons": reasons}, 503 if reasons else 200)


_ADMIN: Final[dict[str, Any]] = {"scope": "admin"}

ENDPOINTS: Final = (
    Endpoint(
        **_ADMIN,
        method="GET",
        path="/audit",
        summary="What was done, newest first",
        handler=_audit,
        answer=models.AuditList,
        query=AuditQuery,
        problems=(503,),
    ),
    Endpoint(
        **_ADMIN,
        method="GET",
        path="/audit/verify",
        summary="Whether the audit log is whole",
        handler=_verify,
        answer=models.Verification,
        query=VerifyQuery,
        problems=(503,),
    ),
    Endpoint(
        **_ADMIN, method="GET", path="/tokens", summary="Tokens by name", handler=_tokens, answer=models.TokenList
    ),
    Endpoint(
        **_ADMIN,
        method="POST",
        path="/tokens",
        summary="Make a token",
        handler=_make,
        answer=models.NewToken,
        status=201,
        body=MakeToken,
        problems=(409, 503),
    ),
    Endpoint(
        **_ADMIN,
        method="DELETE",
        path="/tokens/{name}",
        summary="End a token now",
        handler=_revoke,
        answer=models.Revoked,
        problems=(404, 503),
    ),
    Endpoint(
        method="GET",
        path="/health",
        scope=None,
        summary="Whether work can be taken",
        handler=_health,
        answer=models.Health,
        also=(503,),
    ),
)
