"""
The secrets that workflows name, held against those that the vault and further sources have.

    catalog, or one file ──► SecretUse ──known secrets──► what is wrong: missing, not for this workflow, an open host
    catalog, Sightings ──documents()──► what `runner secrets usage` shows

`runner.daemon.catalogs` asks for the problems when it swaps a catalog in, again after the vault has changed, which
`watch` waits for, and for each file that is in no catalog. A judgement is a pure function of the uses and of what is
known at that moment; only where an entry of the catalog names secrets is remembered.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import anyio.to_thread

from runner import log
from runner.clock import Clock
from runner.daemon.root import Confidential
from runner.definitions.catalog import Catalog, Entry
from runner.definitions.model import Workflow
from runner.definitions.secret_uses import KnownSecrets, SecretUse, secret_problems, secret_uses
from runner.errors import Problem, SecretError
from runner.ports import ActionType
from runner.secrets.sources import Listing
from runner.secrets.usage import known, usage

EVERY: Final = 1.0
"""Seconds between two looks at whether the vault was changed."""

EVERY_LISTING: Final = 60.0
"""Seconds between two questions to further sources what they have."""

_log = log.get("runner.secrets")


class SecretUses:
    """What is used where. `strict_hosts` as [dashboard] has it."""

    def __init__(self, types: Mapping[str, ActionType], confidential: Confidential, *, strict_hosts: bool) -> None:
        self._types = types
        self._vault = confidential.vault
        self._sources = confidential.sources
        self._seen = confidential.seen
        self._strict = strict_hosts
        self._silent: tuple[str, ...] = ()
        self._uses: dict[str, tuple[Entry, tuple[SecretUse, ...]]] = {}

    async def of_catalog(self, catalog: Catalog) -> tuple[Problem, ...]:
        """What is wrong with the secrets that the workflows in force name."""
        return await self._judged(lambda: self._of(catalog))

    async def of_file(self, workflow: Workflow, source: str, file: str) -> tuple[Problem, ...]:
        """The same of a workflow that is in no catalog."""
        return await self._judged(lambda: secret_uses(workflow, source, file, self._types))

    async def documents(self, catalog: Catalog) -> list[dict[str, Any]]:
        """One for each secret that the catalog names, or that is there. Raises SecretError."""
        infos = [] if self._vault is None else await self._vault.list()
        uses = await anyio.to_thread.run_sync(self._of, catalog)
        return [each.document() for each in usage(uses, infos, self._seen.of_all(), await self._listed())]

    async def watch(self, changed: Callable[[], Awaitable[None]], clock: Clock) -> None:
        """Call `changed` after each change of the vault, whichever process made it, and of what sources list."""
        generation, listing, listed_at = self._generation, await self._listed(), clock.monotonic()
        while True:
            await clock.sleep(EVERY)
            await self._refresh()
            before = generation, listing
            generation = self._generation
            if clock.monotonic() - listed_at >= EVERY_LISTING:
                listing, listed_at = await self._listed(), clock.monotonic()
            if (generation, listing) != before:
                await changed()

    async def _judged(self, uses: Callable[[], Iterable[SecretUse]]) -> tuple[Problem, ...]:
        there = await self._known()
        return await anyio.to_thread.run_sync(lambda: tuple(secret_problems(uses(), there, strict_hosts=self._strict)))

    async def _known(self) -> KnownSecrets:
        """As of now; where the vault cannot be looked at, as it was seen last."""
        await self._refresh()
        infos = {} if self._vault is None else self._vault.content.infos
        return known(infos.values(), await self._listed())

    async def _refresh(self) -> None:
        try:
            if self._vault is not None:
                await self._vault.refresh()
        except SecretError as error:
            _log.error("the vault cannot be looked at", error=str(error))

    async def _listed(self) -> Listing:
        """What further sources have; which of them cannot tell is said when it changes."""
        listing = await self._sources.listed()
        if listing.silent != self._silent:
            self._silent = listing.silent
            _log.info("secret sources that cannot list what they have", sources=list(listing.silent))
        return listing

    @property
    def _generation(self) -> int:
        return 0 if self._vault is None else self._vault.generation

    def _of(self, catalog: Catalog) -> Iterable[SecretUse]:
        """Every use; an entry that stayed the same is not read again."""
        before, uses = self._uses, {}
        for name, entry in sorted(catalog.entries.items()):
            same = before.get(name)
            found = same[1] if same is not None and same[0] is entry else None
            if found is None:
                found = secret_uses(entry.workflow, entry.source, entry.file, self._types)
            uses[name] = (entry, found)
        self._uses = uses
        return [use for _, found in uses.values() for use in found]
