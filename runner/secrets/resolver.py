"""
Resolve what an action names, at the moment it is dispatched, and nothing else.

    {secrets}, {variables} ──► vault, environment ──► the redactor knows them ──► labelled values ──► the engine

The engine's context calls `resolve` for each piece it evaluates. A secret is labelled with its name, a secret variable
with `env.NAME`, so that masks and lists show one form: `[secret API_KEY]`, `[secret env.DATABASE_URL]`. Plain variables
carry no label. Secrets come from `runner.secrets.sources`: the vault, and what comes after it.
"""

from collections.abc import Mapping

from runner.expressions.labels import Labelled, whole
from runner.ports import SecretSource
from runner.secrets.environment import Environment
from runner.secrets.masking import Masking, shown
from runner.secrets.seen import Sightings

Found = Mapping[tuple[str, str], Labelled]


class Resolver:
    """What `$secret` and `$env` mean. `secrets` is mostly `runner.secrets.sources.Sources`."""

    def __init__(self, secrets: SecretSource, environment: Environment, masking: Masking, seen: Sightings) -> None:
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
            values = await self._secrets.resolve(secrets, workflow)
            await self._masking.update()
            self._masking.learn_secrets(values)
            self._seen.resolved(secrets)
            found.update((("secret", name), whole(value, frozenset({name}))) for name, value in values.items())
        if env:
            for name, variable in (await self._environment.resolve(env)).items():
                names = frozenset({shown(name)} if variable.is_secret else ())
                if names:
                    self._masking.learn(name, variable.value)
                found["env", name] = whole(variable.value, names)
        return found
