"""
One workflow file to one `Workflow`, or every error of it at once.

    bytes ──source──► text ──yaml──► nodes ──shape──► written file ──this module──► Workflow ──check──► Loaded
                                        every step adds to one Findings ──► DefinitionError

What can be read is read and stand-ins take the place of the rest, so that one mistake hides no other. The catalog, the
watcher and `runner validate` call `load_text`; it does no I/O and knows types only as specs.
"""

from pathlib import PurePath
from typing import Any, Final, cast

import msgspec

from runner.definitions.builtins import BUILTIN_SPECS, WORKFLOW_NAME
from runner.definitions.check import check
from runner.definitions.configs import Configs
from runner.definitions.findings import Findings
from runner.definitions.model import Action, Body, Concurrency, Trigger, Workflow
from runner.definitions.nodes import Document, Node
from runner.definitions.paths import Path, show
from runner.definitions.shape import Shape
from runner.definitions.source import read_text
from runner.definitions.specs import Specs
from runner.definitions.written import WORDS, WrittenAction, WrittenBody, WrittenFile, WrittenTrigger
from runner.definitions.yaml import read_yaml
from runner.errors import DefinitionError, Problem

MAX_TRIGGERS: Final = 100

_NAME_WORDS: Final = "a name of small letters, digits, _ and -, as in sync-orders"


class Loaded(msgspec.Struct, frozen=True):
    """A file that is right: its workflow, and warnings."""

    workflow: Workflow
    problems: tuple[Problem, ...] = ()


def load_text(data: bytes | str, file: str, specs: Specs) -> Loaded:
    """
    The workflow that a file holds. `file` stands in every problem, and its stem is the default name.

    `specs` are the action types of executors by name; the engine's own types are known. Raises DefinitionError.
    """
    document = read_yaml(read_text(_bytes(data), file), file)
    findings = Findings(document)
    root = document.root
    if root.broken or not isinstance(root.items, dict):
        if not findings.failed:
            findings.at((), _no_mapping(root))
        raise DefinitionError(findings.problems)
    reader = _File(document, findings, {**BUILTIN_SPECS, **specs})
    workflow = reader.workflow(root, file)
    check(workflow, findings, reader.specs)
    if findings.failed:
        raise DefinitionError(findings.problems)
    return Loaded(workflow, findings.problems)


def _bytes(data: bytes | str) -> bytes:
    """A text as the file that would hold it; half of a surrogate pair is told as what no UTF-8 file can hold."""
    return data.encode(errors="surrogatepass") if isinstance(data, str) else data


def _no_mapping(root: Node) -> str:
    found = "a list" if isinstance(root.items, list) else "a single value"
    cure = ": write actions: above it" if isinstance(root.items, list) else ""
    return f"expected a mapping with at least actions, found {found}{cure}"


class _File:
    """Reads one file from the outside in."""

    def __init__(self, document: Document, findings: Findings, specs: Specs) -> None:
        self.document = document
        self.findings = findings
        self.specs = specs
        self.shape = Shape(findings, WORDS)
        self.configs = Configs(findings, specs)

    def workflow(self, root: Node, file: str) -> Workflow:
        written = WrittenFile(**self.shape.fields(root, WrittenFile, (), _extension))
        concurrency = written.concurrency
        return Workflow(
            name=self.name(written, file),
            body=self.body(root, written, ()),
            description=written.description,
            labels=written.labels,
            inputs=written.inputs,
            vars=written.vars,
            triggers=self.triggers(root),
            concurrency=Concurrency(limit=concurrency) if isinstance(concurrency, int) else concurrency,
            timeout=written.timeout,
        )

    def name(self, written: WrittenFile, file: str) -> str:
        if written.name is not None:
            if not WORKFLOW_NAME.fullmatch(written.name):
                self.findings.at(("name",), f"expected {_NAME_WORDS}")
            return written.name
        stem = PurePath(file).stem
        if not WORKFLOW_NAME.fullmatch(stem) and not self.findings.has(("name",)):
            self.findings.at(
                (), f"the file's name gives no workflow's name: expected {_NAME_WORDS}; write name: at the top"
            )
        return stem

    def body(self, node: Node, written: WrittenBody, path: Path) -> Body:
        return Body(
            actions=self.actions(node, "actions", path),
            on_failure=self.actions(node, "on_failure", path),
            finally_=self.actions(node, "finally", path),
            output=written.output,
        )

    def actions(self, node: Node, key: str, path: Path) -> tuple[Action, ...]:
        return tuple(self.action(item, (*path, key, index)) for index, item in _items(node, key))

    def action(self, node: Node, path: Path) -> Action:
        if not self.is_mapping(node, path, "an action: a mapping with id, type and config"):
            return Action(id=show(path), type="")
        kind = self.configs.type_of(node)
        written = WrittenAction(**self.shape.fields(node, WrittenAction, path, self.configs.misplaced(kind)))
        config, body = None, None
        if kind == "group":
            body = self.group(node, path)
        else:
            config = self.configs.action(node, written.type, path)
        return Action(
            id=written.id or show(path),
            type=written.type,
            config=config,
            body=body,
            description=written.description,
            needs=written.needs,
            if_=written.if_,
            for_each=written.for_each,
            concurrency=written.concurrency,
            rate=None if written.rate is None else float(written.rate),
            retry=written.retry,
            timeout=written.timeout,
            on_error=written.on_error,
            on_interrupt=written.on_interrupt,
            output=written.output,
            sensitive=written.sensitive,
        )

    def group(self, node: Node, path: Path) -> Body:
        config = node.child("config")
        place = (*path, "config")
        if config is None:
            self.findings.at(path, "the key config is missing: a group's config holds its actions")
        elif self.is_mapping(config, place, "a mapping with actions"):
            written = WrittenBody(**self.shape.fields(config, WrittenBody, place, self.configs.engine_key))
            return self.body(config, written, place)
        return Body(actions=())

    def triggers(self, root: Node) -> tuple[Trigger, ...]:
        items = _items(root, "triggers")
        if len(items) > MAX_TRIGGERS:
            self.findings.at(("triggers", MAX_TRIGGERS), f"a workflow has at most {MAX_TRIGGERS} triggers")
        return tuple(self.trigger(item, ("triggers", index)) for index, item in items[:MAX_TRIGGERS])

    def trigger(self, node: Node, path: Path) -> Trigger:
        if not self.is_mapping(node, path, "a trigger: a mapping with type and config"):
            return Trigger(type="run", config={})
        kind = self.configs.type_of(node)
        written = WrittenTrigger(
            **self.shape.fields(node, WrittenTrigger, path, self.configs.misplaced_in_trigger(kind))
        )
        config: dict[str, Any] = self.configs.trigger(node, written.type, path)
        return Trigger(type=cast(Any, written.type), config=config, if_=written.if_, inputs=written.inputs)

    def is_mapping(self, node: Node, path: Path, expected: str) -> bool:
        if not node.broken and not isinstance(node.items, dict):
            self.findings.at(path, f"expected {expected}")
        return not node.broken and isinstance(node.items, dict)


def _items(node: Node, key: str) -> list[tuple[int, Node]]:
    """The nodes of a list below a key, or nothing where it is none (which the shape reader told)."""
    below = node.child(key)
    return list(enumerate(below.items)) if below is not None and isinstance(below.items, list) else []


def _extension(key: str) -> str | None:
    """Keys of a file that begin with `x-` are homes for anchors."""
    return "" if key.startswith("x-") else None
