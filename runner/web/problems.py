"""
Every error of a port as a problem document (RFC 9457), none with a value that was sent.

The applications of this package pass `PROBLEM_HANDLERS` to Starlette, and raise its `HTTPException` or answer with
`problem`; `error_problem` makes one of an error of ours.
"""

import http
from collections.abc import Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from runner.errors import (
    DefinitionError,
    RefusedError,
    RunnerError,
    SecretConflictError,
    SecretError,
    SecretMissingError,
    SecretRefusedError,
    StoreDegradedError,
    StoreReadError,
    VaultKeyError,
    VaultTamperedError,
)
from runner.problems import PROBLEM_TYPE, problem_document

_REASONS: Final = {
    "unknown": 404, "full": 429, "draining": 503, "degraded": 503, "ended": 409, "live": 409, "gone": 409,
    "paused": 409, "not_paused": 409, "rerun": 409, "too_large": 413,
    "answered": 409, "expired": 409, "ambiguous": 409, "busy": 503,
}  # fmt: skip
_STATUS: Final[Mapping[type[RunnerError], int]] = {
    StoreDegradedError: 503,
    StoreReadError: 503,
    SecretMissingError: 404,
    SecretConflictError: 412,
    SecretRefusedError: 409,
    VaultKeyError: 503,
    VaultTamperedError: 503,
}
_RETRY_SECONDS: Final = 5


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """`{type, title, status, detail}` as `application/problem+json`; of `more` what is not empty stands beside them."""
    return Response(
        problem_document(status, detail, **more), status, headers=dict(headers or {}), media_type=PROBLEM_TYPE
    )


def error_problem(error: RunnerError) -> Response:
    """What is said of it; 429 and 503 with Retry-After."""
    more: dict[str, Any] = {}
    if isinstance(error, RefusedError):
        status = _REASONS.get(error.reason, 422)
        more = {"errors": error.errors, "reason": error.reason}
    elif isinstance(error, DefinitionError):
        return problem(422, "the workflow file cannot be loaded", problems=error.problems)
    else:
        status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 422)
        more = {"secret": error.name} if isinstance(error, SecretError) else {}
    headers = {"retry-after": str(_RETRY_SECONDS)} if status in {429, 503} else {}
    return problem(status, str(error), headers=headers, **more)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {
        404: f"there is nothing at {request.url.path[:200]}",
        405: f"{request.method} is not answered at {request.url.path[:200]}",
    }
    detail = (
        error.detail if error.detail != http.HTTPStatus(error.status_code).phrase else details.get(error.status_code)
    )
    return problem(error.status_code, detail or error.detail, headers=error.headers)


async def _broken(_: Request, __: Exception) -> Response:
    return problem(500, "the request broke the daemon's code; the log tells where")


PROBLEM_HANDLERS: Final[Mapping[Any, Any]] = {HTTPException: _refused, Exception: _broken}
"""What Starlette calls for what was raised, by its type."""
