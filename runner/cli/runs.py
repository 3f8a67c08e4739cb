"""
`runner runs list|show`: what ran and how it went, from the daemon or, where none runs, from the store's file.

What is shown comes from the masked journal, so no secret can stand in it. `cancel` and `rerun`, which the group holds
too, are `runner.cli.run_control`'s, `answer` is `runner.cli.run_answer`'s, `record` `runner.cli.run_record`'s.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec

from runner.cli.asking import ask, reach
from runner.cli.elsewhere import elsewhere_options
from runner.cli.offline import ask_store
from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import compact, json_lines, one_line, span, table, when, word
from runner.cli.run_answer import answer
from runner.cli.run_control import cancel, follow_run, rerun
from runner.cli.run_record import record
from runner.errors import RefusedError
from runner.web.lookups import list_runs, run_filter, show_run

_MOST_ITEMS = 20
"""Items of a `for_each` that are shown one by one."""

_HEAD = ("RUN", "WORKFLOW", "STATE", "STARTED", "TOOK", "")


@click.group(short_help="List runs, and show how one went.")
def runs() -> None:
    """List runs, and show how one went."""


runs.add_command(cancel)
runs.add_command(rerun)
runs.add_command(answer)
runs.add_command(record)


@runs.command("list", short_help="List runs, the newest first.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option(
    "--state",
    "states",
    multiple=True,
    help="queued, running, succeeded, failed, cancelled; may be repeated. Or waiting.",
)
@click.option("--limit", default=20, show_default=True, help="At most so many.")
@click.option("--before", metavar="RUN", help="Only runs older than this one: the last of the list before.")
@elsewhere_options
@config_option
@json_option
def list_command(
    *, workflow: str | None, states: tuple[str, ...], limit: int, before: str | None, config: Path | None, as_json: bool
) -> None:
    """List runs, the newest first."""
    wanted = run_filter(workflow=workflow, states=states, limit=limit, before=before)
    query = {"workflow": workflow, "state": list(states), "limit": limit, "before": before}
    given = {key: value for key, value in query.items() if value}
    settings = load_settings(config).settings
    lines = ask(settings, "/runs", lambda: ask_store(settings, lambda records: list_runs(records, wanted)) or (), given)
    if as_json:
        json_lines(lines)
    elif not lines:
        click.echo("no runs: runner run NAME")
    else:
        for line in table([_row(msgspec.json.decode(each)) for each in lines], _HEAD):
            click.echo(line)


@runs.command("show", short_help="Show one run: each action with state, attempts, error and value.")
@click.argument("run")
@click.option("--follow", is_flag=True, help="Tell how it goes until it has ended; status 1 where it did not succeed.")
@elsewhere_options
@config_option
@json_option
@click.pass_context
def show_command(context: click.Context, *, run: str, follow: bool, config: Path | None, as_json: bool) -> None:
    """
    Show one run: each action with state, attempts, error, value. RUN is an id, or the first 6 characters or more.

    Where no daemon runs nothing goes on, and --follow shows the run as it lies.
    """
    settings = load_settings(config).settings
    if follow:
        with reach(settings) as daemon:
            if daemon is not None:
                context.exit(follow_run(daemon, run, as_json=as_json))

    def otherwise() -> Iterator[Any]:
        document = ask_store(settings, lambda records: show_run(records, run))
        if document is None:
            raise RefusedError(f"there is no run {run[:40]!r}: nothing ran yet", reason="unknown")
        yield document

    lines = ask(settings, f"/runs/{quote(run, safe='')}", otherwise)
    if as_json:
        json_lines(lines)
        return
    for line in _shown(msgspec.json.decode(lines[0])):
        click.echo(line)


def _row(run: Mapping[str, Any]) -> tuple[str, ...]:
    error = run["error"]
    note = one_line(error["message"], 80) if error else f"ended at {run['stopped_by']}" if run["stopped_by"] else ""
    state = "waiting" if run["waiting"] and run["state"] == "running" else run["state"]
    started = when(run["started_at"] or run["accepted_at"])
    return run["run"], run["workflow"], state, started, span(run["duration"]), note


def _shown(run: Mapping[str, Any]) -> Iterator[str]:
    yield f"run       {run['run']}"
    yield f"workflow  {run['workflow']} (revision {run['revision']})"
    yield f"state     {word(run['state'])}" + (f", ended at {run['stopped_by']}" if run["stopped_by"] else "")
    took = f", took {span(run['duration'])}" if run["duration"] is not None else ""
    yield f"started   {when(run['started_at'] or run['accepted_at'])} by {run['trigger']}{took}"
    if run["generation"] > 1:
        yield f"rerun     generation {run['generation']}"
    if run["recoveries"]:
        yield f"recovered {run['recoveries']} times"
    if run["inputs"]:
        yield f"inputs    {compact(run['inputs'])}"
    if run["error"]:
        place = f" at {run['error']['action']}" if run["error"]["action"] else ""
        yield f"error     {one_line(run['error']['message'], 1000)}{place}"
    if run["output"] is not None:
        yield f"output    {compact(run['output'], 1000)}"
    yield ""
    actions = list(_telling(run["actions"]))
    width = max((_indent(each) + len(each["place"]) for each in actions), default=0)
    for action in actions:
        yield from _action(action, width)


def _telling(actions: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """All of them, but of a long `for_each` only what went wrong or still goes on; the counts say the rest."""
    long = {each["place"] for each in actions if sum((each.get("items") or {}).values()) > _MOST_ITEMS}
    for action in actions:
        inside = any(action["place"].startswith(f"{place}[") for place in long)
        if not (inside and action["state"] in {"succeeded", "skipped"}):
            yield action


def _action(action: Mapping[str, Any], width: int) -> Iterator[str]:
    indent = " " * _indent(action)
    notes = [f"{len(action['attempts'])} attempts"] if len(action["attempts"]) > 1 else []
    if action.get("items") is not None:
        notes.append(", ".join(f"{count} {state}" for state, count in action["items"].items()) or "no items")
    if action["asks"]:
        notes.append("waits for an answer (runner runs answer)")
    if action["until"]:
        notes.append(f"until {when(action['until'])}")
    if action["error"]:
        notes.append(one_line(action["error"]["message"]))
    elif action["value"] is not None:
        notes.append(compact(action["value"], 120))
    name = f"{indent}{action['place']}".ljust(width)
    yield f"{name}  {word(action['state'], width=9)}  {span(action['duration']):>7}  {'; '.join(notes)}".rstrip()


def _indent(action: Mapping[str, Any]) -> int:
    return 2 * (int(action["place"].count("/")) + int(action["place"].endswith("]")))
