"""Both libraries find the same: that of the extra `fast` is tested where it is installed."""

import random
import threading
from typing import Any

import pytest

from runner.redaction.matcher import hyperscan, matcher

KINDS = [False, *([True] if hyperscan is not None else [])]


class TestMatcher:
    @pytest.mark.parametrize("lasting", KINDS)
    def test_every_occurrence_is_found(self, lasting: Any) -> None:
        """Overlapping ones, ones with a NUL, very long ones."""
        patterns = [b"abcabc", b"bcab", b"nul\0within", b"x" * 4_500]
        data = b"abcabcabc nul nul\0within " + b"x" * 4_502

        found = set(matcher(patterns, lasting=lasting).find(data))

        places = {
            (which, at, at + len(pattern))
            for which, pattern in enumerate(patterns)
            for at in range(len(data))
            if data.startswith(pattern, at)
        }
        assert found == places
        assert len(places) == 8

    @pytest.mark.parametrize("lasting", KINDS)
    def test_threads_may_ask_at_once(self, lasting: Any) -> None:
        """A large text in a thread and small ones on the loop."""
        chance = random.Random(1)
        compiled = matcher([bytes(chance.choices(b"abcdefgh", k=8)) for _ in range(50)], lasting=lasting)
        data = bytes(chance.choices(b"abcdefgh", k=2_000_000))
        expected = len(compiled.find(data))
        counts: list[int] = []
        threads = [threading.Thread(target=lambda: counts.append(len(compiled.find(data)))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert counts == [expected] * 4
