"""
The addresses of callbacks on port 8080: a page that asks, and the one answer.

    GET, HEAD …/callback/TOKEN ──► the question as a page with a form, or as JSON; answers nothing, however often
    POST      …/callback/TOKEN ──► form or JSON, checked as inputs are (422) ──► on disk ──► 200

A token that this installation did not make is 404, before anything is read or looked up. A good one whose question is
answered, over or gone is 410. Whoever has the address may answer: it is the only proof, there is no session.
"""

from typing import Any, Final

from starlette.types import Receive, Scope, Send

from runner import log
from runner.definitions.input_texts import meant, parse_inputs
from runner.engine.answers import Answers
from runner.engine.callbacks import Asked, Question, question_document
from runner.errors import ActionError, RefusedError, RunnerError
from runner.triggers import answers
from runner.triggers import body as bodies
from runner.triggers.answers import Answer, RefusedRequestError, json_answer, problem
from runner.triggers.callback_page import page_headers, plain_page, question_page
from runner.triggers.received import Budget, Received

PREFIX: Final = "/callback/"
MOST_BYTES: Final = 1_000_000
"""Of an answer's body."""

_BY: Final = "callback"
_TITLES: Final = {404: "There is nothing here", 405: "This is not how to answer", 410: "Nothing to answer here"}
_STATUS: Final = {"inputs": 422, "busy": 503}
_ALLOW: Final = (("allow", "GET, HEAD, POST"),)
_QUIET: Final = (
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-robots-tag", "noindex, nofollow"),
    ("x-content-type-options", "nosniff"),
)

_log = log.get("runner.triggers")


class Callbacks:
    """Answers below `/callback/`."""

    def __init__(self, given: Answers) -> None:
        self._answers = given
        self._budget = Budget()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        request = Received(scope, receive, self._budget)
        try:
            answer = await self._answer(request)
        except RefusedRequestError as refusal:
            answer = refusal.answer
        except RunnerError as error:
            answer = self._refused(request, error)
        body = b"" if request.method == "HEAD" else answer.body
        answer = Answer(answer.status, body, (*answer.headers, *_QUIET))
        await request.reply(answer, send)

    async def _answer(self, request: Received) -> Answer:
        asked = self._answers.addresses.parse(request.path.removeprefix(PREFIX))
        if asked is None:
            return self._said(request, 404, "There is nothing at this address.")
        if request.method in {"GET", "HEAD"}:
            question = await self._answers.question(asked)
            if _wants_page(request):
                return Answer(200, question_page(question), page_headers())
            return json_answer(200, question_document(question))
        if request.method != "POST":
            return self._said(request, 405, "An answer is given by POST.", _ALLOW)
        return await self._taken(request, asked)

    async def _taken(self, request: Received, asked: Asked) -> Answer:
        request.check_length(MOST_BYTES)
        body = await request.body(MOST_BYTES)
        question = await self._answers.question(asked)
        sent = await bodies.parsed(body, request.headers)
        sent = {} if sent is None else sent
        texts = _texts(question, sent) if _is_form(request) else None
        try:
            given = sent if texts is None else parse_inputs(question.fields, texts, what=question.asked.place)
            if not isinstance(given, dict):
                return problem(422, "an answer is a JSON object of its fields")
            await self._answers.give(asked, given, _BY)
        except (RefusedError, ActionError) as error:
            if isinstance(error, RefusedError) and error.reason != "inputs":
                raise
            if not _wants_page(request):
                raise
            shown = {name: text for name, text in (texts or {}).items() if name in question.fields}
            return Answer(422, question_page(question, shown, _errors(error, question)), page_headers())
        if _wants_page(request):
            return Answer(
                200, plain_page("Thank you", "The answer is recorded. You can close this page."), page_headers()
            )
        return json_answer(200, {"run": asked.run, "action": asked.place, "answered": True})

    def _refused(self, request: Received, error: RunnerError) -> Answer:
        if isinstance(error, RefusedError):
            status = _STATUS.get(error.reason, 410)
            if status == 422:  # noqa: PLR2004  what a JSON answer lacks, field by field
                return answers.refused(error)
            return self._said(request, status, f"{str(error)[:1].upper()}{str(error)[1:]}.", _retry(status))
        if isinstance(error, ActionError):
            return problem(422, str(error))
        _log.warning("a callback cannot be served", error=str(error))
        return self._said(request, 503, "This cannot be answered now: try again in a moment.", _retry(503))

    def _said(self, request: Received, status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        if not _wants_page(request):
            return problem(status, message.rstrip("."), headers=headers if status != 503 else ())  # noqa: PLR2004  it adds its own
        title = _TITLES.get(status, "Not now")
        return Answer(status, plain_page(title, message), (*page_headers(), *headers))


def _retry(status: int) -> tuple[tuple[str, str], ...]:
    return (("retry-after", "10"),) if status == 503 else ()  # noqa: PLR2004  busy, or the disk refuses


def _is_form(request: Received) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in {"application/x-www-form-urlencoded", "multipart/form-data"}


def _wants_page(request: Received) -> bool:
    accepted = request.headers.get("accept", "*/*").lower()
    if "text/html" in accepted:
        return True
    return "json" not in accepted and (request.method in {"GET", "HEAD"} or _is_form(request))


def _texts(question: Question, sent: Any) -> dict[str, str]:
    """The texts of a form; an empty one is left out where it can be nothing, so that its default counts."""
    return meant(question.fields, {name: value if isinstance(value, str) else "" for name, value in sent.items()})


def _errors(error: RunnerError, question: Question) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in error.errors if isinstance(error, RefusedError) else ():
        name = each["path"].removeprefix("inputs.")
        found[name if name in question.fields else ""] = each["message"]
    return found or {"": str(error)}
