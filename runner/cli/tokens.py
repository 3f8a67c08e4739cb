"""
`runner tokens …`: what lets programs use the API, and the setup token that lets the person in.

    runner tokens create deploy --scope run ──► the token on standard output, this once ──► its SHA-256 beside the vault

It works on the file of accounts, whether a daemon runs or not; a running one sees it at once. What is made and revoked
is in the audit log, where there is a vault.
"""

import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import anyio
import click

from runner.accounts.accounts import Accounts, Token, open_accounts
from runner.accounts.credentials import SCOPES
from runner.accounts.documents import token_document
from runner.accounts.rows import accounts_path
from runner.cli.options import config_option, json_option, load_settings, who
from runner.cli.output import json_lines, table, when
from runner.cli.secrets.opening import open_own_vault
from runner.clock import SystemClock, iso
from runner.errors import AccessError, RunnerError, UsageError
from runner.settings import Settings

T = TypeVar("T")

_TIME: Final = re.compile(r"(\d{1,5})([hdwy])")
_SECONDS: Final = {"h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}


@click.group(short_help="Make, list and revoke tokens of the API.")
def tokens() -> None:
    """Make, list and revoke tokens of the API, and the setup token of the dashboard."""


@tokens.command("create", short_help="Make a token and show it, this once.")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, metavar="S", help=f"Of {', '.join(SCOPES)}.")
@click.option("--expires", metavar="TIME", help="When it ends: 12h, 90d, 4w, 1y from now; without it never.")
@config_option
@json_option
def create_token(
    *, name: str, scopes: tuple[str, ...], expires: str | None, config: Path | None, as_json: bool
) -> None:
    """
    Make the token NAME for the API and show it, this once: only its hash is kept.

    --scope may be given several times, or once with commas: `read` sees workflows and runs, `run` starts and ends them,
    `secrets` changes the vault, `admin` reads the audit log and makes tokens.
    """
    wanted = [part.strip() for scope in scopes for part in scope.split(",")]
    expires_at = _expiry(expires)

    async def work(accounts: Accounts) -> str:
        return await accounts.make_token(name, wanted, by=who(), expires_at=expires_at)

    text = with_accounts(load_settings(config).settings, work)
    if as_json:
        json_lines([{"name": name, "token": text, "scopes": sorted(set(wanted)), "expires_at": _iso(expires_at)}])
        return
    click.echo(f"the token {name}, shown this once:", err=True)
    click.echo(text)


@tokens.command("list", short_help="List the tokens, never what they are.")
@config_option
@json_option
def list_tokens(*, config: Path | None, as_json: bool) -> None:
    """List the tokens: scopes, when each was made and used last, when it ends."""

    async def work(accounts: Accounts) -> list[Token]:
        return await accounts.tokens()

    found = with_accounts(load_settings(config).settings, work)
    if as_json:
        json_lines(token_document(each) for each in found)
    elif not found:
        click.echo("no tokens yet: runner tokens create NAME --scope read")
    else:
        rows = [
            (
                each.name,
                ",".join(each.scopes),
                when(iso(each.created_at)),
                each.created_by,
                when(_iso(each.used_at)) or "never",
                when(_iso(each.expires_at)) or "never",
            )
            for each in found
        ]
        for line in table(rows, ("NAME", "SCOPES", "MADE", "BY", "USED", "ENDS")):
            click.echo(line)


@tokens.command("revoke", short_help="End a token now.")
@click.argument("name")
@config_option
def revoke_token(*, name: str, config: Path | None) -> None:
    """End the token NAME: from now on it opens nothing, in a running daemon too."""

    async def work(accounts: Accounts) -> bool:
        return await accounts.revoke_token(name, by=who())

    if not with_accounts(load_settings(config).settings, work):
        raise AccessError(f"there is no token {name[:100]!r}: `runner tokens list` shows them", reason="token")
    click.echo(f"{name} is revoked")


@tokens.command("setup", short_help="Make a setup token, which sets the dashboard's password.")
@config_option
def make_setup_token(*, config: Path | None) -> None:
    """
    Make a token that sets the dashboard's password once, within 30 minutes, and write it to its file beside the vault.

    It is shown on a terminal alone. The password before it goes on to count until then.
    """

    async def work(accounts: Accounts) -> tuple[str, Path]:
        return await accounts.offer_setup(), accounts.setup_path

    text, path = with_accounts(load_settings(config).settings, work)
    click.echo(f"open /setup of the dashboard within 30 minutes; the setup token lies in {path}")
    if sys.stdout.isatty():
        click.echo(text)


def with_accounts(settings: Settings, work: Callable[[Accounts], Awaitable[T]]) -> T:
    """What `work` gives, over the open accounts. Raises RunnerError."""

    async def main() -> T:
        async with (
            open_own_vault(settings) as vault,
            open_accounts(
                accounts_path(settings.sqlite.path), SystemClock(), None if vault is None else vault.audit
            ) as accounts,
        ):
            return await work(accounts)

    try:
        return anyio.run(main)
    except BaseExceptionGroup as group:
        ours = group.subgroup(RunnerError)
        raise (ours or group).exceptions[0] from None


def _expiry(text: str | None) -> float | None:
    if text is None:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        raise UsageError("--expires: expected a time from now such as 12h, 90d, 4w or 1y")
    return SystemClock().wall() + int(found[1]) * _SECONDS[found[2]]


def _iso(wall: float | None) -> str | None:
    return None if wall is None else iso(wall)
