"""
`runner run FILE|NAME`: one workflow now, with live progress; exit status 0 when it succeeded, 1 when it did not.

    a daemon runs   ──► its control socket carries the run out and tells of it; the file's text is handed over
    --url           ──► the daemon there, by its API, a NAME alone
    none runs       ──► the same pieces are opened in this process, without ports, and recover nothing (design §2.12)
"""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from runner.cli.asking import reach
from runner.cli.elsewhere import elsewhere_options
from runner.cli.options import config_option, inputs_option, json_option, load_settings, trigger_option
from runner.cli.output import compact, json_lines, span, word
from runner.cli.progress import Live, Plain, Progress, Silent
from runner.definitions.fired import simulated
from runner.errors import RunnerError, UsageError
from runner.events import decode
from runner.web.lines import AcceptedLine, AnyLine, EndedLine, EventLine, RunRequest, StoppedLine, decode_line

_SUFFIXES = frozenset({".yaml", ".yml"})


@click.command(short_help="Run one workflow now and tell how it goes.")
@click.argument("workflow", metavar="FILE|NAME")
@inputs_option(
    "An input, spelled by its declared type: text, 5, true, or JSON. NAME=@F reads F, NAME=@@x is the text @x."
)
@trigger_option
@json_option
@elsewhere_options
@config_option
@click.pass_context
def run(
    context: click.Context,
    *,
    workflow: str,
    inputs: tuple[str, ...],
    trigger: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """
    Run a workflow of the daemon by its NAME, or the one that FILE describes.

    Ctrl-C leaves a run of the daemon alone; where no daemon runs it cancels the run, a second one ends at once.
    """
    request = run_request(workflow, parse_pairs(inputs), trigger)
    loaded = load_settings(config)
    told = Told(progress_for(as_json=as_json))
    with told.progress.drawing(), reach(loaded.settings) as daemon:
        if daemon is not None:
            follow(daemon.lines("POST", "/run", body=request), told)
        else:
            from runner.daemon.alone import run_alone  # noqa: PLC0415  the engine is loaded only where it is needed here

            run_alone(loaded, request, told.take)
    context.exit(report(told, as_json=as_json))


class Told:
    """What came of a run, line by line."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.accepted: AcceptedLine | None = None
        self.result: msgspec.Raw | None = None
        self.is_stopped = False

    def take(self, line: AnyLine) -> None:
        """Remember what counts at the end, and show the rest."""
        match line:
            case AcceptedLine():
                self.accepted = line
                for warning in line.warnings:
                    click.echo(f"{warning} (warning)", err=True)
                self.progress.accepted(line)
            case EventLine():
                for event in decode(bytes(line.events)):
                    self.progress.event(event)
            case EndedLine():
                self.result = line.result
            case StoppedLine():
                self.is_stopped = True


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """`("n=5", "body=@f.json")` as texts by name. Raises UsageError."""
    texts: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError("--input: expected NAME=VALUE, as in --input since=2026-01-01")
        if name in texts:
            raise UsageError(f"--input {name}: it is given twice")
        if text.startswith("@@"):
            text = text[1:]
        elif text.startswith("@"):
            text = _read(Path(text[1:]), f"--input {name}")
        texts[name] = text
    return texts


def run_request(workflow: str, inputs: Mapping[str, str], trigger: Path | None) -> RunRequest:
    """What the words of a command line ask for. Raises UsageError."""
    value: Any = None
    if trigger is not None:
        try:
            value = msgspec.json.decode(_read(trigger, "--trigger"))
        except (msgspec.DecodeError, RecursionError) as error:
            raise UsageError(f"--trigger: {trigger} is not JSON: {error}") from None
        try:
            value = simulated(value)
        except ValueError as error:
            raise UsageError(f"--trigger: {trigger}: {error}") from None
    if Path(workflow).suffix in _SUFFIXES or os.sep in workflow:
        source = _read(Path(workflow), "FILE")
        return RunRequest(source=source, file=workflow, inputs=dict(inputs), trigger=value)
    return RunRequest(name=workflow, inputs=dict(inputs), trigger=value)


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{what}: {path} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no path"
        raise UsageError(f"{what}: {path} cannot be read: {reason}") from None


def progress_for(*, as_json: bool) -> Progress:
    """How a run is told here."""
    if as_json:
        return Silent()
    return Live() if sys.stdout.isatty() and os.environ.get("TERM") != "dumb" else Plain()


def follow(lines: Iterable[bytes], told: Told) -> None:
    """Take the daemon's lines in, to their end."""
    try:
        for line in lines:
            told.take(decode_line(line))
    except KeyboardInterrupt:
        if told.accepted is not None:
            run = told.accepted.run
            click.echo(f"run {run} goes on in the daemon: runner runs show {run}", err=True)
        raise


def report(told: Told, *, as_json: bool) -> int:
    """Print what came of it; the exit status. Raises RunnerError where nobody knows."""
    accepted = told.accepted
    if accepted is None:
        raise RunnerError("the daemon closed its answer before the run was accepted: its log tells why")
    if told.result is None:
        if accepted.verdict == "skipped":
            raise RunnerError(
                f"{accepted.workflow}: no run was made: one goes on already (concurrency.when_full: skip)"
            )
        where = "it stops" if told.is_stopped else "its answer was cut off"
        raise RunnerError(
            f"the daemon no longer tells of run {accepted.run} ({where}); it goes on when the daemon starts"
        )
    if as_json:
        json_lines([bytes(told.result)])
    result = msgspec.json.decode(told.result)
    if not as_json:
        _print(result)
    return 0 if result["state"] == "succeeded" else 1


def _print(result: Mapping[str, Any]) -> None:
    stopped = f", ended at {result['stopped_by']}" if result["stopped_by"] else ""
    click.echo(f"run {result['run']} {word(result['state'])} in {span(result['duration'])}{stopped}")
    error = result["error"]
    if error is not None:
        place = f" at {error['action']}" if error["action"] else ""
        click.echo(f"error{place}: {error['message']}", err=True)
    if result["output"] is not None:
        click.echo(f"output: {compact(result['output'], 10_000)}")
