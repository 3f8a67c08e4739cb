"""
The `Link` header (RFC 8288): which address an answer names as its next page.

    <https://api.test/a?page=2>; rel="next", <…>; rel="last"   ──next_link()──►   https://api.test/a?page=2

Read character by character, since commas and semicolons may stand inside the address and inside quotes.
`runner.executors.http.paginate` calls it.
"""

import re
from collections.abc import Iterator
from typing import Final

_TARGET: Final = re.compile(r"[\s,]*<([^<>]*)>")
_PARAMETER: Final = re.compile(r"\s*;\s*([^\s=;,\"]*)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*)))?")


def next_link(header: str) -> str | None:
    """The first address whose relation is `next`, or None."""
    return next((target for target, relations in _links(header) if "next" in relations), None)


def _links(header: str) -> Iterator[tuple[str, set[str]]]:
    position = 0
    while match := _TARGET.match(header, position):
        position = match.end()
        relations: set[str] | None = None
        while parameter := _PARAMETER.match(header, position):
            position = parameter.end()
            if parameter[1].lower() == "rel" and relations is None:  # the first counts: RFC 8288 §3.3
                text = parameter[3] if parameter[2] is None else re.sub(r"\\(.)", r"\1", parameter[2])
                relations = set((text or "").lower().split())
        yield match[1], relations or set()
