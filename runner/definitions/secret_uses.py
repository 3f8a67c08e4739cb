"""
Which secrets a workflow names, where, and what is wrong with that once it is known which secrets there are.

    Workflow + source ──secret_uses()──► SecretUse: secret, action, key path, line ──secret_problems(known)──► warnings

A secret is named where a text says `$secret.NAME`, or `$vars.X` whose value says so. Pure: the vault's names come as a
value, and nothing here reads a file. The daemon asks when a catalog or the vault has changed, `runner secrets usage`
and `delete` when they are called.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from runner.definitions.builtins import BUILTIN_SPECS
from runner.definitions.check import every_action, phases
from runner.definitions.findings import Findings
from runner.definitions.kinds import NO_KINDS, leaf_kinds, texts
from runner.definitions.model import Action, Body, Workflow
from runner.definitions.paths import Path, show
from runner.definitions.source import read_text
from runner.definitions.specs import Specs
from runner.definitions.yaml import read_yaml
from runner.errors import Problem
from runner.expressions.template import LeafKind, Use, compile_all

ADDRESSES: Final = frozenset({"url", "connection_string", "token_url", "proxy"})
"""Keys of a config that say where a request goes."""

_FROM_OUTSIDE: Final = frozenset({"input", "trigger", "action", "item", "last", "this"})
"""Roots whose values somebody else may choose."""


class SecretUse(msgspec.Struct, frozen=True):
    """
    One place that names a secret. `action` is empty outside of actions (triggers, output). `open_host`: the action
    sends to a host that is computed from what comes from outside.
    """

    secret: str
    workflow: str
    action: str
    file: str
    path: str
    line: int
    column: int
    open_host: bool = False


class KnownSecret(msgspec.Struct, frozen=True):
    """What a check must know: whether the secret has `allowed_hosts`, and which workflows may use it (None: all)."""

    has_hosts: bool
    workflows: tuple[str, ...] | None = None


class KnownSecrets(msgspec.Struct, frozen=True):
    """The secrets that there are, by name. Where that `is_whole` not, nobody knows whether one is missing."""

    secrets: Mapping[str, KnownSecret] = {}
    is_whole: bool = True


class _Found(msgspec.Struct, frozen=True):
    """A reference to a secret at a key path."""

    secret: str
    path: Path
    offset: int


def secret_uses(workflow: Workflow, source: str, file: str, specs: Specs) -> tuple[SecretUse, ...]:
    """Every place of a workflow that names a secret, in the order of the file that it was read from."""
    walk = _Walk(workflow, {**BUILTIN_SPECS, **specs})
    found = [(each, "", False) for each in walk.outside()]
    for action, path, _ in every_action(workflow.body):
        named, is_open = walk.action(action, path)
        found += [(each, action.id, is_open) for each in named]
    if not found:
        return ()
    findings = Findings(read_yaml(read_text(source.encode(), file), file))
    uses = []
    for each, action_id, is_open in found:
        line, column = findings.place(each.path, each.offset)
        uses.append(SecretUse(each.secret, workflow.name, action_id, file, show(each.path), line, column, is_open))
    return tuple(sorted(uses, key=lambda use: (use.line, use.column, use.secret)))


def secret_problems(uses: Iterable[SecretUse], known: KnownSecrets, *, strict_hosts: bool = False) -> Iterator[Problem]:
    """
    What is wrong with them: a secret that is not there, that this workflow may not use, or that has no `allowed_hosts`
    in a request whose host comes from outside (an error with `strict_hosts`). Each secret of an action once.
    """
    told: set[tuple[str, str, str]] = set()
    for use in uses:
        place = (use.workflow, use.action, use.secret)
        problem = _problem(use, known, strict_hosts=strict_hosts)
        if problem is not None and place not in told:
            told.add(place)
            yield problem


def _problem(use: SecretUse, known: KnownSecrets, *, strict_hosts: bool) -> Problem | None:
    name = use.secret
    secret = known.secrets.get(name)
    if secret is None:
        if not known.is_whole:
            return None
        return _at(use, f"there is no secret {name}: set it with `runner secrets set {name}`")
    if secret.workflows is not None and use.workflow not in secret.workflows:
        return _at(use, f"the secret {name} may not be used by this workflow (allowed_workflows)")
    if use.open_host and not secret.has_hosts:
        message = (
            f"the secret {name} has no allowed_hosts, and the host of this request comes from outside: bind it to its "
            "hosts, or whoever chooses the host gets it"
        )
        return _at(use, message, is_error=strict_hosts)
    return None


def _at(use: SecretUse, message: str, *, is_error: bool = False) -> Problem:
    return Problem(
        message=message,
        file=use.file,
        line=use.line,
        column=use.column,
        path=use.path,
        severity="error" if is_error else "warning",
    )


class _Walk:
    def __init__(self, workflow: Workflow, specs: Specs) -> None:
        self.workflow = workflow
        self.specs = specs
        self.of_vars: dict[str, set[str]] = {}
        self.open_vars: set[str] = set()
        for name, value in workflow.vars.items():
            self.of_vars[name] = {each.secret for each in self.named(value)}
            if _is_open(value, self.open_uses):
                self.open_vars.add(name)

    def outside(self) -> Iterator[_Found]:
        """What is named beside the actions."""
        workflow = self.workflow
        for index, trigger in enumerate(workflow.triggers):
            path: Path = ("triggers", index)
            yield from self.named(trigger.config, (*path, "config"))
            yield from self.named(trigger.if_, (*path, "if"), "expression")
            yield from self.named(trigger.inputs, (*path, "inputs"))
        if workflow.concurrency is not None:
            yield from self.named(workflow.concurrency.key, ("concurrency", "key"), "expression")
        for body, path in _bodies(workflow.body, ()):
            yield from self.named(body.output, (*path, "output"))

    def action(self, action: Action, path: Path) -> tuple[list[_Found], bool]:
        """What an action names, and whether the host that its config sends to comes from outside."""
        found = [
            *self.named(action.if_, (*path, "if"), "expression"),
            *self.named(action.for_each, (*path, "for_each"), "expression"),
            *self.named(action.output, (*path, "output")),
        ]
        if action.retry is not None:
            found += self.named(action.retry.until, (*path, "retry", "until"), "expression")
        if action.body is not None:
            return found, False
        spec = self.specs.get(action.type)
        kinds = NO_KINDS if spec is None else leaf_kinds(action.config, spec.config)
        found += self.named(action.config, (*path, "config"), kinds=kinds)
        addresses = [text.text for text in texts(action.config, kinds) if text.path and text.path[-1] in ADDRESSES]
        return found, any(_is_open(text, self.open_uses) for text in addresses)

    def named(
        self, value: Any, path: Path = (), kind: LeafKind = "template", kinds: Mapping[Path, LeafKind] = NO_KINDS
    ) -> Iterator[_Found]:
        """The references to secrets in a value, those of the `vars` that it mentions included."""
        if value is None or value is UNSET:
            return
        for text in texts(value, kinds or {(): kind}):
            for use in _uses(text.text, text.kind) if text.computed else ():
                root, names = use.reference.root, use.reference.path
                if root == "secret":
                    yield _Found(str(names[0]), (*path, *text.path), use.offset)
                elif root == "vars" and names:
                    for secret in sorted(self.of_vars.get(str(names[0]), ())):
                        yield _Found(secret, (*path, *text.path), use.offset)

    def open_uses(self, use: Use) -> bool:
        """Whether a reference brings something from outside."""
        root, names = use.reference.root, use.reference.path
        return root in _FROM_OUTSIDE or (root == "vars" and bool(names) and str(names[0]) in self.open_vars)


def _is_open(value: Any, brings: Callable[[Use], bool]) -> bool:
    """Whether something from outside stands in the part of a text that names the host."""
    if not isinstance(value, str):
        return False
    end = _authority_end(value)
    return any(use.offset < end and brings(use) for use in _uses(value, "template"))


def _authority_end(text: str) -> int:
    """Where path or query begin; the whole text where it is no URL by what is written of it."""
    start = text.find("://")
    ends = [at for sign in "/?#" if start >= 0 and (at := text.find(sign, start + 3)) >= 0]
    return min(ends, default=len(text))


def _uses(text: str, kind: LeafKind) -> tuple[Use, ...]:
    template, _ = compile_all(text, {(): kind})
    return template.uses if template is not None else ()


def _bodies(body: Body, path: Path) -> Iterator[tuple[Body, Path]]:
    yield body, path
    for phase, actions in phases(body):
        for index, action in enumerate(actions):
            if action.body is not None:
                yield from _bodies(action.body, (*path, phase, index, "config"))
