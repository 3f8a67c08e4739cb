"""
`runner runs answer`: what a run waits for is answered by hand.

    a daemon runs   ──► its control socket, or with --url its API
    none runs       ──► under the store's lock, for the next start: the run goes on then
"""

from pathlib import Path
from urllib.parse import quote

import click
import msgspec

from runner.cli.asking import BY, reach
from runner.cli.elsewhere import elsewhere_options
from runner.cli.options import config_option, inputs_option, json_option, load_settings
from runner.cli.output import json_lines
from runner.cli.run import parse_pairs


@click.command(short_help="Answer what a run waits for: the fields of a wait's callback.")
@click.argument("run")
@click.argument("action")
@inputs_option(
    "A field, spelled by its declared type: text, 5, true, or JSON. NAME=@F reads F, so that no value is seen."
)
@elsewhere_options
@config_option
@json_option
def answer(*, run: str, action: str, inputs: tuple[str, ...], config: Path | None, as_json: bool) -> None:
    """
    Answer what a run waits for. ACTION is the id of its wait, or its place where several wait (sites[3]/approve).

    RUN is an id, or the first 6 characters or more. It may be answered before the action waits; it counts once.
    """
    loaded, texts = load_settings(config), parse_pairs(inputs)
    with reach(loaded.settings) as daemon:
        if daemon is not None:
            body = {"action": action, "inputs": texts, "by": BY}
            (line,) = daemon.lines("POST", f"/runs/{quote(run, safe='')}/answer", body=body)
            document = msgspec.json.decode(line)
    if daemon is None:
        from runner.daemon.alone import answer_alone  # noqa: PLC0415  the engine is loaded only where it is needed here

        document = answer_alone(loaded, run, action, texts)
    if as_json:
        json_lines([msgspec.json.encode(document)])
    else:
        when = "" if daemon is not None else "; the run goes on when a daemon starts"
        click.echo(f"run {document['run']}: {document['action']} is answered{when}")
