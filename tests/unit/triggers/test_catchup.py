"""Which firings are made and which were missed."""

import random
from typing import Any

import pytest

from runner.triggers.catchup import MOST, decide
from tests.unit.triggers.calendars import at, schedule

DAY = 86_400.0
START = at("2026-11-24 00:00")


def asleep(catch_up: str, seconds: float, **config: Any) -> tuple[int, int, bool]:
    """How many firings are made and missed after so long, and whether there were more."""
    decision = decide(schedule(**(config or {"cron": "0 * * * *"}), catch_up=catch_up), START, START + seconds)
    return len(decision.fire), decision.missed, decision.more


class TestAsleep:
    @pytest.mark.parametrize(("catch_up", "made", "missed"), [("none", 0, 24), ("latest", 1, 23), ("all", 24, 0)])
    def test_for_a_day(self, catch_up: str, made: int, missed: int) -> None:
        """Twenty-four hours and a half of an hourly schedule: none of them, the newest, all."""
        assert asleep(catch_up, DAY + 1800) == (made, missed, False)

    def test_all_is_a_hundred_at_most(self) -> None:
        """The newest hundred are made; the others are told as missed."""
        assert asleep("all", DAY, cron="*/10 * * * *") == (MOST, 44, False)

    @pytest.mark.parametrize("catch_up", ["none", "latest", "all"])
    @pytest.mark.parametrize("config", [{"cron": "* * * * *"}, {"every": "1s"}], ids=["cron", "every"])
    def test_for_years(self, catch_up: str, config: Any) -> None:
        """A look goes through a bounded number and says that there were more."""
        made, missed, more = asleep(catch_up, 900 * DAY, **config)
        assert more
        assert missed > 300
        on_time = 2 if "cron" in config else 61
        assert made == {"none": on_time, "latest": 1, "all": MOST}[catch_up]


class TestOnTime:
    @pytest.mark.parametrize("catch_up", ["none", "latest", "all"])
    def test_within_a_minute_it_is_no_catch_up(self, catch_up: str) -> None:
        """Fifty-nine seconds late it fires whatever `catch_up` says; and only once."""
        hourly = schedule(cron="0 * * * *", catch_up=catch_up)
        now = START + 3600 + 59
        decision = decide(hourly, START, now)
        assert decision.fire == (START + 3600,)
        assert decision.missed == 0
        assert decide(hourly, decision.fire[-1], now).fire == ()

    def test_it_says_when_to_look_again(self) -> None:
        """The next one after what is due; with jitter, when that is over."""
        hourly = schedule(cron="0 * * * *", jitter="5m")
        assert decide(hourly, START, START).next_due == hourly.due_at(START + 3600)
        assert hourly.due_at(START + 3600) > START + 3600
        assert decide(hourly, START, START + 3600).fire == ()

    def test_a_clock_put_back_makes_nothing_twice(self) -> None:
        """What was decided stays decided; the next one is the one after it."""
        hourly = schedule(cron="0 * * * *", catch_up="all")
        decision = decide(hourly, START + 7200, START + 100)
        assert decision.fire == ()
        assert decision.next_due == START + 3 * 3600


@pytest.mark.parametrize("seed", range(5))
def test_thirty_days_of_a_clock_that_steps(seed: int) -> None:
    """A schedule of each minute, the clock stepping back and forth by up to two hours: each firing once, none silent."""
    dice = random.Random(seed)
    minutely = schedule(cron="* * * * *", catch_up="all")
    now, decided, made, missed = START, START, list[float](), 0
    while now < START + 30 * DAY:
        now += dice.uniform(1, 90)
        if dice.random() < 0.002:
            now += dice.uniform(-7200, 7200)
        decision = decide(minutely, decided, now)
        made += decision.fire
        missed += decision.missed
        decided = max(decided, decision.missed_until or 0, *decision.fire)
    assert made == sorted(set(made))
    assert len(made) + missed == int((decided - START) // 60)
    assert decided >= START + 30 * DAY - 7200
