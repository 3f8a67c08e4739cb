"""
The `config` of one action or trigger: which model it has, whether it fits, what its package's own checks say.

    type: http ──spec──► HttpConfig ──Shape──► ActionSpec.check ──► findings with places in the file

`runner.definitions.load` calls this for everything that has a `type`. Configs stay as they were written.
"""

from collections.abc import Iterable
from typing import Any

from runner.definitions.findings import Findings
from runner.definitions.hints import TRIGGER_WORDS, TYPE_WORDS, unknown_word
from runner.definitions.kinds import fields_of, leaf_kinds, texts
from runner.definitions.nodes import Node
from runner.definitions.paths import Path, parse
from runner.definitions.shape import Hint, Shape, is_template
from runner.definitions.specs import ActionSpec, Specs, WrittenConfig
from runner.definitions.trigger_checks import check_trigger
from runner.definitions.triggers import TRIGGER_MODELS
from runner.definitions.written import WrittenAction
from runner.errors import Problem


class Configs:
    """Reads configs by type."""

    def __init__(self, findings: Findings, specs: Specs) -> None:
        self.findings = findings
        self.specs = specs
        self.templated = Shape(findings, {}, templates=True)
        self.literal = Shape(findings, {})

    @staticmethod
    def type_of(node: Node) -> str:
        """What `type:` says, or nothing."""
        kind = node.child("type")
        return kind.value if kind is not None and isinstance(kind.value, str) else ""

    # ------------------------------------------------------------------------------------------------------- actions

    def action(self, node: Node, kind: str, path: Path) -> Any:
        """The config of an action that is no group, as it stands in the file."""
        config = node.child("config")
        place = (*path, "config")
        if kind == "set":
            if config is None:
                self.findings.at(path, "the key config is missing: the value that set gives")
            return config.value if config is not None else None
        spec = self.specs.get(kind)
        if spec is None:
            if kind:
                self.findings.at((*path, "type"), unknown_word(kind, {*self.specs, "set", "group"}, TYPE_WORDS, "type"))
            return config.value if config is not None else None
        if config is None or (config.value is None and not config.broken):
            missing = [key for key, field in fields_of(spec.config).items() if field.required]
            if missing:
                self.findings.at(path, f"the key config is missing: {kind} needs at least {', '.join(missing)}")
                return {}
            self.checked(spec, {}, place)
            return {}
        if config.broken or not isinstance(config.items, dict):
            self.literal.model(config, spec.config, place)
            return {}
        before = self.findings.count
        self.templated.fields(config, spec.config, place, self.engine_key)
        if self.findings.count == before:
            self.checked(spec, config.value, place)
        return config.value

    def checked(self, spec: ActionSpec, raw: Any, path: Path) -> None:
        """The package's own checks, their places mapped to the file's."""
        kinds = leaf_kinds(raw, spec.config)
        templates = frozenset(
            text.path for text in texts(raw, kinds) if text.computed and (text.later or is_template(text.text))
        )
        for problem in _asked(spec, WrittenConfig(raw, templates)):
            place = (*path, *parse(problem.path))
            offset = self.offset(place, problem)
            self.findings.at(place, problem.message, offset=offset, severity=problem.severity)

    def offset(self, place: Path, problem: Problem) -> int | None:
        """A line and column of the leaf's text as an offset in it; None for its very start."""
        node = self.findings.node(place)
        if node is None or not isinstance(node.value, str) or (problem.line, problem.column) == (1, 1):
            return None
        lines = node.value.split("\n")[: problem.line - 1]
        return sum(len(line) + 1 for line in lines) + problem.column - 1

    # ------------------------------------------------------------------------------------------------------ triggers

    def trigger(self, node: Node, kind: str, path: Path) -> dict[str, Any]:
        """The config of a trigger as it stands in the file."""
        model = TRIGGER_MODELS.get(kind)
        if model is None:
            if kind == "manual":
                self.findings.at((*path, "type"), "any workflow can be started by hand: leave this trigger out")
            elif kind:
                self.findings.at((*path, "type"), unknown_word(kind, TRIGGER_MODELS, TRIGGER_WORDS, "trigger type"))
            return {}
        config = node.child("config")
        if config is None:
            self.findings.at(path, "the key config is missing")
            return {}
        before = self.findings.count
        self.literal.model(config, model, (*path, "config"))
        if config.broken or not isinstance(config.value, dict):
            return {}
        if self.findings.count == before:
            for below, message in check_trigger(kind, config.value):
                self.findings.at((*path, "config", *below), message)
        return config.value

    # --------------------------------------------------------------------------------------------------------- hints

    def misplaced(self, kind: str) -> Hint:
        """For unknown keys of an action: one that its type knows belongs into `config`."""
        spec = self.specs.get(kind)
        known: Iterable[str] = fields_of(spec.config) if spec is not None else ()
        return lambda key: f"{key} belongs to the type {kind}: write it inside config" if key in known else None

    @staticmethod
    def misplaced_in_trigger(kind: str) -> Hint:
        """The same for a trigger."""
        model = TRIGGER_MODELS.get(kind)
        known: Iterable[str] = fields_of(model) if model is not None else ()
        return lambda key: f"{key} belongs to the type {kind}: write it inside config" if key in known else None

    @staticmethod
    def engine_key(key: str) -> str | None:
        """For unknown keys of a config: a key of the engine stands beside it."""
        if key in fields_of(WrittenAction) and key != "config":
            return f"{key} is an engine key: write it beside config, not in it"
        return None


def _asked(spec: ActionSpec, config: WrittenConfig) -> list[Problem]:
    """What a package's check says; one that breaks is a problem of this action and of nothing else."""
    try:
        return list(spec.check(config))
    except Exception as error:  # noqa: BLE001  a package's code, whatever it raises
        return [
            Problem(
                message=f"the check of the type {spec.name} broke ({type(error).__name__}): report it to its authors"
            )
        ]
