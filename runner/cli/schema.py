"""`runner schema`: the JSON Schema of a workflow file, for editors."""

import click
import msgspec

from runner.definitions.schema import json_schema
from runner.executors import action_types


@click.command(short_help="Print the JSON Schema of a workflow file, for editors.")
def schema() -> None:
    """Print the JSON Schema (2020-12) of a workflow file, with every installed action type."""
    click.echo(msgspec.json.format(msgspec.json.encode(json_schema(action_types())), indent=2).decode())
