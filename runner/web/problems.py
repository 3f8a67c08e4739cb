"""
Every error of a port as a problem document (RFC 9457), none with a value that was sent.

The applications of this package pass `PROBLEM_HANDLERS` to Starlette, and raise its `HTTPException` or answer with
`problem`.
"""

import http
from collections.abc import Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from runner.problems import PROBLEM_TYPE, problem_document


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """`{type, title, status, detail}` as `application/problem+json`; of `more` what is not empty stands beside them."""
    return Response(
        problem_document(status, detail, **more), status, headers=dict(headers or {}), media_type=PROBLEM_TYPE
    )


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
