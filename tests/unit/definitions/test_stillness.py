"""When a file counts: after 300 ms of rest, together with its neighbours, and never while it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.definitions.stillness import LONGEST, STILL, Stillness

LOOKS = st.lists(
    st.tuples(st.integers(1, 500), st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), max_size=3)), max_size=30
)


def look(stillness: Stillness, files: dict[str, int], now: float) -> set[str]:
    """One look; what counts is accepted."""
    count = stillness.observe({name: (version,) for name, version in files.items()}, now).count
    for name in count:
        stillness.accept(name)
    return set(count)


def test_a_file_counts_once_when_it_has_rested() -> None:
    """Not before, and not again."""
    stillness = Stillness()

    assert look(stillness, {"a": 1}, 0.0) == set()
    assert look(stillness, {"a": 1}, STILL - 0.01) == set()
    assert look(stillness, {"a": 1}, STILL) == {"a"}
    assert look(stillness, {"a": 1}, 10.0) == set()


def test_each_change_begins_the_rest_anew() -> None:
    """A file written piece by piece does not count however long it takes."""
    stillness = Stillness()
    counted = [look(stillness, {"a": step}, step * (STILL - 0.05)) for step in range(100)]

    assert counted == [set()] * 100


def test_changes_within_the_time_count_together() -> None:
    """A folder that is copied in is one reload."""
    stillness = Stillness()
    look(stillness, {"a": 1}, 0.0)
    look(stillness, {"a": 1, "b": 1}, 0.2)

    assert look(stillness, {"a": 1, "b": 1}, 0.4) == set()
    assert look(stillness, {"a": 1, "b": 1}, 0.5) == {"a", "b"}


def test_a_file_that_never_rests_holds_its_neighbours_back_for_a_second() -> None:
    """Then they count without it."""
    stillness = Stillness()
    counted = {now: look(stillness, {"log": step, "a": 1}, now) for step, now in enumerate(n / 10 for n in range(20))}

    assert {now: names for now, names in counted.items() if names} == {round(STILL + LONGEST, 1): {"a"}}


def test_a_file_that_is_gone_counts_after_the_same_time() -> None:
    """An editor that writes beside and renames removes nothing."""
    stillness = Stillness()
    look(stillness, {"a": 1}, 0.0)
    look(stillness, {"a": 1}, 1.0)

    assert look(stillness, {}, 2.0) == set()
    assert look(stillness, {"a": 1}, 2.1) == set()
    assert look(stillness, {"a": 1}, 9.0) == set()
    assert look(stillness, {}, 10.0) == set()
    assert look(stillness, {}, 10.5) == {"a"}


def test_an_old_file_counts_at_the_first_look() -> None:
    """A start does not wait for files that have not changed for long."""
    verdict = Stillness().observe({"a": (1,), "b": (2,)}, 5.0, {"a"})

    assert verdict.count == {"a"}
    assert verdict.wait == pytest.approx(STILL)


@given(LOOKS)
def test_nothing_counts_that_changed_within_the_time(looks: list[tuple[int, dict[str, int]]]) -> None:
    """Whatever the looks see: what counts looked the same for 300 ms, and the last state counts in the end."""
    stillness = Stillness()
    history: list[tuple[float, dict[str, int]]] = []
    accepted: dict[str, int] = {}
    now = 0.0
    last = looks[-1][1] if looks else {}
    for milliseconds, files in [*looks, (5_000, last), (5_000, last)]:
        now += milliseconds / 1000
        history.append((now, files))
        for name in look(stillness, files, now):
            recent = [seen.get(name) for at, seen in history if at > now - STILL]
            assert len(set(recent)) == 1
            accepted.pop(name, None)
            accepted |= {name: files[name]} if name in files else {}

    assert accepted == history[-1][1]
