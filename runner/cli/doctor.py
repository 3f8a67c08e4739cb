"""
`runner doctor`: each check with what it found and the cure.

    settings ──► Patient ──examine()──► Finding … ──► a line each, and below it the cure; exit status 1 for an error

The checks are `runner.daemon.doctor`; whether a daemon runs they are told, since they open no socket of its.
"""

import os
from pathlib import Path

import anyio
import click

from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import json_lines, one_line, word
from runner.client import connect
from runner.clock import SystemClock
from runner.daemon.doctor import examine
from runner.daemon.doctor.finding import Finding, Patient
from runner.errors import RunnerError, SettingsError


@click.command(short_help="Check settings, key, files, disk, clock, databases, ports.")
@click.option(
    "--deep", is_flag=True, help="Fold every journal, count the runs, and compare: takes its time on a big store."
)
@config_option
@json_option
@click.pass_context
def doctor(context: click.Context, *, deep: bool, config: Path | None, as_json: bool) -> None:
    """
    Check the installation, with a daemon running or without; nothing is changed.

    Exit status 1 where a check found an error; warnings alone are 0.
    """
    is_ill = False

    def show(finding: Finding) -> None:
        nonlocal is_ill
        is_ill = is_ill or finding.state == "error"
        if as_json:
            json_lines([finding])
            return
        click.echo(f"{word(finding.state, width=7)}  {finding.name:<10}  {one_line(finding.what, 1000)}")
        if finding.cure:
            click.echo(f"{'':<21}→ {one_line(finding.cure, 1000)}")

    async def all_of_it(patient: Patient) -> None:
        async for finding in examine(patient, deep=deep):
            show(finding)

    try:
        loaded = load_settings(config)
        is_running = _is_running(loaded.settings.sqlite.path, show)
        anyio.run(all_of_it, Patient(loaded, os.environ, SystemClock(), is_running))
    except SettingsError as error:
        show(Finding("settings", "error", str(error), "mend the setting that it names"))
    context.exit(1 if is_ill else 0)


def _is_running(database: Path, show: object) -> bool:
    try:
        with connect(database, os.environ) as daemon:
            return daemon is not None
    except RunnerError as error:
        assert callable(show)
        show(Finding("daemon", "error", str(error), "run this command as the user of the daemon"))
        return True
