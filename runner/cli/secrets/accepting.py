"""
`runner secrets accept`: go on with a vault that is not the one which was used last.

    vault, what the store noted of it ──► what is wrong, in words ──► asked ──► audited, noted

It takes the master key and no running daemon.
"""

from pathlib import Path

import click

from runner.cli.options import config_option, load_settings, who
from runner.cli.secrets.opening import with_vault
from runner.clock import SystemClock
from runner.daemon.vault_keeper import accept
from runner.secrets.vault import Vault


@click.command("accept", short_help="Go on with a vault that was exchanged or changed.")
@config_option
def accept_command(*, config: Path | None) -> None:
    """
    Go on with the vault as it lies there, though it is older than the one that was used last, another one, or its audit
    log was cut off: a start refuses it until then.

    What was wrong is shown, and stays in the vault's audit log.
    """
    settings = load_settings(config).settings

    async def work(vault: Vault) -> list[str]:
        return await accept(settings, vault, SystemClock(), by=who())

    wrong = with_vault(settings, work)
    for each in wrong:
        click.echo(f"accepted: {each}")
    if not wrong:
        click.echo("there is nothing to accept: the vault is the one that was used last")
