"""
`runner test [PATH]…`: the runs that NAME.test.yaml files describe, rehearsed offline; exit status 1 where one differs.

    files, or those of folders ──rehearse──► what is different, a line a difference, naming its action

The engine is the real one; nothing is sent, no secret read, no store opened, and no time passes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import anyio
import click
import msgspec

from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import json_lines, word
from runner.cli.validate import read_workflow
from runner.definitions.load import load_text
from runner.errors import DefinitionError, RunnerError
from runner.executors import action_types
from runner.ports import ActionType
from runner.rehearsal.compare import differences
from runner.rehearsal.files import Case, read_cases, test_files, workflow_of
from runner.rehearsal.stage import rehearse


class Tested(msgspec.Struct, frozen=True):
    """One test, and what was different; `test` is empty where the file itself, or its workflow's, is wrong."""

    file: str
    test: str
    passed: bool
    differences: list[str] = []


@click.command("test", short_help="Rehearse runs offline, with answers from NAME.test.yaml files.")
@click.argument("paths", metavar="[PATH]…", nargs=-1, type=click.Path(path_type=Path))
@json_option
@config_option
@click.pass_context
def test_command(context: click.Context, *, paths: tuple[Path, ...], as_json: bool, config: Path | None) -> None:
    """
    Rehearse the runs of test files, or of all NAME.test.yaml of folders; by default those of the workflows folder.

    Answers of the outer world come from the file, secrets are made up, waits are over at once. `runner runs record`
    makes such a file of a run. Exit status 1 where one went another way than its test expects.
    """
    settings = load_settings(config).settings
    types = action_types()
    count = failed = 0
    for path in test_files(paths or (settings.server.workflows,)):
        for tested in _of_file(path, types, settings.env.secret):
            count, failed = count + 1, failed + (not tested.passed)
            _tell(tested, as_json=as_json)
    if not as_json:
        none = ": `runner runs record RUN --into workflows/NAME.test.yaml` makes one of a run" if not count else ""
        click.echo(f"{count} {'test' if count == 1 else 'tests'}, {failed} failed{none}", err=True)
    context.exit(1 if failed else 0)


def _of_file(path: Path, types: Mapping[str, ActionType], secret: tuple[str, ...]) -> Iterator[Tested]:
    try:
        cases = read_cases(path)
        file = workflow_of(path, cases)
        workflow = load_text(read_workflow(file), str(file), types).workflow
    except DefinitionError as error:
        yield Tested(str(path), "", passed=False, differences=list(map(str, error.problems)))
        return

    async def rehearsed(case: Case) -> list[str]:
        try:
            return differences(case.expect, await rehearse(workflow, case, types, secret))
        except RunnerError as error:
            return [str(error)]

    for case in cases.tests:
        found = anyio.run(rehearsed, case)
        yield Tested(str(path), case.name, passed=not found, differences=found)


def _tell(tested: Tested, *, as_json: bool) -> None:
    if as_json:
        json_lines([tested])
        return
    name = f"{tested.file}: {tested.test}" if tested.test else tested.file
    click.echo(f"{word('succeeded' if tested.passed else 'failed', width=9)}  {name}")
    for line in tested.differences:
        click.echo(f"           {line}")
