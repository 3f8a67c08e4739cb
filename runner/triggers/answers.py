"""
What a caller is answered: status, headers and bytes, and how they go out.

    Answer ──send()──► ASGI messages

    refused()   a RefusedError and its like, as a problem document with Retry-After where trying again helps
    ended()     the run's end: its `response`, its output, or 500 with nothing from inside

Problem documents (RFC 9457) hold no value that was sent and no text of an error of the run.
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.types import Send

from runner.errors import ActionError, RefusedError, RunnerError, StoreError
from runner.events import Ended, Stored
from runner.problems import PROBLEM_TYPE, problem_document
from runner.triggers.services import TriggerServices

_RETRY_SECONDS: Final = {429: "5", 503: "10"}
_REFUSALS: Final = {
    "inputs": 422,
    "full": 429,
    "unknown": 404,
    "paused": 503,
    "draining": 503,
    "degraded": 503,
    "too_large": 413,
}
_WORDS: Final = {
    400: "malformed",
    401: "caller",
    404: "path",
    405: "method",
    413: "too_large",
    415: "type",
    422: "expression",
    503: "unavailable",
}
_JSON: Final = "application/json"
_NO_BODY: Final = frozenset({204, 205, 304})
_NO_LENGTH: Final = frozenset({204, 304})


class Answer(msgspec.Struct, frozen=True):
    """One answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class RefusedRequestError(Exception):
    """A request that is not taken: `answer` says so to the caller, `reason`, where there is one, to the log."""

    def __init__(self, answer: Answer, reason: str = "") -> None:
        self.answer = answer
        self.reason = reason
        super().__init__(reason)


def refusal_word(status: int) -> str:
    """Why a request was not taken, as one of a few words that can be counted."""
    return _WORDS.get(status, "other")


def problem(status: int, detail: str, *, headers: tuple[tuple[str, str], ...] = (), **more: Any) -> Answer:
    """A problem document."""
    retry = (("retry-after", _RETRY_SECONDS[status]),) if status in _RETRY_SECONDS else ()
    body = problem_document(status, detail, **more)
    return Answer(status, body, (("content-type", PROBLEM_TYPE), *headers, *retry))


def json_answer(status: int, document: Any, *headers: tuple[str, str]) -> Answer:
    """JSON."""
    return Answer(status, msgspec.json.encode(document), (("content-type", _JSON), *headers))


def refused(error: RunnerError) -> Answer:
    """Why a run was not accepted."""
    if isinstance(error, RefusedError):
        errors = [dict(each) for each in error.errors]
        return problem(_REFUSALS.get(error.reason, 422), str(error), reason=error.reason, errors=errors)
    if isinstance(error, StoreError):
        return problem(503, "the disk refuses to write: nothing new starts", reason="degraded")
    if isinstance(error, ActionError):
        return problem(422, str(error))
    return problem(503, "this trigger cannot be served now; the daemon's log tells why")


async def ended(run: str, end: Ended, services: TriggerServices) -> Answer:
    """What a run's end means to a caller that waited for it. Raises StoreError."""
    if end.response is not None:
        return _written(run, msgspec.json.decode(await _json(end.response, run, services)))
    if end.state == "succeeded":
        output = b"null" if end.output is None else await _json(end.output, run, services)
        return Answer(200, output, (("content-type", _JSON), ("runner-run", run)))
    what = "was cancelled" if end.state == "cancelled" else "failed"
    return problem(500, f"the run {what}", run=run)


def _written(run: str, response: Mapping[str, Any]) -> Answer:
    status = response["status"]
    headers = tuple((name, text) for name, text in response["headers"])
    names = {name.lower() for name, _ in headers}
    kind = _JSON
    if "bytes" in response:
        try:
            body, kind = b64decode(response["bytes"], validate=True), "application/octet-stream"
        except (binascii.Error, ValueError):
            return problem(500, "the run's response holds a secret and is not sent", run=run)
    elif isinstance(response.get("body"), str):
        body, kind = response["body"].encode(), "text/plain; charset=utf-8"
    else:
        body = msgspec.json.encode(response["body"]) if "body" in response else b""
    if status in _NO_BODY:
        body = b""
    typed = (("content-type", kind),) if body and "content-type" not in names else ()
    return Answer(status, body, (*headers, *typed, ("runner-run", run)))


async def _json(stored: Stored, run: str, services: TriggerServices) -> bytes:
    """A value as the journal shows it: masked."""
    if stored.blob is not None:
        return await services.store.blob(run, stored.blob)
    return bytes(stored.json) if stored.json is not None else b"null"


async def send(answer: Answer, send_message: Send, *, closes: bool = False, more: bool = False) -> None:
    """
    Put it on the wire. `closes`: the connection ends with it; with `more` the answer is whole for the caller, and a
    last empty piece is still to be sent.
    """
    headers = [(name.encode(), text.encode()) for name, text in answer.headers]
    if answer.status not in _NO_LENGTH:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    if closes:
        headers.append((b"connection", b"close"))
    await send_message({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send_message({"type": "http.response.body", "body": answer.body, "more_body": more})
