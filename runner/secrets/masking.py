"""
Tell the redactor what is secret, before anybody can write it.

    start ──few values──► every form of all of them, compiled in a thread
          └─many values─► as they are (found behind escapes, base64 and hex as well); every form with the first `update`
    vault's generation moved ──► what is new: a small search of its own, compiled at once
                             └─► once there is much of it: a layer, compiled in a thread
    a variable's value, a NAME_FILE's content ──► at once

The daemon calls `start` once; the resolver calls `update` before it hands a value out, the daemon before it goes on
with runs that were cut off and within a second of each change of the vault: no secret is delivered of which a form is
not known. What was known once stays masked until the process ends, though it was replaced or deleted since: answers
to it may still come in.
"""

from collections.abc import Mapping
from typing import Final

import anyio
import anyio.to_thread

from runner.redaction import Needles, Redactor
from runner.redaction.layers import layered
from runner.secrets.environment import Environment
from runner.secrets.vault import Vault

_FEW: Final = 32
"""Values that are compiled by themselves, on the loop: some 10 ms."""

_MANY: Final = 1_000
"""Values for which a start does not wait: every form of so many takes half a second to compile."""


class Masking:
    """Keeps one redactor up to date with one vault (or none) and the environment."""

    def __init__(self, redactor: Redactor, vault: Vault | None, environment: Environment) -> None:
        self._redactor = redactor
        self._vault = vault
        self._environment = environment
        self._generation = -1
        self._known: dict[str, set[str]] = {}
        self._recent: dict[str, set[str]] = {}
        self._layers: tuple[Needles, ...] = ()
        self._variables: dict[str, set[str]] = {}
        self._further: dict[str, set[str]] = {}
        self._lock = anyio.Lock()

    async def start(self) -> None:
        """Know all there is: every version of every secret, every secret variable."""
        variables = await anyio.to_thread.run_sync(self._environment.secret_values)
        for name, values in variables.items():
            self._variables.setdefault(shown(name), set()).update(values)
        self._redactor.know("env", self._variables)
        if self._vault is not None and len(self._vault.content.every) > _MANY:
            every = await anyio.to_thread.run_sync(dict, self._vault.content.every)
            self._redactor.use("vault, plain", await anyio.to_thread.run_sync(Needles.plain, every))
        else:
            await self.update()

    async def update(self) -> None:
        """Know every form of what the vault holds by now; costs nothing while it was not changed."""
        if self._vault is None or self._generation == self._vault.generation:
            return
        async with self._lock:
            generation = self._vault.generation
            every = self._vault.content.every
            self._gather(await anyio.to_thread.run_sync(dict, every))
            if sum(map(len, self._recent.values())) > _FEW:
                self._layers = await anyio.to_thread.run_sync(self._layered)
                self._recent = {}
                self._redactor.use("vault", *self._layers)
                self._redactor.use("vault, plain")
            self._redactor.use("vault, recent", Needles.of(self._recent, lasting=False))
            self._generation = generation

    def _layered(self) -> tuple[Needles, ...]:
        return layered(self._layers, Needles.of(self._recent), lasting=True)

    def learn(self, variable: str, value: str) -> None:
        """Know a variable's value from now on."""
        values = self._variables.setdefault(shown(variable), set())
        if value not in values:
            values.add(value)
            self._redactor.know("env", self._variables)

    def learn_secrets(self, values: Mapping[str, str]) -> None:
        """Know from now on what a source beside the vault gave; what the vault holds is known already."""
        new = {name: {value} for name, value in values.items() if not self._is_known(name, value)}
        if new:
            for name, found in new.items():
                self._further.setdefault(name, set()).update(found)
            self._redactor.know("sources", self._further)

    def _is_known(self, name: str, value: str) -> bool:
        return value in self._known.get(name, ()) or value in self._further.get(name, ())

    def _gather(self, every: Mapping[str, tuple[str, ...]]) -> None:
        for name, values in every.items():
            if new := set(values) - self._known.get(name, set()):
                self._known.setdefault(name, set()).update(new)
                self._recent.setdefault(name, set()).update(new)


def shown(variable: str) -> str:
    """How a variable is called beside secrets: `env.NAME`, as it is written after `$`."""
    return f"env.{variable}"
