"""
What stands beside the actions of a file: inputs and triggers.

`runner.definitions.check` calls this. Trigger configs have their shape by now (`runner.definitions.load`); here their
templates, and what they fill in, are checked against the file.
"""

import re
from typing import Final

from msgspec import UNSET

from runner.definitions.findings import Findings
from runner.definitions.inputs import misfit
from runner.definitions.kinds import leaf_kinds
from runner.definitions.model import Input, Trigger, Workflow
from runner.definitions.paths import Path
from runner.definitions.references import References, may_be_template
from runner.definitions.sight import ADMISSION, Sight
from runner.definitions.trigger_checks import path_form
from runner.definitions.triggers import TRIGGER_MODELS
from runner.expressions.nearest import suggestion

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*")


def check_inputs(workflow: Workflow, findings: Findings) -> None:
    """Names that a reference can spell, defaults and choices that fit their type."""
    for key, names in (("inputs", workflow.inputs), ("vars", workflow.vars)):
        for name in names:
            if not _NAME.fullmatch(name):
                findings.at_key((key, name), "expected a name of letters, digits, _ and single -, as in start_date")
    for name, declared in workflow.inputs.items():
        check_input(declared, ("inputs", name), findings)


def check_input(declared: Input, path: Path, findings: Findings) -> None:
    """The default and the choices of one input fit its type."""
    for index, choice in enumerate(declared.enum or ()):
        plain = Input(type=declared.type)
        if message := misfit(choice, plain):
            findings.at((*path, "enum", index), message)
    if declared.enum == ():
        findings.at((*path, "enum"), "expected at least one value")
    elif declared.default is not UNSET and (message := misfit(declared.default, declared)):
        findings.at((*path, "default"), message)


def check_triggers(workflow: Workflow, findings: Findings, references: References, ended: Sight) -> None:
    """Templates, what each trigger fills in, two paths that match alike. `ended` is what the output may name."""
    forms: dict[tuple[str, str], int] = {}
    for index, trigger in enumerate(workflow.triggers):
        path: Path = ("triggers", index)
        _templates(trigger, path, references, ended)
        _fills(trigger, workflow, path, findings)
        if trigger.type != "http" or not isinstance(trigger.config.get("path"), str):
            continue
        form = str(trigger.config.get("method", "POST")), path_form(trigger.config["path"])
        first = forms.setdefault(form, index)
        if first != index:
            findings.at((*path, "config", "path"), f"triggers[{first}] matches the same requests: {form[0]} {form[1]}")


def _templates(trigger: Trigger, path: Path, references: References, ended: Sight) -> None:
    before = Sight(ended.names, ADMISSION)
    if trigger.if_ is not None:
        references.check(trigger.if_, before, (*path, "if"), {(): "expression"})
    references.check(trigger.inputs, before, (*path, "inputs"))
    model = TRIGGER_MODELS.get(trigger.type)
    kinds = leaf_kinds(trigger.config, model, literal=True)
    for key, value in trigger.config.items():
        sight = ended if key == "response" else before
        inner = {leaf[1:]: kind for leaf, kind in kinds.items() if leaf[0] == key}
        references.check(value, sight, (*path, "config", key), inner)


def _fills(trigger: Trigger, workflow: Workflow, path: Path, findings: Findings) -> None:
    """Inputs that are declared, values that fit, and none left without a value."""
    for name, value in trigger.inputs.items():
        if name not in workflow.inputs:
            near = suggestion(name, workflow.inputs)
            findings.at_key((*path, "inputs", name), f"the workflow declares no input {name}{near}")
        elif not may_be_template(value):
            message = misfit(value, workflow.inputs[name])
            if message:
                findings.at((*path, "inputs", name), message)
    for name, declared in workflow.inputs.items():
        if declared.default is UNSET and name not in trigger.inputs:
            findings.at(
                path, f"the input {name} has no default and this trigger does not fill it: write inputs: {{{name}: …}}"
            )
