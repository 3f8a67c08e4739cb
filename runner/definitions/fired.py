"""
What `$trigger` is: one shape for requests that came in and for those that `runner run --trigger FILE` stands in for.

    http_fired(method=…, …)            a request, all its fields
    simulated({"body": {"n": 1}})      what somebody wrote, the rest filled in

Field names are those that references may have (`runner.definitions.sight`).
"""

from typing import Any

from runner.definitions.sight import TRIGGER_FIELDS
from runner.expressions.nearest import suggestion


def http_fired(
    *,
    method: str = "POST",
    path: str = "/",
    params: dict[str, str] | None = None,
    query: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    body: Any = None,
    auth: Any = None,
) -> dict[str, Any]:
    """A request. `auth` holds what the caller proved about itself: a JWT's claims, Basic's user."""
    return {
        "method": method,
        "path": path,
        "params": params or {},
        "query": query or {},
        "headers": headers or {},
        "body": body,
        "auth": auth,
    }


def simulated(value: Any) -> dict[str, Any]:
    """
    What somebody wrote as `$trigger`: header names in lower case, what a request always has filled in.

    Raises ValueError that says what was expected.
    """
    if not isinstance(value, dict):
        raise _wrong("expected a mapping such as {body: {…}, headers: {…}}")
    for name in value:
        if name not in TRIGGER_FIELDS:
            raise _wrong(f"$trigger has no {name[:40]!r}{suggestion(name, TRIGGER_FIELDS)}")
    if "scheduled_at" in value or "run" in value:
        return dict(value)
    for name in ("params", "query", "headers"):
        if not isinstance(value.get(name, {}), dict):
            raise _wrong(f"{name}: expected a mapping")
    headers = {str(name).lower(): text for name, text in value.get("headers", {}).items()}
    return {**http_fired(), **value, "headers": headers}


def _wrong(message: str) -> ValueError:
    return ValueError(message)
