"""Parked places of a store: timers that come due, signals of children, callbacks that are waited for."""

from runner.events import Parent
from runner.ports import Due, Park, Store
from tests.contracts.store.made import admit, append, ended, next_due, parked


class TestTimers:
    async def test_places_come_due_in_the_order_of_their_times(self, store: Store) -> None:
        """Those whose time is not after the one asked for, as many as asked for; the next one's time is known."""
        await admit(store, "run-1", "run-2")
        await store.append(parked("run-1", 2, Park("late", 30.0), Park("early", 10.0)))
        await store.append(parked("run-2", 2, Park("middle", 20.0), Park("signal", None, callback="c")))

        assert await store.due(9.9, 10) == []
        assert await store.due(20.0, 10) == [Due("run-1", "early", 10.0), Due("run-2", "middle", 20.0)]
        assert await store.due(99.0, 1) == [Due("run-1", "early", 10.0)]
        assert await store.due(99.0, 0) == []
        assert await next_due(store) == 10.0

    async def test_a_place_is_parked_once(self, store: Store) -> None:
        """Parked again it waits for the later word, unparked it waits no more, and of its run only that place."""
        await admit(store, "run-1")
        await store.append(parked("run-1", 2, Park("a", 10.0), Park("b", 11.0)))
        await store.append(parked("run-1", 3, Park("a", 20.0)))
        assert await next_due(store) == 11.0

        await store.append(append("run-1", 4, unparks=("b", "never")))

        assert await store.due(99.0, 10) == [Due("run-1", "a", 20.0)]
        assert await next_due(store) == 20.0

    async def test_an_ended_run_waits_for_nothing(self, store: Store) -> None:
        """Its places are gone with the append that ends it."""
        await admit(store, "run-1", "run-2")
        await store.append(parked("run-1", 2, Park("a", 10.0), Park("b", None, child="run-2")))

        await store.append(ended("run-1", 3, "cancelled"))

        assert await next_due(store) is None
        await store.append(ended("run-2", 2))
        assert await next_due(store) is None


class TestSignals:
    async def test_the_end_of_a_child_makes_its_parents_place_due_at_once(self, store: Store) -> None:
        """Whatever the clock says; the place that waits for another child goes on waiting."""
        await admit(store, "run-1")
        await admit(store, "child-1", "child-2", parent=Parent("run-1", "call", 1))
        await store.append(
            parked("run-1", 2, Park("call[0]", None, child="child-1"), Park("call[1]", None, child="child-2"))
        )
        assert await next_due(store) is None

        await store.append(ended("child-1", 2, "failed"))

        assert await store.due(0.0, 10) == [Due("run-1", "call[0]", 0.0)]
        assert await next_due(store) == 0.0
        await store.append(parked("run-1", 3, Park("x", 50.0), unparks=("call[0]",)))
        assert await next_due(store) == 50.0

    async def test_a_child_that_has_ended_before_is_not_waited_for(self, store: Store) -> None:
        """Parked for a child that ended in the meantime, or in the same batch, the place is due at once."""
        await admit(store, "run-1", "run-2", "child-1", "child-2")
        await store.append(ended("child-1", 2))

        await store.append(parked("run-1", 2, Park("call", None, child="child-1")))
        store.append(ended("child-2", 2))
        await store.append(parked("run-2", 2, Park("call", None, child="child-2")))

        assert await store.due(0.0, 10) == [Due("run-1", "call", 0.0), Due("run-2", "call", 0.0)]

    async def test_places_that_wait_for_an_answer_are_listed_from_the_oldest_run_on(self, store: Store) -> None:
        """With or without a deadline; what waits for a time or a child is not among them, nor what was answered."""
        await admit(store, "run-1", "run-2")
        await store.append(parked("run-2", 2, Park("ask", 90.0, callback="1"), Park("call", None, child="run-1")))
        await store.append(
            parked("run-1", 2, Park("b", None, callback="1"), Park("a", None, callback="2"), Park("t", 5.0))
        )

        assert await store.asking(10) == [Due("run-1", "a"), Due("run-1", "b"), Due("run-2", "ask", 90.0)]
        assert await store.asking(1) == [Due("run-1", "a")]
        assert await store.asking(2, ("run-1", "a")) == [Due("run-1", "b"), Due("run-2", "ask", 90.0)]
        assert await store.asking(9, ("run-2", "ask")) == []
        await store.append(parked("run-1", 3, unparks=("a",)))
        assert await store.asking(1) == [Due("run-1", "b")]
