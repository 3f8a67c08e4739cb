"""
`runner runs cancel|rerun`, and `show --follow`: a run is asked to end, goes on again, is watched.

    a daemon runs   ──► its control socket, or with --url its API
    none runs       ──► cancel is journaled for the next start; rerun is carried out here, as `runner run` does
"""

from pathlib import Path
from urllib.parse import quote

import click
import msgspec

from runner.cli.asking import BY, reach
from runner.cli.elsewhere import elsewhere_options
from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import json_lines
from runner.cli.run import Told, follow, progress_for, report
from runner.client import Daemon
from runner.client.questions import Questions
from runner.errors import RunnerError
from runner.settings import Loaded


@click.command(short_help="Ask runs to end; what their `finally` holds is done first.")
@click.argument("runs", metavar="RUN…", nargs=-1, required=True)
@elsewhere_options
@config_option
@json_option
@click.pass_context
def cancel(context: click.Context, *, runs: tuple[str, ...], config: Path | None, as_json: bool) -> None:
    """Ask runs to end. RUN is an id, or the first 6 characters or more. Status 1 where one was refused."""
    loaded = load_settings(config)
    with reach(loaded.settings) as daemon:
        answers = [_cancel(daemon, run) for run in runs] if daemon is not None else None
    when = "" if answers is not None else " when a daemon starts"
    if answers is None:
        answers = _cancel_stored(loaded, runs)
    for answer in answers:
        if isinstance(answer, RunnerError):
            click.echo(f"error: {answer}", err=True)
        elif as_json:
            json_lines([msgspec.json.encode({"run": answer, "cancelling": True})])
        else:
            click.echo(f"run {answer} will end as cancelled{when}")
    context.exit(any(isinstance(answer, RunnerError) for answer in answers))


@click.command(short_help="Let a run that has ended go on, from where it ended or from an action.")
@click.argument("run")
@click.option(
    "--from",
    "action",
    default="",
    metavar="ACTION",
    help="Repeat this action and what follows, with new idempotency keys. Without it: from the first unfinished one.",
)
@elsewhere_options
@config_option
@json_option
@click.pass_context
def rerun(context: click.Context, *, run: str, action: str, config: Path | None, as_json: bool) -> None:
    """
    Let a run that failed or was cancelled go on; what was finished is kept. With --from also one that succeeded.

    Where no daemon runs it is carried out here, to its end.
    """
    loaded = load_settings(config)
    with reach(loaded.settings) as daemon:
        if daemon is not None:
            query = {"by": BY, "from": action}
            lines = list(daemon.lines("POST", f"/runs/{quote(run, safe='')}/rerun", query=query))
            _tell(lines, as_json=as_json)
            return
    from runner.daemon.alone import rerun_alone  # noqa: PLC0415  the engine is loaded only where it is needed here

    told = Told(progress_for(as_json=as_json))
    with told.progress.drawing():
        rerun_alone(loaded, run, action, told.take)
    context.exit(report(told, as_json=as_json))


def follow_run(daemon: Daemon | Questions, run: str, *, as_json: bool) -> int:
    """Tell of a run to its end; the exit status is that of `runner run`."""
    told = Told(progress_for(as_json=as_json))
    with told.progress.drawing():
        follow(daemon.lines("GET", f"/runs/{quote(run, safe='')}/lines"), told)
    return report(told, as_json=as_json)


def _cancel(daemon: Daemon | Questions, run: str) -> str | RunnerError:
    try:
        (line,) = daemon.lines("POST", f"/runs/{quote(run, safe='')}/cancel", query={"by": BY})
    except RunnerError as error:
        return error
    return str(msgspec.json.decode(line)["run"])


def _cancel_stored(loaded: Loaded, runs: tuple[str, ...]) -> list[str | RunnerError]:
    from runner.daemon.stored import cancel_stored  # noqa: PLC0415  the engine is loaded only where it is needed here

    return cancel_stored(loaded, runs)


def _tell(lines: list[bytes], *, as_json: bool) -> None:
    if as_json:
        json_lines(lines)
        return
    answer = msgspec.json.decode(lines[0])
    how = "goes on" if answer["verdict"] == "running" else "is queued and goes on when there is room"
    click.echo(f"run {answer['run']} {how}: runner runs show {answer['run']} --follow")
