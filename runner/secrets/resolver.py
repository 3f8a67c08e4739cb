"""
Resolve what an action names, at the moment it is dispatched, and nothing else.

    {secrets}, {variables} ──► vault, environment ──► the redactor knows them ──► labelled values ──► the engine

The engine's context calls `resolve` for each piece it evaluates. A secret is labelled with its name, a secret variable
with `env.NAME`, so that masks and lists show one form: `[secret API_KEY]`, `[secret env.DATABASE_URL]`. Plain variables
carry no label. Further sources of secrets take the vault's place here (`runner.ports.SecretSource`).
"""

from collections.abc import Mapping
from typing import Final

from runner.errors import VaultKeyError
from runner.expressions.labels import Labelled, whole
from runner.ports import SecretSource
from runner.secrets.environment import Environment
from runner.secrets.masking import Masking, shown
from runner.secrets.seen import Sightings

Found = Mapping[tuple[str, str], Labelled]

_NO_VAULT: Final = "There is no secret store, since no master key is set: make one with `runner init`, or set it in "
_WHERE: Final = "[dashboard] master_key or RUNNERD_DASHBOARD_MASTER_KEY."


class Resolver:
    """What `$secret` and `$env` mean. `secrets` is None where the daemon runs without a master key."""

    def __init__(
        self, secrets: SecretSource | None, environment: Environment, masking: Masking, seen: Sightings
    ) -> None:
        self._secrets = secrets
        self._environment = environment
        self._masking = masking
        self._seen = seen

    async def resolve(self, secrets: frozenset[str], env: frozenset[str], workflow: str) -> Found:
        """
        The values by root and name: `{("secret", "API_KEY"): …, ("env", "HOST"): …}`; the redactor knows them by then.

        `workflow` is whose run asks. Raises SecretError, which names the first that cannot be had.
        """
        found: dict[tuple[str, str], Labelled] = {}
        if secrets:
            values = await self._source(secrets).resolve(secrets, workflow)
            await self._masking.update()
            self._seen.resolved(secrets)
            found.update((("secret", name), whole(value, frozenset({name}))) for name, value in values.items())
        if env:
            for name, variable in (await self._environment.resolve(env)).items():
                names = frozenset({shown(name)} if variable.is_secret else ())
                if names:
                    self._masking.learn(name, variable.value)
                found["env", name] = whole(variable.value, names)
        return found

    def _source(self, names: frozenset[str]) -> SecretSource:
        if self._secrets is None:
            raise VaultKeyError(_NO_VAULT + _WHERE, name=min(names))
        return self._secrets
