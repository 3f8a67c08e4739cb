"""
ISO 8601 dates and times to numbers and back, exactly, for every year that a database can hold.

    2024-05-01T12:30:00.5+02:00  ──►  microseconds since 1970 UTC  ──►  2024-05-01T10:30:00.5Z

Python's own `datetime` knows the years 1 to 9999 only and databases know more. A time without offset is UTC, as
everywhere in Runner. Years beyond 9999 are written `+10000`, those before 1 as astronomers do (`-0043` is 44 BC). Pure
functions; the drivers call them.
"""

# ruff: noqa: PLR2004  the numbers of a calendar and a clock say what they are

import re
from typing import Final

DAY: Final = 86_400_000_000
"""Microseconds of a day."""

_DATE: Final = r"(?P<year>[+-]\d{5,6}|-?\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_TIME: Final = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,12}))?)?"
_OFFSET: Final = r"(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?)?"
_DATE_ONLY: Final = re.compile(_DATE, re.ASCII)
_TIME_ONLY: Final = re.compile(_TIME, re.ASCII)
_MOMENT: Final = re.compile(rf"{_DATE}(?:[Tt ]{_TIME} ?{_OFFSET})?", re.ASCII)
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def parse_date(text: str) -> int | None:
    """`2024-05-01` as days since 1970-01-01; None for anything else."""
    match = _DATE_ONLY.fullmatch(text)
    return _days(match) if match else None


def parse_time(text: str) -> int | None:
    """`12:30` or `12:30:00.5` as microseconds since midnight; None for anything else, or finer than a microsecond."""
    match = _TIME_ONLY.fullmatch(text)
    return _clock(match) if match else None


def parse_moment(text: str) -> int | None:
    """
    A date, or a date and a time, with or without offset, as microseconds since 1970-01-01T00:00Z.

    None for anything else, or finer than a microsecond.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    days, clock = _days(match), 0 if match["hour"] is None else _clock(match)
    if days is None or clock is None:
        return None
    shift = _shift(match["offset"])
    return None if shift is None else days * DAY + clock - shift


def format_date(days: int) -> str:
    """Days since 1970-01-01 as `2024-05-01`."""
    year, month, day = _civil(days)
    written = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+06d}" if year > 9999 else f"-{-year:04d}"
    return f"{written}-{month:02d}-{day:02d}"


def format_time(microseconds: int) -> str:
    """Microseconds since midnight as `12:30:00`, with as many digits of a second as there are."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    digits = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{digits}"


def format_moment(microseconds: int) -> str:
    """Microseconds since 1970-01-01 as `2024-05-01T12:30:00`, without an offset."""
    days, clock = divmod(microseconds, DAY)
    return f"{format_date(days)}T{format_time(clock)}"


def format_offset(seconds: int) -> str:
    """Seconds east of Greenwich as `+02:00` or `Z`."""
    if not seconds:
        return "Z"
    minutes, rest = divmod(abs(seconds), 60)
    written = f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{written}:{rest:02d}" if rest else written


def format_interval(months: int, days: int, microseconds: int) -> str:
    """A PostgreSQL interval as ISO 8601: `P1Y2M3DT4H5M6.5S`, each part with its own sign."""
    years, months = _split(months, 12)
    seconds, fraction = _split(microseconds, 1_000_000)
    hours, seconds = _split(seconds, 3600)
    minutes, seconds = _split(seconds, 60)
    date = "".join(f"{count}{unit}" for count, unit in ((years, "Y"), (months, "M"), (days, "D")) if count)
    time = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M")) if count)
    if seconds or fraction:
        sign = "-" if seconds < 0 or fraction < 0 else ""
        digits = f".{abs(fraction):06d}".rstrip("0") if fraction else ""
        time += f"{sign}{abs(seconds)}{digits}S"
    return f"P{date}T{time}" if time else f"P{date}" if date else "PT0S"


def _split(value: int, size: int) -> tuple[int, int]:
    """Division towards zero: both parts carry the sign."""
    count, rest = divmod(abs(value), size)
    return (-count, -rest) if value < 0 else (count, rest)


def _days(match: re.Match[str]) -> int | None:
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return None
    if (month, day) == (2, 29) and not (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)):
        return None
    return _days_from_civil(year, month, day)


def _clock(match: re.Match[str]) -> int | None:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    fraction = (match["fraction"] or "").rstrip("0")
    if hour > 23 or minute > 59 or second > 59 or len(fraction) > 6:
        return None
    return (hour * 3600 + minute * 60 + second) * 1_000_000 + int(fraction.ljust(6, "0"))


def _shift(offset: str | None) -> int | None:
    """Microseconds east of UTC; None for an offset that no zone has."""
    if offset is None or offset in "Zz":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[3:].lstrip(":") or 0)
    if hours > 15 or minutes > 59:
        return None
    return (-1 if offset[0] == "-" else 1) * (hours * 60 + minutes) * 60_000_000


def _days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _civil(days: int) -> tuple[int, int, int]:
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month, day
