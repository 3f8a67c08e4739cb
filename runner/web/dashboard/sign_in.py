"""
Getting in and out: the first password by the setup token, then the password, a session, its end.

    /setup   setup token, new password twice ──► the password is set, every session ends ──► /login
    /login   password ──► session cookie ──► where the person wanted to go, on this site alone
    /logout  ──► no session, no cookie

Whoever is wrong too often is told when to come again (`runner.accounts.delays`).
"""

import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.errors import AccessError
from runner.web.caller import address_of, caller_of, parse_form
from runner.web.dashboard.frame import Frame, to
from runner.web.door import cookie_name, session_of
from runner.web.services import Services

_TOO_MANY = frozenset({"delayed", "busy"})


def routes(services: Services, frame: Frame) -> list[Route]:
    """The three pages."""
    accounts = services.accounts

    async def login(request: Request) -> Response:
        target = _target(request.query_params.get("next", "/"))
        if not await accounts.has_password():
            return to("/setup")
        if request.method != "POST":
            return to(target) if caller_of(request) else frame.page(request, "login.html", error="", **_login(target))
        form = parse_form(await request.body())
        try:
            session = await accounts.sign_in(form.get("password", ""), address_of(request))
        except AccessError as error:
            return again(frame, request, "login.html", error, **_login(target))
        answer = to(target)
        give_cookie(request, answer, session)
        return answer

    async def logout(request: Request) -> Response:
        await accounts.sign_out(session_of(request))
        answer = to("/login")
        is_https = request.state.is_https
        answer.delete_cookie(cookie_name(is_https=is_https), secure=is_https, httponly=True, samesite="strict")
        return answer

    async def setup(request: Request) -> Response:
        values: dict[str, Any] = {
            "title": "Set up Runner",
            "is_open": await accounts.is_setup_open(),
            "file": accounts.setup_path.name,
            "is_first": not await accounts.has_password(),
        }
        if request.method != "POST":
            return frame.page(request, "setup.html", error="", **values)
        form = parse_form(await request.body())
        if form.get("password") != form.get("again"):
            error = AccessError("The two passwords are not the same.", reason="password")
            return again(frame, request, "setup.html", error, **values)
        try:
            await accounts.set_up(form.get("token", ""), form.get("password", ""), address_of(request))
        except AccessError as error:
            return again(frame, request, "setup.html", error, **values)
        return to("/login")

    return [
        Route("/login", login, methods=["GET", "POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/setup", setup, methods=["GET", "POST"]),
    ]


def _login(target: str) -> dict[str, Any]:
    return {"title": "Sign in", "target": target}


def again(frame: Frame, request: Request, template: str, error: AccessError, **values: Any) -> Response:
    """The same form with what was wrong; nothing that was sent is in it. Raises AccessError (`file`)."""
    if error.reason == "file":
        raise error
    wait = math.ceil(error.retry_after or 0)
    told = f"{error} Try again in {wait} s." if error.reason in _TOO_MANY else str(error)
    answer = frame.page(request, template, status=429 if error.reason in _TOO_MANY else 422, error=told, **values)
    if wait:
        answer.headers["retry-after"] = str(wait)
    return answer


def _target(wanted: str) -> str:
    """A path of this site; anything that a browser could take for another site is the start page."""
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/login"))
    return wanted if is_path and wanted.isascii() and wanted.isprintable() and "\\" not in wanted else "/"


def give_cookie(request: Request, answer: Response, session: str) -> None:
    """Have the browser keep the session, out of reach of scripts and of other sites."""
    is_https = request.state.is_https
    answer.set_cookie(
        cookie_name(is_https=is_https), session, path="/", secure=is_https, httponly=True, samesite="strict"
    )
