"""`runner config`: each setting, masked, with where it came from."""

from pathlib import Path

import click

from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import json_lines, table
from runner.settings import explain


@click.command(short_help="Print each setting with where it came from, keys masked.")
@config_option
@json_option
def config(*, config: Path | None, as_json: bool) -> None:
    """Print each setting with its value, keys masked, and where it came from."""
    loaded = load_settings(config)
    for warning in loaded.warnings:
        click.echo(f"runner: warning: {warning}", err=True)
    shown = list(explain(loaded))
    if as_json:
        json_lines({"key": each.key, "value": each.value, "origin": each.origin} for each in shown)
        return
    for line in table([(each.key, each.value, each.origin) for each in shown], ("KEY", "VALUE", "ORIGIN")):
        click.echo(line)
