"""
Which header fields an answer may set: a `stop`'s or a trigger's `response`.

    problem_of_header("Transfer-Encoding") → "is set by Runner and cannot be given"

Asked at load for names, which are never templates, and by the engine for what was computed: a line break in a value
would let whoever fills it write headers and a body of its own.
"""

import re
from functools import lru_cache
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BAD_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONNECTIONS_OWN: Final = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@lru_cache(maxsize=1024)
def problem_of_header(name: str) -> str | None:
    """Why an answer may not set a header of this name, or None."""
    if not _NAME.fullmatch(name):
        return "is no header name: expected letters, digits and hyphens"
    if name.lower() in _CONNECTIONS_OWN:
        return "is set by Runner and cannot be given"
    return None


def is_header_value(text: str) -> bool:
    """Whether a header may hold it: no line break and no other control character but a tab."""
    return _BAD_VALUE.search(text) is None
