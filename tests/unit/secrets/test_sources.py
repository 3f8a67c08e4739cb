"""What further sources of secrets list, and what they cannot."""

from collections.abc import Collection, Mapping

import anyio
import pytest

from runner.secrets import sources
from runner.secrets.sources import Listing, Named, Sources


class Cabinet:
    """A source that lists `listed`, or raises it, or never answers."""

    def __init__(self, listed: Collection[str] | Exception | None, *, hangs: bool = False) -> None:
        self._listed = listed
        self._hangs = hangs

    async def find(self, names: frozenset[str], workflow: str) -> Mapping[str, str]:
        return {}

    async def names(self) -> Collection[str] | None:
        if self._hangs:
            await anyio.sleep_forever()
        if isinstance(self._listed, Exception):
            raise self._listed
        return self._listed


async def test_the_first_that_has_a_name_owns_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot list, that breaks or that hangs is silent and keeps no other from being heard."""
    monkeypatch.setattr(sources, "_PATIENCE", 0.01)
    further = [
        Named("a", Cabinet({"ONE"})),
        Named("b", Cabinet(ValueError("canary"))),
        Named("c", Cabinet(None)),
        Named("d", Cabinet((), hangs=True)),
        Named("e", Cabinet(["ONE", "TWO"])),
    ]

    assert await Sources(None, further).listed() == Listing({"ONE": "a", "TWO": "e"}, ("b", "c", "d"))
