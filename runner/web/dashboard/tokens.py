"""
Settings → Tokens: what lets programs in, each with its scopes, its end and when it was used last.

    /settings/tokens                 the list and the form that makes one ──► its text, shown this once
    /settings/tokens/{name}/revoke   ends it now

The text of a token is in the one answer that made it, and nowhere else.
"""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.accounts.credentials import SCOPES, Scope
from runner.accounts.documents import token_document
from runner.errors import AccessError, UsageError
from runner.web.caller import admin_of, parse_form
from runner.web.dashboard.days import day
from runner.web.dashboard.frame import Frame, to
from runner.web.services import Services

LIST: Final = "/settings/tokens"
_ABOUT: Final[Mapping[Scope, str]] = {
    "read": "sees workflows, runs, events and metrics",
    "run": "starts, ends and reruns runs, pauses workflows",
    "secrets": "lists, sets and deletes secrets; never reads a value",
    "admin": "audit log and tokens",
}
_FRESH: Final[Mapping[str, str]] = {"scope_read": "on"}
"""The form as it stands first: a token that only sees is what most are made for."""


def routes(services: Services, frame: Frame) -> list[Route]:
    """The page and what its forms do."""
    accounts = services.accounts

    async def shown(request: Request, *, error: str = "", text: str = "", form: Mapping[str, str]) -> Response:
        now = services.clock.wall()
        rows = [
            {**token_document(each), "expired": each.expires_at is not None and each.expires_at <= now}
            for each in await accounts.tokens()
        ]
        return frame.page(
            request,
            "tokens.html",
            status=422 if error else 200,
            title="Tokens",
            rows=rows,
            scopes=[(scope, _ABOUT[scope]) for scope in SCOPES],
            error=error,
            text=text,
            form=form,
            revoked=request.query_params.get("revoked", ""),
        )

    async def tokens(request: Request) -> Response:
        caller = admin_of(request)
        if request.method != "POST":
            return await shown(request, form=_FRESH)
        form = parse_form(await request.body())
        name = form.get("name", "").strip()
        try:
            text = await accounts.make_token(
                name,
                [scope for scope in SCOPES if f"scope_{scope}" in form],
                by=caller.by,
                expires_at=_end(form.get("expires", "")),
            )
        except AccessError as error:
            if error.reason == "file":
                raise
            return await shown(request, error=str(error), form=form)
        return await shown(request, text=text, form={"made": name, **_FRESH})

    async def revoke(request: Request) -> Response:
        name = request.path_params["name"]
        await accounts.revoke_token(name, by=admin_of(request).by)
        return to(f"{LIST}?revoked={services.redact(name)}")

    return [
        Route(LIST, tokens, methods=["GET", "POST"]),
        Route(f"{LIST}/{{name}}/revoke", revoke, methods=["POST"]),
    ]


def _end(text: str) -> float | None:
    """The end of that day in UTC; None without one. Raises AccessError (`token`)."""
    try:
        return day(text, later=1)
    except UsageError as error:
        raise AccessError(f"expires: {error}.", reason="token") from None
