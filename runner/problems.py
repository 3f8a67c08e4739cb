"""
An error of an HTTP answer as a problem document (RFC 9457), never with a value that was sent.

    404, "there is nothing at /x" ──problem_document()──► b'{"type":"about:blank","title":"Not Found",…}'

`runner.web` and `runner.triggers` answer with it; it knows neither of them.
"""

import http
from typing import Any, Final

import msgspec

PROBLEM_TYPE: Final = "application/problem+json"


def problem_document(status: int, detail: str, **more: Any) -> bytes:
    """`{type, title, status, detail}`; of `more` what is not empty stands beside them."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    document |= {name: value for name, value in more.items() if value}
    return msgspec.json.encode(document)
