"""Which firings are made and which were missed."""

import random
from typing import Any

import pytest

from runner.triggers.catchup import MOST, ON_TIME, Decision, decide
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


MONTH = range(int(START + 60), int(START + 30 * DAY + 1), 60)
"""The scheduled times of thirty days of each minute."""


@pytest.mark.parametrize("writing", [{"cron": "* * * * *"}, {"every": "1m"}], ids=["cron", "every"])
@pytest.mark.parametrize("catch_up", ["none", "latest", "all"])
def test_thirty_days_of_a_clock_that_steps(catch_up: str, writing: dict[str, str]) -> None:
    """A schedule of each minute, the clock stepping back and forth by up to three hours: each firing is made or told as missed, once."""
    dice = random.Random(f"{catch_up} {writing}")
    minutely = schedule(**writing, catch_up=catch_up)
    now, decided, made, told = START, START, list[float](), list[float]()
    steps = 0
    while now < MONTH[-1]:
        now += dice.uniform(20, 100)
        if dice.random() < 0.002:
            steps += 1
            now += dice.uniform(-10_800, 10_800)
        now = min(now, MONTH[-1] + 1)
        decision = decide(minutely, decided, now)
        if decision.missed_until is not None:
            told += [decision.missed_until - 60.0 * number for number in reversed(range(decision.missed))]
        made += decision.fire
        decided = max(decided, decision.missed_until or 0, *decision.fire)
        assert not decision.more
        assert_is_right(catch_up, now, decision)

    assert steps > 30
    assert made == sorted(made)
    assert sorted(made + told) == list(MONTH)
    assert len(told) > {"none": 1000, "latest": 1000, "all": 100}[catch_up]


def assert_is_right(catch_up: str, now: float, decision: Decision) -> None:
    """What is dropped is what `catch_up` lets drop."""
    late = [each for each in decision.fire if now - each > ON_TIME]
    match catch_up:
        case "none":
            assert late == []
            assert decision.missed_until is None or now - decision.missed_until > ON_TIME
        case "latest":
            assert decision.missed == 0 or len(decision.fire) == 1
            assert len(late) <= 1
        case _:
            assert decision.missed == 0 or len(decision.fire) == MOST
