"""Revisions that runs keep: what a version wrote, the next one reads, and an older one refuses by name."""

from pathlib import Path

import msgspec
import pytest

from runner.definitions.model import FORMAT, Workflow
from runner.errors import StoreFormatError
from tests.unit.definitions.models import load

WRITTEN = Path(__file__).with_name("revision_format_1.json")
"""The file below as the first version of Runner encoded it."""

FLOW = """
name: everything
description: each key of the language
labels: {team: data}
inputs: {since: {type: string, default: "1970-01-01", enum: ["1970-01-01", "2000-01-01"]}, key: {type: string, secret: true}}
vars: {base: $env.BASE}
triggers:
  - {type: http, config: {path: /go, auth: none}, if: $trigger.body, inputs: {since: $trigger.body.since, key: x}}
  - {type: schedule, config: {every: 1h}, inputs: {key: $secret.KEY}}
concurrency: {limit: 2, key: $input.since, when_full: skip, max_queued: 7}
timeout: 10m
actions:
  - {id: a, type: work, description: first, sensitive: [url], on_interrupt: fail, config: {url: "{{ $input.since | upper }}"}}
  - {id: b, type: work, needs: [], if: $input.since, timeout: 500ms, on_error: continue, config: {url: x}, output: $this}
  - id: c
    type: group
    needs: [a, b]
    for_each: "[1, 2]"
    concurrency: 3
    rate: 10/s
    retry: {max_attempts: 5, delay: 2s, backoff: constant, max_delay: 9s, on: [timeout, 5xx], until: $this, max_retry_after: 1m}
    config:
      actions: [{id: d, type: set, config: $item}]
      on_failure: [{id: e, type: set, config: 1}]
      finally: [{id: f, type: wait, config: {for: 1s}}]
      output: $action.d
on_failure: [{id: g, type: workflow, config: {name: other, wait: false}}]
finally: [{id: h, type: stop, if: false, config: {error: no}}]
output: {c: $action.c}
"""


def test_a_revision_of_the_first_format_is_what_it_was() -> None:
    """Every key of it means what the same file means today: a run goes on with the definition it began with."""
    loaded = load(FLOW)

    assert loaded.workflow == Workflow.decode(WRITTEN.read_bytes()), loaded.problems


def test_a_newer_format_is_refused_by_name() -> None:
    """With the cure, whatever else stands in it; what has no format at all is no revision."""
    newer = msgspec.json.encode({"format": FORMAT + 1, "name": "later", "body": {"unheard_of": True}})

    with pytest.raises(StoreFormatError, match=rf"format {FORMAT + 1}, this one reads up to {FORMAT}\): start that"):
        Workflow.decode(newer)
    with pytest.raises(msgspec.ValidationError):
        Workflow.decode(b'{"format": "x"}')


def test_a_stored_revision_keeps_the_order_that_was_written() -> None:
    """The fields of a form, inputs and the keys of a body come after a restart as they came before it."""
    flow = """
    inputs: {zone: {type: string}, area: {type: string}}
    actions:
      - {id: ask, type: wait, config: {callback: {why: {type: string}, approved: {type: boolean}, amount: {type: number}}}}
      - {id: keep, type: set, config: {z: 1, a: {y: 2, b: 3}}}
    """
    workflow = load(flow).workflow
    stored = Workflow.decode(workflow.encode())

    assert stored.revision == workflow.revision
    assert list(stored.inputs) == ["zone", "area"]
    ask, keep = stored.body.actions
    assert list(ask.config["callback"]) == ["why", "approved", "amount"]
    assert (list(keep.config), list(keep.config["a"])) == (["z", "a"], ["y", "b"])


def test_a_revision_that_was_stored_sorted_is_the_same_one() -> None:
    """What an earlier version wrote is found under the hash that it was written with."""
    stored = WRITTEN.read_bytes().strip()

    assert Workflow.decode(stored).encode() == stored
