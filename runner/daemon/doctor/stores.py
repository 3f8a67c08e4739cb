"""
Checks of what is on disk: both databases, the workflow files, and (`--deep`) every journal against what was made of it.

    Patient ──► vault · runs · workflows ──► Finding …
            ──► journals: each run folded again ──► differs from `runs`, from `parked`, lacks a value ──► Finding …
            ──► counts: the runs of each state counted again ──► differ from `counts` ──► Finding …

The journal is the truth; `runs` and `parked` are caches of it (engine, Events), `counts` is one of `runs`. Nothing is
written.
"""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Final

import anyio.to_thread

from runner.daemon.doctor.finding import Finding, Patient
from runner.daemon.on_disk import read_folder
from runner.engine.plan import Plan, make_plan
from runner.engine.resume import fold
from runner.errors import ExpressionError, RunnerError, StoreFormatError
from runner.events import AnyEvent, Stored
from runner.executors import action_types
from runner.settings import Settings
from runner.store.copies import check
from runner.store.examine import Examination, Examined, open_examination
from runner.store.files import sizes

_RESTORE: Final = "stop the daemon and restore a backup: runner restore FILE"
_RECOUNT: Final = (
    "insert or ignore into counts select distinct state, 0 from runs; "
    "update counts set runs = (select count(*) from runs where runs.state = counts.state)"
)
_SHOWN: Final = 20
"""Runs that are named one by one."""


async def vault(patient: Patient) -> AsyncIterator[Finding]:
    """Integrity of the vault's file."""
    yield await _integrity("vault", patient.loaded.settings.sqlite.path)


async def runs(patient: Patient) -> AsyncIterator[Finding]:
    """Integrity of the file of runs and journals."""
    yield await _integrity("runs", patient.loaded.settings.sqlite.runs_path)


async def _integrity(name: str, path: Path) -> Finding:
    if not any(sizes(path)):
        return Finding(name, "ok", f"{path} is not there yet")
    said = await anyio.to_thread.run_sync(check, path)
    if said != "ok":
        return Finding(name, "error", f"{path} is damaged: {said}", _RESTORE)
    return Finding(name, "ok", f"{path} is whole")


async def workflows(patient: Patient) -> AsyncIterator[Finding]:
    """Files of the workflows folder that are broken."""
    try:
        catalog = await anyio.to_thread.run_sync(read_folder, patient.loaded.settings)
    except RunnerError as error:
        yield Finding("workflows", "error", str(error), "set server.workflows to a folder that can be read")
        return
    for problem in catalog.problems:
        yield Finding("workflows", "error" if problem.severity == "error" else "warning", str(problem), "mend the file")
    if not catalog.problems:
        yield Finding("workflows", "ok", f"{len(catalog.entries)} workflows are loaded")


async def journals(patient: Patient) -> AsyncIterator[Finding]:
    """Every run: its journal folds, says what `runs` and `parked` say, and lacks no value."""
    found, count = await anyio.to_thread.run_sync(_examined, patient.loaded.settings)
    for said in found[:_SHOWN]:
        yield Finding("journals", "error", said, _RESTORE)
    if len(found) > _SHOWN:
        yield Finding("journals", "error", f"and {len(found) - _SHOWN} more", _RESTORE)
    if not found:
        yield Finding("journals", "ok", f"{count} runs are what their journals say")


async def counts(patient: Patient) -> AsyncIterator[Finding]:
    """How many runs of each state the store says that it has, against those that it has."""
    path = patient.loaded.settings.sqlite.runs_path
    try:
        found = await anyio.to_thread.run_sync(_miscounted, path)
    except sqlite3.Error as error:
        yield Finding("counts", "error", f"{path}: {error}", _RESTORE)
        return
    for state, said, number in found:
        cure = f'stop the daemon and count anew: sqlite3 {path} "{_RECOUNT}"'
        yield Finding("counts", "error", f"{said} runs are counted as {state}, and there are {number}", cure)
    if not found:
        yield Finding("counts", "ok", "as many runs of each state as are counted")


def _miscounted(path: Path) -> list[tuple[str, int, int]]:
    if not path.exists():
        return []
    with open_examination(path) as connection:
        return Examination(connection).miscounted()


def _examined(settings: Settings) -> tuple[list[str], int]:
    path, found, count = settings.sqlite.runs_path, list[str](), 0
    if not path.exists():
        return [], 0
    try:
        with open_examination(path) as connection:
            examination, plans = Examination(connection), dict[str, Plan | None]()
            for examined in examination.runs():
                count += 1
                if isinstance(examined, StoreFormatError):
                    found.append(str(examined))
                else:
                    if examined.revision not in plans:
                        plans[examined.revision] = _plan(examination, examined.revision)
                    found += _differences(examined, plans[examined.revision])
    except (sqlite3.Error, RunnerError) as error:
        found.append(f"{path}: {error}")
    return found, count


def _plan(examination: Examination, revision: str) -> Plan | None:
    workflow = examination.definition(revision)
    try:
        return None if workflow is None else make_plan(workflow, action_types())
    except (KeyError, ExpressionError):
        return None


def _differences(examined: Examined, plan: Plan | None) -> Iterator[str]:
    who = f"run {examined.run}"
    if plan is None:
        yield f"{who}: its revision {examined.revision} cannot be read"
        return
    try:
        run = fold(examined.run, plan, examined.journal)
    except RunnerError as error:
        yield f"{who}: its journal does not fold: {error}"
        return
    is_live = examined.state in {"queued", "running"}
    if run.ended is None and not is_live:
        yield f"{who}: listed as {examined.state}, but its journal has no end"
    elif run.ended is not None and run.ended.state != examined.state:
        yield f"{who}: listed as {examined.state}, but its journal ends with {run.ended.state}"
    if not is_live and examined.places:
        yield f"{who}: it has ended and is still parked at {min(examined.places)}"
    if is_live and examined.waiting and run.ended is None:
        parked = {node.place for node in run.nodes.values() if node.state == "waiting" and node.parked is not None}
        for place in sorted(parked - examined.places):
            yield f"{who}: nothing wakes {place}, which its journal has parked"
    lacking = set(_blobs(event for row in examined.journal for event in row.events)) - examined.blobs
    for number in sorted(lacking):
        yield f"{who}: its value {number} is not in the store"


def _blobs(events: Iterable[AnyEvent]) -> Iterator[int]:
    for event in events:
        for name in event.__struct_fields__:
            value = getattr(event, name)
            if isinstance(value, Stored) and value.blob is not None:
                yield value.blob
