"""
Hold the secrets that files name against those that there are, where no daemon does it.

    SecretUse of the files ──vault and further sources, opened for this command──► what is wrong
                                                   the vault cannot be opened ──► a line says so

`runner validate` and `runner workflows` call it. Nothing is written: where there is no vault yet, none is made.
"""

from collections.abc import Iterable

import anyio
import click

from runner.cli.secrets.opening import no_key, own_key, with_vault
from runner.definitions.secret_uses import SecretUse, secret_problems
from runner.errors import Problem, RunnerError
from runner.secrets.content import SecretInfo
from runner.secrets.sources import Listing, open_sources
from runner.secrets.usage import known
from runner.secrets.vault import Vault
from runner.settings import Settings


def judged(settings: Settings, uses: Iterable[SecretUse]) -> tuple[Problem, ...]:
    """
    What a daemon that starts now would say of these. Where the vault cannot be opened, nothing but one line on standard
    error that says why.
    """
    named = tuple(uses)
    if not named:
        return ()
    try:
        there = known(_infos(settings), anyio.run(listed))
    except RunnerError as error:
        unjudged(error)
        return ()
    return tuple(secret_problems(named, there, strict_hosts=settings.dashboard.strict_hosts))


def unjudged(error: RunnerError) -> None:
    """Say that nobody could be asked, and why."""
    click.echo(f"runner: the secrets that are named were not checked: {error}", err=True)


async def listed() -> Listing:
    """What further sources have. Raises SettingsError where one cannot be opened."""
    async with open_sources(None) as sources:
        return await sources.listed()


def _infos(settings: Settings) -> list[SecretInfo]:
    """Of the vault; none where there is a key and no vault yet. Raises RunnerError."""
    if not settings.sqlite.path.exists():
        if anyio.run(own_key, settings) is None:
            raise no_key()
        return []

    async def work(vault: Vault) -> list[SecretInfo]:
        return await vault.list()

    return with_vault(settings, work)
