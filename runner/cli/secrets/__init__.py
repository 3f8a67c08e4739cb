"""
`runner secrets …`: the vault, whether a daemon runs or not; one module a theme, loaded when its command is called.

    prompt, file or standard input ──► Vault of this process ──► the vault's file ──► a running daemon's next action

The vault's file may be written by several processes; the daemon notices a change before its next action. A value is
never an argument, is never printed, and stands in no error.
"""

import click

from runner.cli.lazy import Commands

_COMMANDS = {
    "set": ("runner.cli.secrets.changing:set_secret", "Set a secret, or replace it."),
    "policy": ("runner.cli.secrets.changing:change_policy", "Change for what and how long a secret may be used."),
    "list": ("runner.cli.secrets.showing:list_secrets", "List the secrets, never their values."),
    "show": ("runner.cli.secrets.showing:show_secret", "Show what is known of a secret, never its value."),
    "history": ("runner.cli.secrets.showing:show_history", "Show the versions of a secret, never their values."),
    "rollback": ("runner.cli.secrets.changing:rollback", "Make an old version the current one again."),
    "import": ("runner.cli.secrets.importing:import_command", "Set the secrets of an .env file."),
    "usage": ("runner.cli.secrets.usage:usage_command", "Show which workflows use which secret, and when."),
    "delete": ("runner.cli.secrets.changing:delete_secret", "Delete a secret with all its versions."),
    "rotate-master-key": (
        "runner.cli.secrets.rotating:rotate_master_key",
        "Put the whole vault under another master key.",
    ),
    "accept": ("runner.cli.secrets.accepting:accept_command", "Go on with a vault that was exchanged or changed."),
    "audit": ("runner.cli.secrets.auditing:audit", "Show what was done to the vault, and check that the log is whole."),
}


@click.group(cls=Commands, places=_COMMANDS, short_help="Set, list and delete the secrets of the vault.")
def secrets() -> None:
    """Set, list and delete the secrets that workflows name as $secret.NAME."""
