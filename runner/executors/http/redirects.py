"""
Where an answer sends a request on to, by RFC 9110 §15.4, with what may not follow left behind.

    Outgoing + 302 Location ──following()──► the next Outgoing, or None where the answer is the last

301, 302: POST becomes GET. 303: everything but HEAD becomes GET. 307, 308: method and body stay. A request that
carries any secret goes on to its own origin only; else, to another origin, every header that is secret by its name
stays behind. `runner.executors.http.exchange` calls this; nothing here does I/O.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from runner.errors import ActionError, Effect, PermanentError
from runner.executors.http.outgoing import Outgoing
from runner.executors.http.target import TargetError, join

MAX_REDIRECTS: Final = 10

_KEEP_METHOD: Final = frozenset({307, 308})
_STATUSES: Final = frozenset({301, 302, 303}) | _KEEP_METHOD
_OF_CONTENT: Final = (
    "content-type",
    "content-encoding",
    "content-language",
    "content-location",
    "content-md5",
    "digest",
    "idempotency-key",
)


def following(request: Outgoing, status: int, headers: Mapping[str, Any]) -> Outgoing | None:
    """The request that an answer asks for; None where it asks for none. Raises PermanentError."""
    location = headers.get("location") if status in _STATUSES else None
    if location is None:
        return None
    effect = request.before if status in _KEEP_METHOD else request.done
    try:
        target = join(request.target, location)
    except TargetError as error:
        raise PermanentError(
            f"{request.name} answered {status} with a Location that {error}", kind="response", effect=effect
        ) from None
    if target.user:
        raise _refused(request, status, effect, "with a Location that holds a user's name and password")
    if request.secret and target.origin != request.target.origin:
        why = "to another origin, which a request that carries a secret does not follow"
        raise _refused(request, status, effect, why)
    return msgspec.structs.replace(_rewritten(request, status).moved(target), before=effect)


def too_many(request: Outgoing) -> ActionError:
    """The bound was passed."""
    return PermanentError(
        f"{request.name} was redirected more than {MAX_REDIRECTS} times", kind="limit", effect=request.before
    )


def _rewritten(request: Outgoing, status: int) -> Outgoing:
    method = request.method
    if status in _KEEP_METHOD or method in {"GET", "HEAD"} or (status != 303 and method != "POST"):  # noqa: PLR2004  See Other
        return request
    kept = [(name, value) for name, value in request.headers if name.lower() not in _OF_CONTENT]
    return msgspec.structs.replace(request, method="GET", headers=kept, content=None)


def _refused(request: Outgoing, status: int, effect: Effect, why: str) -> ActionError:
    cure = f"`follow_redirects: false` and `expect: {status}` give the answer itself"
    message = f"{request.name} answered {status} {why}; {cure}"
    return PermanentError(message, kind="refused", effect=effect)
