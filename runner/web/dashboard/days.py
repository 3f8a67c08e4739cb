"""
A day that somebody put into a form or an address, as the moment at which it begins in UTC.

    "2027-01-31" ──day()──► wall seconds          day(…, later=1) ──► its end

`runner.web.dashboard.audit` filters by it, `runner.web.dashboard.tokens` ends a token with it.
"""

from datetime import UTC, datetime, timedelta

from runner.errors import UsageError


def day(text: str, *, later: int = 0) -> float | None:
    """The beginning of the day so many days later; None for an empty text. Raises UsageError, also beyond year 9999."""
    if not text:
        return None
    try:
        return (datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=later)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError("expected a day as 2027-01-31") from None
