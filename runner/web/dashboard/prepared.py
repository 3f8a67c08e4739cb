"""
What pages show of a workflow's file, made once for each version of it: the graph and the highlighted source.

    Entry ──Prepared.of()──► Picture (graph, source lines)      a file that stays as it is costs a lookup

Kept for the entries in force alone, by identity, since a catalog keeps the very entry of an unchanged file, and made
again when a secret became known that stands in it. Called by `runner.web.dashboard.workflow_page`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import anyio.to_thread
from markupsafe import Markup

from runner.definitions.catalog import Catalog, Entry
from runner.web.dashboard.graph import lay_out
from runner.web.dashboard.graph_svg import draw
from runner.web.dashboard.source import SourceLine, action_lines, lines


class Picture(NamedTuple):
    """The graph, whose links lead to lines of the source, and the source without its problems."""

    graph: Markup
    source: list[SourceLine]


class _Kept(NamedTuple):
    entry: Entry
    masked: str
    picture: Picture


class Prepared:
    """The pictures of a catalog. `mask` hides every known secret in a text."""

    def __init__(self, catalog: Callable[[], Catalog], mask: Callable[[str], Awaitable[str]]) -> None:
        self._catalog = catalog
        self._mask = mask
        self._kept: dict[str, _Kept] = {}

    async def of(self, entry: Entry) -> Picture:
        """The picture of an entry."""
        name, masked = entry.workflow.name, await self._mask(entry.source)
        kept = self._kept.get(name)
        if kept is not None and kept.entry is entry and kept.masked == masked:
            return kept.picture
        picture = await anyio.to_thread.run_sync(_made, entry, masked)
        there = self._catalog().entries
        self._kept = {known: value for known, value in self._kept.items() if known in there}
        self._kept[name] = _Kept(entry, masked, picture)
        return picture

    async def source(self, text: str, problems: Sequence[Mapping[str, Any]]) -> list[SourceLine]:
        """The lines of a file that is broken; they are not kept."""
        return await anyio.to_thread.run_sync(lines, await self._mask(text), problems)


def _made(entry: Entry, masked: str) -> Picture:
    body = entry.workflow.body
    at = action_lines(body, entry.source, entry.file)
    graph = draw(lay_out(body), entry.workflow.name, href=lambda path: f"#line-{at.get(path, 1)}")
    return Picture(graph, lines(masked))
