"""
Open the vault for one command.

    settings ──master key──► Vault ──work──► its answer, or the one error of ours

Every command of `runner secrets` comes through here.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
import click

from runner.cli.options import who
from runner.clock import SystemClock
from runner.errors import RunnerError, VaultKeyError
from runner.secret import Secret
from runner.secrets.keys import parse
from runner.secrets.master_key import read_master_key, read_previous_key
from runner.secrets.vault import Vault, open_vault
from runner.settings import Settings

T = TypeVar("T")


def warn_unerased(vault: Vault) -> None:
    """Say that bytes of old values are still there, where they are."""
    if not vault.is_erased:
        click.echo(
            "runner: warning: the vault's file is being read: bytes of old values stay in it until the next change",
            err=True,
        )


def with_vault(settings: Settings, work: Callable[[Vault], Awaitable[T]]) -> T:
    """What `work` gives, over the open vault. Raises RunnerError, click.Abort."""

    async def main() -> T:
        async with _opened(settings) as vault:
            return await work(vault)

    try:
        return anyio.run(main)
    except BaseExceptionGroup as group:
        ours = group.subgroup((RunnerError, click.Abort))
        raise (ours or group).exceptions[0] from None


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Vault]:
    async with open_own_vault(settings) as vault:
        if vault is None:
            raise no_key()
        yield vault


def no_key() -> VaultKeyError:
    """No master key is set, so there is nothing to open."""
    return VaultKeyError(
        "there is no vault, since no master key is set: make one with `runner init`, or set [dashboard] master_key"
    )


async def own_key(settings: Settings) -> Secret | None:
    """The master key of this process; None where none is set. Raises SettingsError, VaultKeyError."""
    dashboard = settings.dashboard
    return await read_master_key(
        text=dashboard.master_key, file=dashboard.master_key_file, command=dashboard.master_key_command
    )


@asynccontextmanager
async def open_own_vault(settings: Settings) -> AsyncIterator[Vault | None]:
    """The vault of this process; None where no master key is set. Raises SecretError, VaultKeyError."""
    dashboard = settings.dashboard
    text = await own_key(settings)
    if text is None:
        yield None
        return
    keep = settings.secrets.keep_versions
    before = await read_previous_key(
        text=dashboard.master_key_previous,
        file=dashboard.master_key_previous_file,
        beside=dashboard.master_key_file,
    )
    previous = parse(before.reveal()) if before else None
    opening = open_vault(
        settings.sqlite.path, parse(text.reveal()), clock=SystemClock(), keep_versions=keep, previous=previous
    )
    async with opening as vault:
        if vault.verification_key is not None and sys.stderr.isatty():
            click.echo(
                f"The key that verifies the audit log, shown this once: {vault.verification_key.text()}", err=True
            )
            await vault.shown_audit_key(vault.verification_key, by=who())
        yield vault
