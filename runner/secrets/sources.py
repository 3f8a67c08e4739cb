"""
Where `$secret.NAME` comes from: the vault, and after it the sources of installed packages.

    names ──► vault: those that it has, under their policies ──the rest──► each source in turn ──► none has it: missing

    listed() ──► each source in turn ──► Listing: who has which names, and who cannot tell

The entry-point group `runner.secret_sources` names callables; each opens a `FurtherSource` for the life of the daemon.
The vault comes first, so that no package can take a name from it. What a source gives is masked like any other secret,
and is kept nowhere. `runner.daemon` opens `open_sources`, the resolver asks it.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, NamedTuple, Protocol

import anyio

from runner.errors import ActionError, SecretError, SecretMissingError, SettingsError, VaultKeyError
from runner.secrets.vault import Vault

GROUP: Final = "runner.secret_sources"
_PATIENCE: Final = 5.0
"""Seconds that a source may take to list what it has."""

_NO_VAULT: Final = "There is no secret store, since no master key is set: make one with `runner init`, or set it in "
_WHERE: Final = "[dashboard] master_key or RUNNERD_DASHBOARD_MASTER_KEY."


class FurtherSource(Protocol):
    """A store of secrets outside of Runner."""

    async def find(self, names: frozenset[str], workflow: str) -> Mapping[str, str]:
        """
        Those of `names` that it has and that a run of `workflow` may use; called for each action, so it keeps what it
        may keep. Raises TemporaryError where trying again may help, SecretError otherwise; no message holds a value.
        """

    async def names(self) -> Collection[str] | None:
        """
        The names of all that it has, for telling what is missing and what nobody uses; None where it cannot list.
        Called at the start, at each reload, and now and then; one that takes over 5 s counts as None.
        """


Open = Callable[[], AbstractAsyncContextManager[FurtherSource]]


class Named(NamedTuple):
    """An open source and the name of its entry point, by which messages call it."""

    name: str
    source: FurtherSource


class Listing(NamedTuple):
    """Which source beside the vault has a secret, by the secret's name; `silent` are those that could not tell."""

    names: Mapping[str, str] = {}
    silent: tuple[str, ...] = ()


class Sources:
    """The vault (None where no master key is set) and what comes after it: `runner.ports.SecretSource`."""

    def __init__(self, vault: Vault | None, further: Sequence[Named]) -> None:
        self._vault = vault
        self._further = further

    async def resolve(self, names: frozenset[str], workflow: str) -> Mapping[str, str]:
        """
        The values of all of `names`. Raises SecretMissingError, SecretRefusedError, VaultKeyError, and TemporaryError
        where a source says so.
        """
        if not self._further:
            return await self._of_vault(names, workflow)
        found: dict[str, str] = {}
        if self._vault is not None:
            await self._vault.refresh()
            if there := names & self._vault.content.infos.keys():
                found.update(await self._vault.resolve(there, workflow))
        for each in self._further:
            if rest := names - found.keys():
                found.update(await _asked(each, rest, workflow))
        if rest := names - found.keys():
            told = ", ".join(each.name for each in self._further)
            raise SecretMissingError(
                f"There is no secret {', '.join(sorted(rest))}, neither in the vault nor in {told}.", name=min(rest)
            )
        return found

    async def listed(self) -> Listing:
        """What the sources beside the vault have; the first that has a name is the one that is asked for it."""
        owners: dict[str, str] = {}
        silent = []
        for each in self._further:
            names = await _names(each.source)
            if names is None:
                silent.append(each.name)
            for name in names or ():
                owners.setdefault(name, each.name)
        return Listing(owners, tuple(silent))

    async def _of_vault(self, names: frozenset[str], workflow: str) -> Mapping[str, str]:
        if self._vault is None:
            raise VaultKeyError(_NO_VAULT + _WHERE, name=min(names))
        return await self._vault.resolve(names, workflow)


@asynccontextmanager
async def open_sources(vault: Vault | None, plugins: Iterable[EntryPoint] | None = None) -> AsyncIterator[Sources]:
    """
    The vault and the sources of installed packages, as long as the block. Raises SettingsError, which names the
    distribution, for one that cannot be imported or opened.
    """
    entries = entry_points(group=GROUP) if plugins is None else plugins
    async with AsyncExitStack() as stack:
        further = [
            Named(entry.name, await _opened(entry, stack)) for entry in sorted(entries, key=lambda entry: entry.name)
        ]
        yield Sources(vault, further)


async def _opened(entry: EntryPoint, stack: AsyncExitStack) -> FurtherSource:
    whose = f"the entry point {entry.name!r} of {entry.dist.name if entry.dist else 'no distribution'!r} ({GROUP})"
    try:
        opening: Any = entry.load()
        source: FurtherSource = await stack.enter_async_context(opening())
    except Exception as error:
        raise SettingsError(f"{whose} cannot be opened ({type(error).__name__}); expected {entry.value}") from error
    return source


async def _names(source: FurtherSource) -> list[str] | None:
    """What it lists; None where it cannot, whatever stands in the way."""
    with anyio.move_on_after(_PATIENCE):
        try:
            listed: Any = await source.names()
            return None if listed is None else [name for name in listed if isinstance(name, str)]
        except Exception:  # noqa: BLE001  a package's own errors; finding says more where it fails too
            return None
    return None


async def _asked(each: Named, names: frozenset[str], workflow: str) -> Mapping[str, str]:
    """What a source gives of what it was asked for; an error that is not ours is told by its type alone."""
    try:
        given: Mapping[str, Any] = await each.source.find(names, workflow)
    except (SecretError, ActionError):
        raise
    except Exception as error:  # noqa: BLE001  a package's own errors may hold a value
        raise SecretError(f"The secret source {each.name} broke ({type(error).__name__}).", name=min(names)) from None
    found: dict[str, Any] = {name: given[name] for name in names & given.keys()}
    wrong = min((name for name, value in found.items() if not isinstance(value, str) or not value), default=None)
    if wrong is not None:
        raise SecretError(f"The secret source {each.name} gave no text for {wrong}.", name=wrong)
    return found
