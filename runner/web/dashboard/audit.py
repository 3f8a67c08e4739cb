"""
Settings → Audit: what was done by whom, newest first, and whether the log is whole.

    /settings/audit          filters in the address, pages by the number of a row
    /settings/audit/verify   every row held against the next and against the vault; a head that was written down finds
                             an older log

The key that finds what a holder of the master key changed is for `runner secrets audit --verify` on another machine.
"""

from typing import Final, get_args
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.errors import UsageError
from runner.secrets.audit import AuditAction, read_mark
from runner.secrets.documents import audit_document
from runner.secrets.rows import AuditFilter
from runner.web.audit import audited, page_of
from runner.web.caller import admin_of
from runner.web.dashboard.days import day
from runner.web.dashboard.frame import Frame
from runner.web.services import Services

LIST: Final = "/settings/audit"
_ROWS: Final = 50
_LONGEST_NUMBER: Final = 18
_FIELDS: Final = ("action", "subject", "actor", "since", "until")


def routes(services: Services, frame: Frame) -> list[Route]:
    """The list and its check."""

    async def rows(request: Request) -> Response:
        admin_of(request)
        if services.vault is None:
            return frame.page(request, "no_vault.html", title="Audit")
        form = {name: request.query_params.get(name, "").strip() for name in _FIELDS}
        before = request.query_params.get("before", "")
        try:
            wanted = AuditFilter(
                form["action"],
                form["subject"],
                form["actor"],
                day(form["since"]),
                day(form["until"], later=1),
                _number(before),
            )
        except UsageError as error:
            raise HTTPException(422, str(error)) from None
        found, following = await page_of(services.vault, wanted, _ROWS)
        return frame.page(
            request,
            "audit.html",
            title="Audit",
            rows=[audit_document(row) for row in found],
            actions=sorted(get_args(AuditAction)),
            form=form,
            older=None if following is None else _link({**form, "before": str(following)}),
            newest=_link(form) if before else None,
            head=str(services.vault.audit_head),
        )

    async def verify(request: Request) -> Response:
        admin_of(request)
        vault, head = audited(services.vault), request.query_params.get("head", "").strip()
        try:
            report = await vault.check_audit(mark=read_mark(head) if head else None)
        except UsageError as error:
            raise HTTPException(422, f"head: {error}") from None
        return frame.page(request, "audit_verify.html", title="Audit: check", report=report, head=head)

    return [Route(LIST, rows), Route(f"{LIST}/verify", verify)]


def _link(fields: dict[str, str]) -> str:
    given = urlencode({name: text for name, text in fields.items() if text})
    return f"{LIST}?{given}" if given else LIST


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER):
        raise UsageError("before: expected the number of a row")
    return int(text)
