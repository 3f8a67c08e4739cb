"""
`runner runs record RUN`: a run that has ended becomes a workflow test, which `runner test` rehearses.

    its journal, masked ──recorded──► Case ──rehearse, expectation──► YAML: to a file, or to standard output

No secret can get into it: what was masked in the journal is masked in the file, and stands for the test's own values.
"""

from collections.abc import Mapping
from pathlib import Path

import anyio
import click
import msgspec

from runner.cli.offline import ReadOnlyRecords, ask_store
from runner.cli.options import config_option, load_settings
from runner.cli.plan import variables
from runner.definitions.folder import TEST_ENDINGS
from runner.definitions.model import Workflow
from runner.engine.plan import make_plan
from runner.errors import RefusedError, UsageError
from runner.executors import action_types
from runner.rehearsal.compare import expectation, strayed
from runner.rehearsal.files import Case, CaseFile, read_cases, tested_name, written
from runner.rehearsal.record import recorded
from runner.rehearsal.seen import Rehearsed, journal_of, seen
from runner.rehearsal.stage import rehearse
from runner.settings import Settings


@click.command(short_help="Make a workflow test of a run that has ended.")
@click.argument("run")
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it there, or add it to what is there: workflows/NAME.test.yaml. By default: standard output.",
)
@config_option
def record(*, run: str, into: Path | None, config: Path | None) -> None:
    """
    Make a workflow test of a run that has ended: what it was given, what its actions were answered, how it went.

    Secrets are in it by name alone. RUN is an id, or the first 6 characters or more, of a run of this machine.
    """
    settings = load_settings(config).settings
    if into is not None and not into.name.endswith(TEST_ENDINGS):
        raise UsageError(f"--into: {into}: expected a file called NAME.test.yaml, which is loaded as no workflow")
    workflow, case, went = _taken(settings, run)
    types = action_types()
    rehearsed = anyio.run(rehearse, workflow, case, types, settings.env.secret)
    for line in (*rehearsed.missing, *strayed(went, rehearsed)):
        click.echo(f"runner: warning: the rehearsal went another way than the run: {line}", err=True)
    whole = msgspec.structs.replace(case, expect=expectation(rehearsed))
    if into is None:
        click.echo(written(CaseFile(tests=[whole], workflow=f"{workflow.name}.yaml")), nl=False)
        return
    _write(into, whole, workflow.name)
    click.echo(f"{case.name} is a test in {into}: runner test {into}")


def _taken(settings: Settings, name: str) -> tuple[Workflow, Case, Rehearsed]:
    async def question(records: ReadOnlyRecords) -> tuple[Workflow, Case, Rehearsed]:
        row = await records.get(name)
        if row is None:
            raise RefusedError(
                f"there is no run {name[:40]!r}: expected an id, or at least 6 characters of one", reason="unknown"
            )
        workflow = await records.definition(row.revision)
        env: Mapping[str, str] = (await variables(settings, make_plan(workflow, action_types())))[0]
        events = await journal_of(records, row.id)
        case = await recorded(f"run {row.id}", events, workflow, records, row.id, env)
        return workflow, case, await seen(events, records, row.id, {})

    found = ask_store(settings, question)
    if found is None:
        raise RefusedError(f"there is no run {name[:40]!r}: nothing ran yet", reason="unknown")
    return found


def _write(into: Path, case: Case, workflow: str) -> None:
    """The file with the case added; written whole, then put in its place."""
    fresh_file = CaseFile(tests=[], workflow="" if tested_name(into) == workflow else f"{workflow}.yaml")
    before = read_cases(into) if into.exists() else fresh_file
    kept = [each for each in before.tests if each.name != case.name]
    fresh = into.with_name(f".{into.name}.new")
    try:
        fresh.write_text(written(msgspec.structs.replace(before, tests=[*kept, case])), "utf-8")
        fresh.replace(into)
    except OSError as error:
        raise UsageError(f"--into: {into} cannot be written: {error.strerror}") from None
