"""ISO 8601 for every year, exactly."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.executors.sql import iso

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TestAgainstPython:
    @given(st.datetimes(timezones=st.just(UTC)))
    def test_moments(self, moment: Any) -> None:
        """For years that Python has, both agree."""
        microseconds = (moment - EPOCH) // timedelta(microseconds=1)

        assert iso.parse_moment(moment.isoformat()) == microseconds
        assert datetime.fromisoformat(iso.format_moment(microseconds) + "+00:00") == moment

    @given(st.dates())
    def test_dates(self, day: Any) -> None:
        """Dates too."""
        assert iso.parse_date(day.isoformat()) == (day - date(1970, 1, 1)).days
        assert iso.format_date((day - date(1970, 1, 1)).days) == day.isoformat()

    @given(st.times())
    def test_times(self, clock: time) -> None:
        """Times of day too."""
        assert time.fromisoformat(iso.format_time(iso.parse_time(clock.isoformat()) or 0)) == clock

    @given(st.datetimes(), st.integers(-15 * 60, 15 * 60))
    def test_offsets(self, moment: Any, minutes: Any) -> None:
        """An offset is the same instant in UTC."""
        zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
        naive = moment.replace(tzinfo=UTC) - EPOCH - timedelta(minutes=minutes)

        found = iso.parse_moment(zoned.isoformat())

        assert found is not None
        assert found == naive // timedelta(microseconds=1)

    @given(st.integers(-2_500_000, 100_000_000))
    def test_every_day_comes_back(self, days: Any) -> None:
        """From far before our era to the year 270,000."""
        assert iso.parse_date(iso.format_date(days)) == days


class TestRefused:
    @pytest.mark.parametrize(
        "text",
        [
            "", "now", "today", "infinity", "2024", "2024-13-01", "2024-02-30", "2023-02-29", "1900-02-29", "2024-00-01", "2024-1-1", "01/02/2024",
            "2024-05-01T25:00:00", "2024-05-01T12:60", "2024-05-01T12:00:60", "2024-05-01T12:00:00.1234567", "2024-05-01T12:00:00+16:00",
            "2024-05-01T12", "2024-05-01Z", " 2024-05-01", "2024-05-01 ", "\uff12\uff10\uff12\uff14-05-01", "2024-05-01T12:00:00 Europe/Paris",
        ],
    )  # fmt: skip
    def test_moments(self, text: str) -> None:
        """Nothing is guessed, rounded or cut."""
        assert iso.parse_moment(text) is None

    def test_digits_that_say_nothing_are_no_loss(self) -> None:
        """Nanoseconds that are zero fit."""
        assert iso.parse_time("12:00:00.123456000") == 43_200_123_456


class TestIntervals:
    @pytest.mark.parametrize(
        ("interval", "text"),
        [
            ((0, 0, 0), "PT0S"), ((14, 3, 3_723_000_000), "P1Y2M3DT1H2M3S"), ((0, 0, 500_000), "PT0.5S"), ((-14, 0, 0), "P-1Y-2M"),
            ((0, -1, 3_600_000_000), "P-1DT1H"), ((0, 0, -1_500_000), "PT-1.5S"), ((0, 0, -61_000_000), "PT-1M-1S"),
        ],
    )  # fmt: skip
    def test_text(self, interval: Any, text: str) -> None:
        """Each part keeps its own sign."""
        assert iso.format_interval(*interval) == text
