"""
The Inbox: what runs wait for an answer to, each with a form made of the fields that are asked for.

    /inbox                            the questions, the oldest run's first
    /inbox?after=RUN&place=PLACE      those behind one, a page at a time
    /inbox?run=RUN&action=ACTION      that one alone, however many stand before it
    /inbox (POST)                     the answer, by whom; on disk before the page comes back

Every page says in its navigation how many wait (`counted`). The command line answers too, and whoever has the address
of a callback (`runner.triggers.callbacks`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from runner.errors import ActionError, RefusedError
from runner.records import Due
from runner.web.caller import asked_by, caller_of, parse_form
from runner.web.dashboard.frame import Frame, to
from runner.web.door import is_page
from runner.web.inbox import answer_form, asked_at, inbox
from runner.web.services import Services

PATH: Final = "/inbox"
SHOWN: Final = 50
"""Questions on the page."""

MOST_COUNTED: Final = 99
_CURSOR: Final = ("after", "place")
_FIELD: Final = "field."
_HINTS: Final = {
    "integer": "a whole number",
    "number": "a number such as 1.5",
    "object": 'a JSON object such as {"a": 1}',
    "array": "a JSON list such as [1, 2]",
}


def routes(services: Services, frame: Frame) -> list[Route]:
    """The page, and what its forms do."""
    page = Questions(services, frame)
    return [Route(PATH, page.shown), Route(PATH, page.answered, methods=["POST"])]


class Questions:
    """The page over one daemon's runs."""

    def __init__(self, services: Services, frame: Frame) -> None:
        self._services = services
        self._frame = frame

    async def shown(self, request: Request) -> Response:
        """What is asked."""
        return await self._page(request)

    async def answered(self, request: Request) -> Response:
        """An answer; one that does not fit comes back with what was typed, secret fields left out."""
        form = parse_form(await request.body())
        run, action = form.get("run", ""), form.get("action", "")
        sent = {name.removeprefix(_FIELD): text for name, text in form.items() if name.startswith(_FIELD)}
        try:
            await answer_form(self._services.answers, run, action, sent, asked_by(request))
        except (RefusedError, ActionError) as error:
            return await self._page(request, error, (run, action), sent)
        kept = {name: request.query_params[name] for name in _CURSOR if name in request.query_params}
        return to(f"{PATH}?{urlencode({**kept, 'done': 1})}")

    async def _page(
        self,
        request: Request,
        error: RefusedError | ActionError | None = None,
        at: tuple[str, str] = ("", ""),
        sent: Mapping[str, str] | None = None,
    ) -> Response:
        query, one = request.query_params, None
        if query.get("run"):
            try:
                one = await asked_at(self._services.answers, query["run"], query.get("action", ""))
            except RefusedError as refused:
                error = error or refused
        after = (query.get("after", ""), query.get("place", ""))
        asked = [one] if one else await inbox(self._services.answers, SHOWN + 1, after)
        wrong = {each["path"].removeprefix("inputs."): each["message"] for each in getattr(error, "errors", ())}
        return self._frame.page(
            request,
            "inbox.html",
            status=422 if error else 200,
            title="Inbox",
            error=str(error) if error else "",
            done="done" in request.query_params and not error,
            sends_to=f"{PATH}?{urlencode({name: text for name, text in query.items() if name != 'done'})}",
            is_part=bool(one or after[0]),
            following=_behind(asked[SHOWN - 1]) if len(asked) > SHOWN else "",
            questions=[
                {**each, "form": _form(each["fields"], sent, wrong) if _is(each, at) else _form(each["fields"])}
                for each in asked[:SHOWN]
            ],
        )


def counted(app: ASGIApp, asking: Callable[[int], Awaitable[Sequence[Due]]]) -> ASGIApp:
    """The application, whose pages know as `request.state.asking` how many questions stand: a text, empty for none."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if caller_of(request) is not None and is_page(request) and not request.url.path.startswith("/static/"):
            count = len(await asking(MOST_COUNTED + 1))
            request.state.asking = f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count or "")
        await app(scope, receive, send)

    return served


def _behind(question: Mapping[str, Any]) -> str:
    """The address of the page behind a question."""
    return f"{PATH}?{urlencode(dict(zip(_CURSOR, (question['run'], question['action']), strict=True)))}"


def _is(question: Mapping[str, Any], at: tuple[str, str]) -> bool:
    return (question["run"], question["action"]) == at


def _form(
    fields: Mapping[str, Any], sent: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The fields as a form shows them, with what was typed before and what is wrong with it."""
    return [
        {
            "name": name,
            "kind": _kind(field),
            "value": "" if field["secret"] else (sent or {}).get(name, "" if sent else spelled(field["default"])),
            "description": field["description"],
            "hint": _HINTS.get(field["type"], ""),
            "required": field["required"],
            "choices": _choices(field),
            "error": (wrong or {}).get(name, ""),
        }
        for name, field in fields.items()
    ]


def _kind(field: Mapping[str, Any]) -> str:
    if field["secret"]:
        return "secret"
    if field["enum"] is not None or field["type"] == "boolean":
        return "choice"
    return "area" if field["type"] in {"object", "array"} else "line"


def _choices(field: Mapping[str, Any]) -> list[tuple[str, str]]:
    if field["enum"] is not None:
        return [(spelled(each), spelled(each)) for each in field["enum"]]
    return [("true", "Yes"), ("false", "No")] if field["type"] == "boolean" else []


def spelled(value: Any) -> str:
    """A default as a person types it: a text bare, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
