"""
Settings: where everything of an administrator's lies, the page of health, and the password.

    /settings           what there is, each with a line
    /settings/health    every check of `runner doctor`, sizes, versions, where the audit log ends
    /settings/password  the current one and another twice ──► every other session ends, this one goes on anew
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.errors import AccessError
from runner.web.caller import address_of, admin_of, parse_form
from runner.web.dashboard.frame import Frame, to
from runner.web.dashboard.sign_in import again, give_cookie
from runner.web.services import Services

PLACES: Final = (
    ("/settings/secrets", "Secrets", "what workflows name as $secret: add, replace, narrow, delete"),
    ("/settings/tokens", "Tokens", "what lets programs use the API, each with its scopes"),
    ("/settings/audit", "Audit", "who did what to secrets, tokens and the password, and whether the log is whole"),
    ("/settings/health", "Health", "every check of runner doctor, sizes, versions"),
    ("/settings/password", "Password", "another one; every other browser is signed out"),
    ("/api", "API", "every endpoint, with what it takes and answers"),
)
_ORDER: Final = ("error", "warning", "ok")


def routes(services: Services, frame: Frame) -> list[Route]:
    """The three pages."""

    async def settings(request: Request) -> Response:
        admin_of(request)
        done = "The password is changed; every other browser is signed out." if "done" in request.query_params else ""
        return frame.page(request, "settings.html", title="Settings", rooms=PLACES, done=done)

    async def health(request: Request) -> Response:
        admin_of(request)
        checks = sorted(await services.checks(), key=lambda each: _ORDER.index(each["state"]))
        return frame.page(
            request,
            "health.html",
            title="Health",
            reasons=list(services.reasons()),
            checks=checks,
            facts=await services.facts(),
        )

    async def password(request: Request) -> Response:
        admin_of(request)
        values: dict[str, Any] = {"title": "Password"}
        if request.method != "POST":
            return frame.page(request, "password.html", error="", **values)
        form = parse_form(await request.body())
        if form.get("password") != form.get("again"):
            error = AccessError("The two new passwords are not the same.", reason="password")
            return again(frame, request, "password.html", error, **values)
        try:
            session = await services.accounts.change_password(
                form.get("current", ""), form.get("password", ""), address_of(request)
            )
        except AccessError as error:
            return again(frame, request, "password.html", error, **values)
        answer = to("/settings?done")
        give_cookie(request, answer, session)
        return answer

    return [
        Route("/settings", settings),
        Route("/settings/health", health),
        Route("/settings/password", password, methods=["GET", "POST"]),
    ]
