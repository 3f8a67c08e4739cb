"""
Resolve what an action names, at the moment it is dispatched, and nothing else.

    {secrets}, {variables} ──► vault, environment ──► the redactor knows them ──► labelled values ──► the engine

The engine's context calls `resolve` for each piece it evaluates. A secret is labelled with its name, a secret variable
with `env.NAME`, so that masks and lists show one form: `[secret API_KEY]`, `[secret env.DATABASE_URL]`. Plain variables
carry no label. Secrets come from `runner.secrets.sources`: the vault, and what comes after it.
"""

from collections.abc import Mapping

from runner.errors import SecretRefusedError
from runner.expressions.labels import Labelled, whole
from runner.ports import SecretSource
from runner.secrets.environment import Environment
from runner.secrets.masking import Masking, shown
from runner.secrets.seen import Sightings
from runner.secrets.use_log import UseLog

Found = Mapping[tuple[str, str], Labelled]


class Resolver:
    """What `$secret` and `$env` mean. `secrets` is mostly `runner.secrets.sources.Sources`."""

    def __init__(
        self, secrets: SecretSource, environment: Environment, masking: Masking, seen: Sightings, log: UseLog
    ) -> None:
        self._secrets = secrets
        self._environment = environment
        self._masking = masking
        self._seen = seen
        self._log = log

    async def know_all(self) -> None:
        """The redactor knows every form of all that the vault holds; with many secrets this takes some seconds."""
        await self._masking.update()

    async def resolve(self, secrets: frozenset[str], env: frozenset[str], workflow: str, revision: str = "") -> Found:
        """
        The values by root and name: `{("secret", "API_KEY"): …, ("env", "HOST"): …}`; the redactor knows them by then.

        `workflow` and `revision` are whose run, or whose trigger, asks. Raises SecretError, which names the first that
        cannot be had; one that is refused is told to the audit log.
        """
        found: dict[tuple[str, str], Labelled] = {}
        if secrets:
            try:
                values = await self._secrets.resolve(secrets, workflow)
            except SecretRefusedError as error:
                self._log.refused(error.name, workflow)
                raise
            await self._masking.update()
            self._masking.learn_secrets(values)
            self._seen.resolved(secrets)
            self._log.resolved(secrets, workflow, revision)
            found.update((("secret", name), whole(value, frozenset({name}))) for name, value in values.items())
        if env:
            try:
                variables = await self._environment.resolve(env)
            except SecretRefusedError as error:
                self._log.refused(shown(error.name), workflow)
                raise
            for name, variable in variables.items():
                names = frozenset({shown(name)} if variable.is_secret else ())
                if names:
                    self._masking.learn(name, variable.value)
                found["env", name] = whole(variable.value, names)
        return found
