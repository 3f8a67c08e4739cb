"""Live news: nothing before the watch is lost, a slow reader loses the oldest and hears the end."""

import anyio
import pytest

from runner.events import About, AnyEvent, Ended, Started
from runner.web.news import MOST_WAITING, News


async def test_a_watch_that_began_before_the_run_misses_nothing() -> None:
    """Narrowed to the run later, it has dropped what others did."""
    news = News()
    with news.watch() as watch:
        news.publish("mine", "w", Started(1, "a", 1), About())
        news.publish("other", "w", Started(1, "b", 1), About())
        watch.narrow("mine")
        news.publish("other", "w", Started(2, "b", 1), About())
        news.publish("mine", "w", Ended(3, "succeeded"), About())
        news.close()
        seen = [event async for event in watch]

    assert seen == [Started(1, "a", 1), Ended(3, "succeeded")]


async def test_a_reader_that_is_too_slow_loses_the_oldest() -> None:
    """It is told how many, and the end is not among them."""
    news = News()
    with news.watch() as watch:
        for number in range(MOST_WAITING + 5):
            news.publish("run", "w", Started(number, "a", 1), About())
        news.publish("run", "w", Ended(9, "failed"), About())
        news.close()
        seen: list[AnyEvent] = [event async for event in watch]

    assert (watch.lost, len(seen)) == (6, MOST_WAITING)
    assert seen[0] == Started(6, "a", 1)
    assert seen[-1] == Ended(9, "failed")


async def test_a_reader_that_waits_is_woken() -> None:
    """By an event, and by the end of the news; a watch that begins after that ends at once."""
    news = News()
    seen: list[AnyEvent] = []

    async def read() -> None:
        with news.watch() as watch:
            async for event in watch:
                seen.append(event)
                news.close()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            news.publish("run", "w", Started(1, "a", 1), About())
        await read()
    assert len(seen) == 1


@pytest.mark.parametrize(("told", "left"), [(0, 3), (1, 2), (2, 1), (3, 0)])
async def test_what_a_journal_told_already_is_not_told_twice(told: int, left: int) -> None:
    """However far the journal had come when it was read; events before the watch began are in it alone."""
    events = [Started(float(at), "a", at) for at in range(1, 6)]
    news = News()
    with news.watch() as watch:
        for event in events[2:]:
            news.publish("r", "w", event, About())
        watch.skip(events[: 2 + told])
        news.close()
        assert [event async for event in watch] == events[5 - left :]
