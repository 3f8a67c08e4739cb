"""
A catalog as JSON documents: what `runner workflows list` and `show` are made of.

    Entry  ──► {name, state: "ok", revision, file, triggers, inputs, …}
    Broken ──► {name, state: "broken", problems, …}
"""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import msgspec
from msgspec import UNSET

from runner.definitions.catalog import Broken, Catalog, Entry
from runner.definitions.model import Trigger
from runner.errors import Problem


def catalog_documents(catalog: Catalog, doubts: Sequence[Problem] = ()) -> list[dict[str, Any]]:
    """All of it, broken files first, then workflows by name. `doubts` are further problems, by file."""
    broken = [broken_document(each) for each in catalog.broken]
    return broken + [workflow_document(entry, catalog, doubts) for _, entry in sorted(catalog.entries.items())]


def workflow_document(entry: Entry, catalog: Catalog, doubts: Sequence[Problem] = ()) -> dict[str, Any]:
    """A workflow that can be run, with warnings of its own and those beside its neighbours."""
    workflow = entry.workflow
    return {
        "name": workflow.name,
        "state": "ok",
        "file": entry.file,
        "revision": workflow.revision,
        "description": workflow.description,
        "labels": workflow.labels,
        "triggers": [_trigger(trigger) for trigger in workflow.triggers],
        "inputs": {
            name: {"type": each.type, "description": each.description, "required": each.default is UNSET}
            | ({} if each.default is UNSET or each.secret else {"default": each.default})
            for name, each in workflow.inputs.items()
        },
        "actions": [{"id": action.id, "type": action.type} for action in workflow.body.actions],
        "problems": [
            msgspec.to_builtins(problem)
            for problem in (*entry.problems, *(each for each in (*catalog.doubts, *doubts) if each.file == entry.file))
        ],
    }


def broken_document(broken: Broken) -> dict[str, Any]:
    """A file that is wrong, and the workflow whose last good version runs in its place."""
    return {
        "name": broken.keeps or PurePath(broken.file).stem,
        "state": "broken",
        "file": broken.file,
        "keeps": broken.keeps,
        "problems": [msgspec.to_builtins(problem) for problem in broken.problems],
    }


def _trigger(trigger: Trigger) -> dict[str, Any]:
    """Type and what says when; never `auth`, whose parts may have been written out."""
    shown = ("cron", "every", "timezone", "method", "path", "workflow", "state")
    config = {"method": "POST", **trigger.config} if trigger.type == "http" else trigger.config
    return {"type": trigger.type, **{key: config[key] for key in shown if key in config}}
