"""
The command line: `runner COMMAND …`, one module a theme, loaded when its command is called.

    runner.cli.main ──► Commands (name → module) ──► click command ──► what it prints, exit status 0, 1 or 2

Nothing is imported here but click, so that `--help` and completion answer at once and `secrets list` loads no web
stack. The commands may import everything below them; nothing imports them.
"""

import click

from runner import __version__
from runner.cli.lazy import Commands

_COMMANDS = {
    "init": (
        "runner.cli.init:init",
        "Make a folder ready: config.toml with a fresh master key, an example, .gitignore.",
    ),
    "start": ("runner.cli.start:start", "Run the daemon until it is told to stop."),
    "run": ("runner.cli.run:run", "Run one workflow now and tell how it goes."),
    "plan": ("runner.cli.plan:plan", "Show what a run would send where, secrets masked; nothing is sent."),
    "test": ("runner.cli.test:test_command", "Rehearse runs offline, with answers from NAME.test.yaml files."),
    "validate": ("runner.cli.validate:validate", "Check workflow files: every error with file, line and column."),
    "schema": ("runner.cli.schema:schema", "Print the JSON Schema of a workflow file, for editors."),
    "secrets": ("runner.cli.secrets:secrets", "Set, list and delete the secrets of the vault."),
    "tokens": ("runner.cli.tokens:tokens", "Make, list and revoke tokens of the API."),
    "runs": ("runner.cli.runs:runs", "List runs, and show how one went."),
    "workflows": ("runner.cli.workflows:workflows", "List what is loaded, broken files on top."),
    "backup": ("runner.cli.backup:backup", "Back both databases up into one file, while runs go on."),
    "restore": ("runner.cli.backup:restore", "Put a backup in the place of the databases; no daemon may run."),
    "doctor": ("runner.cli.doctor:doctor", "Check settings, key, files, disk, clock, databases, ports."),
    "config": ("runner.cli.config:config", "Print each setting with where it came from, keys masked."),
}


@click.group(cls=Commands, places=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="runner %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
def main(*, debug: bool) -> None:
    """Runner: YAML files in, durable runs of http and sql actions out."""
