"""
Dates and durations: `now()`, `date(text)`, `duration('1d')`, `| date(format, tz)`, `| unix`.

    text or seconds ──date()──► datetime with a zone ──► ISO 8601 text as it leaves the expression
    "1h30m" ──duration()──► timedelta ──► "1h30m" as it leaves

A date without a zone is in UTC. Formats know the C standard's directives and no widths (`%1000000000d` would fill
memory). Computing with dates is `runner.expressions.operators`; the registry in `runner.expressions.library` is the
only caller.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from runner.errors import EvaluationError
from runner.expressions.bounds import Evaluation
from runner.expressions.library.arguments import text
from runner.expressions.library.function import Function, plain
from runner.expressions.values import is_number, kind_of

_MOST_CHARACTERS: Final = 100
_DIRECTIVES: Final = frozenset("YmdHMSfzZjaAbBpIyUWVGu%")
"""What a format may hold after `%`: the C standard's, which every platform writes alike; no widths, no flags."""
_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_ZONE: Final = re.compile(r"[A-Za-z0-9_+\-]+(?:/[A-Za-z0-9_+\-]+){0,2}")


def now(evaluation: Evaluation) -> datetime:
    """When this attempt began, in UTC; the same at every call and when the attempt is executed again."""
    evaluation.special = True
    return _from_seconds(evaluation.now)


def date(evaluation: Evaluation, value: Any) -> datetime:
    """
    The date that a text (ISO 8601 or an HTTP date; UTC where it names no zone) or a number of seconds since 1970
    stands for.
    """
    evaluation.special = True
    if isinstance(value, datetime):
        return value
    if is_number(value):
        return _from_seconds(value)
    if not isinstance(value, str):
        raise EvaluationError(f"needs a date as text or as seconds since 1970, found {kind_of(value)}")
    written = str(value).strip()[:_MOST_CHARACTERS]
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(written)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    raise EvaluationError("needs a date such as 2026-01-31, 2026-01-31T12:00:00Z or an HTTP date, found other text")


def duration(evaluation: Evaluation, value: Any) -> timedelta:
    """How long `500ms`, `30s`, `1h30m`, `-1d` or a number of seconds is."""
    evaluation.special = True
    if isinstance(value, timedelta):
        return value
    if is_number(value):
        return _seconds(value)
    written = text(value)[:_MOST_CHARACTERS]
    sign, written = (-1, written[1:]) if written.startswith("-") else (1, written)
    if not written or _DURATION.sub("", written):
        raise EvaluationError("needs a duration such as 500ms, 30s, 10m, 2h, 1d or 1h30m, found other text")
    return _seconds(sign * sum(float(amount) * _UNITS[unit] for amount, unit in _DURATION.findall(written)))


def written_date(evaluation: Evaluation, value: Any, format: Any = None, tz: Any = None) -> Any:  # noqa: A002  the argument's name in the language
    """
    The date in the zone `tz`; with `format` (`%Y-%m-%d`) its text, otherwise still a date, which is written in ISO
    8601.
    """
    found = date(evaluation, value)
    if tz is not None:
        try:
            found = found.astimezone(_zone(text(tz, "tz")))
        except OverflowError:
            raise EvaluationError("is given a date outside the years 1 to 9999") from None
    if format is None:
        return found
    pattern = text(format, "format")[: _MOST_CHARACTERS + 1]
    if len(pattern) > _MOST_CHARACTERS:
        raise EvaluationError(f"takes a format of at most {_MOST_CHARACTERS} characters")
    return re.sub(r"%(.?)", lambda directive: _directive(found, directive[1]), pattern, flags=re.DOTALL)


def unix(evaluation: Evaluation, value: Any) -> int | float:
    """Seconds since 1970 of a date or of a text that `date()` reads; a whole number where there is no fraction."""
    seconds = (date(evaluation, value) - _EPOCH) / timedelta(seconds=1)
    return int(seconds) if seconds == int(seconds) else seconds


def _directive(found: datetime, letter: str) -> str:
    if letter not in _DIRECTIVES or not letter:
        raise EvaluationError("knows these in a format: " + " ".join(f"%{known}" for known in sorted(_DIRECTIVES)))
    return f"{found.year:04}" if letter == "Y" else found.strftime("%" + letter)


def _zone(name: str) -> ZoneInfo:
    try:
        if _ZONE.fullmatch(name[:_MOST_CHARACTERS]):
            return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        pass
    raise EvaluationError("needs a time zone such as UTC or Europe/Paris as `tz`")


def _from_seconds(seconds: float) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        raise EvaluationError("is given a date outside the years 1 to 9999") from None


def _seconds(amount: float) -> timedelta:
    try:
        return timedelta(seconds=amount)
    except (ValueError, OverflowError):
        raise EvaluationError("is given too long a duration") from None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {"now": plain(now), "date": plain(date), "duration": plain(duration)}
)
FILTERS: Final[Mapping[str, Function]] = MappingProxyType({"date": plain(written_date), "unix": plain(unix)})
