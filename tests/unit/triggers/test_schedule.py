"""When schedules fire."""

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.triggers.schedule import next_firings
from tests.unit.triggers.calendars import at, local, schedule

HOUR = 3600.0
CHANGES = [
    ("Europe/Paris", "2026-03-29", "2026-10-25"),
    ("America/New_York", "2026-03-08", "2026-11-01"),
]


def day(zone: str, date: str, cron: str) -> list[str]:
    """All firings of one local day."""
    found: list[str] = []
    for time in schedule(cron=cron, timezone=zone).after(at(f"{date} 00:00", zone) - 1):
        if not local(time, zone).startswith(date):
            return found
        found.append(local(time, zone)[11:])
    return found


class TestDaylightSaving:
    @pytest.mark.parametrize(("zone", "spring", "autumn"), CHANGES)
    def test_an_hour_that_there_is_not(self, zone: str, spring: str, autumn: str) -> None:
        """What names a time in it fires once, at the first instant after it; what runs each hour follows real time."""
        assert [time[:5] for time in day(zone, spring, "30 2 * * *")] == ["03:00"]
        assert [time[:5] for time in day(zone, spring, "10,40 2 * * *")] == ["03:00"]
        hourly = [time[:5] for time in day(zone, spring, "0 * * * *")]
        assert len(hourly) == 23
        assert "02:00" not in hourly

    @pytest.mark.parametrize(("zone", "spring", "autumn"), CHANGES)
    def test_an_hour_that_comes_twice(self, zone: str, spring: str, autumn: str) -> None:
        """What names a time in it fires the first time only; what runs each hour runs twenty-five times."""
        hour = "02" if zone == "Europe/Paris" else "01"
        named = day(zone, autumn, f"30 {hour} * * *")
        assert [time[:5] for time in named] == [f"{hour}:30"]
        assert named[0].endswith("+02:00" if zone == "Europe/Paris" else "-04:00")
        assert len(day(zone, autumn, "0 * * * *")) == 25
        assert len(day(zone, autumn, "*/30 * * * *")) == 50

    def test_seen_from_within_the_hour_that_comes_again(self) -> None:
        """At the second 02:10 the firing of 02:30 has been: the next is tomorrow's, and none lies in the past."""
        second = at("2026-10-25 02:10", "Europe/Paris") + HOUR
        (following,) = next_firings(schedule(cron="30 2 * * *", timezone="Europe/Paris"), second, 1)
        assert local(following, "Europe/Paris") == "2026-10-26 02:30+01:00"

    @pytest.mark.parametrize(("zone", "spring", "autumn"), CHANGES)
    def test_a_daily_time_is_kept(self, zone: str, spring: str, autumn: str) -> None:
        """Nine o'clock is nine o'clock on both sides."""
        for change in (spring, autumn):
            times = islice(schedule(cron="0 9 * * *", timezone=zone).after(at(f"{change} 00:00", zone) - 72 * HOUR), 6)
            assert {local(time, zone)[11:16] for time in times} == {"09:00"}

    @pytest.mark.parametrize(("zone", "spring", "autumn"), CHANGES)
    def test_an_interval_is_real_time(self, zone: str, spring: str, autumn: str) -> None:
        """`every: 6h` keeps six hours through both changes."""
        for change in (spring, autumn):
            times = list(islice(schedule(every="6h", timezone=zone).after(at(f"{change} 00:00", zone) - HOUR), 8))
            assert {after - before for before, after in pairwise(times)} == {6 * HOUR}


class TestEvery:
    def test_thirteen_hours_over_a_week(self) -> None:
        """The rhythm goes on over midnight: thirteen or fourteen firings in a week, all thirteen hours apart."""
        start = at("2026-11-23 00:00")
        times = [time for time in islice(schedule(every="13h").after(start), 20) if time < start + 7 * 24 * HOUR]
        assert len(times) in {12, 13}
        assert {after - before for before, after in pairwise(times)} == {13 * HOUR}

    def test_an_anchor_says_where_it_begins(self) -> None:
        """With an anchor at a quarter past, every firing is at a quarter past, before the anchor too."""
        hourly = schedule(every="1h", anchor="2026-06-01T00:15:00+02:00")
        assert local(next_firings(hourly, at("2026-01-01 12:00"), 1)[0]) == "2026-01-01 12:15+00:00"

    @pytest.mark.parametrize("every", ["1s", "7s", "90s", "13h", "7d"])
    @given(now=st.floats(min_value=0, max_value=4e9))
    def test_the_next_is_later_and_within_the_interval(self, every: str, now: float) -> None:
        """Whatever the instant is."""
        found = schedule(every=every)
        (following,) = next_firings(found, now, 1)
        assert now < following <= now + float(found.config.every or 0) + 1e-6


class TestIdentity:
    def test_the_config_and_the_name_are_what_counts(self) -> None:
        """Another interval or another workflow is another schedule; the same config is the same one."""
        assert schedule(every="1h").identity == schedule(every="1h").identity
        assert (
            len({schedule(every="1h").identity, schedule(every="3h").identity, schedule("b", every="1h").identity}) == 3
        )


class TestJitter:
    def test_it_is_the_same_each_time_and_below_its_bound(self) -> None:
        """A hundred firings are spread, each by less than the jitter and by the same each time it is asked."""
        jittered = schedule(every="1h", jitter="10m")
        times = list(islice(jittered.after(0.0), 100))
        delays = [jittered.due_at(time) - time for time in times]
        assert delays == [jittered.due_at(time) - time for time in times]
        assert min(delays) >= 0
        assert max(delays) < 600
        assert len(set(delays)) == 100
        assert max(delays) - min(delays) > 300


@pytest.mark.parametrize("cron", ["* * * * *", "30 2 * * *", "0 0 29 2 *", "15,45 1-3 * * 0", "0 */5 * * *"])
@given(start=st.integers(min_value=1_750_000_000, max_value=1_810_000_000))
def test_the_same_from_wherever_one_looks(cron: str, start: int) -> None:
    """Firings after an instant are those after an earlier one that are later: a restart skips and repeats none."""
    nightly = schedule(cron=cron, timezone="Europe/Paris")
    times = list(islice(nightly.after(start), 8))
    assert times == sorted(set(times))
    for place, time in enumerate(times[:-1]):
        assert list(islice(nightly.after(time), 7 - place)) == times[place + 1 :]
