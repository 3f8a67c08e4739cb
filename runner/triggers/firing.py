"""
What a trigger computes before there is a run: its `if`, its `inputs`, its deduplication key, the secrets of its `auth`.

    Trigger ──Computed()──► compiled pieces ──scope(trigger value)──► resolved now ──► applies? · inputs · key

Secrets are resolved for each firing anew, and only those that a piece names, so that a replaced one counts at once.
Used by every kind of trigger.
"""

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from runner.definitions.kinds import leaf_kinds
from runner.definitions.model import Trigger, Workflow
from runner.definitions.triggers import TRIGGER_MODELS
from runner.engine.last import last_value
from runner.engine.plan import Piece
from runner.expressions.labels import ABSENT, Absent, Labelled, Path
from runner.expressions.template import LeafKind, Template, compile_template
from runner.triggers.services import TriggerServices


class AdmissionScope:
    """A scope of `runner.expressions.scope` in which there is no run yet: `$trigger`, `$last`, `$vars`, secrets."""

    def __init__(self, roots: Mapping[str, Labelled], found: Mapping[tuple[str, str], Labelled], now: float) -> None:
        self._roots = roots
        self._found = found
        self.variables: Mapping[str, Piece] = {}
        self.now = now
        self.seed = os.urandom(16)

    def lookup(self, root: str, path: Path) -> tuple[Labelled | Absent, int]:
        """Secrets and variables by name, constants computed where they are used."""
        if root in ("secret", "env"):
            return self._found.get((root, str(path[0])), ABSENT), 1
        if root == "vars" and path:
            piece = self.variables.get(str(path[0]))
            return (piece.template.evaluate(self) if piece is not None else ABSENT), 1
        return self._roots.get(root, ABSENT), 0


class Computed:
    """The templates of one trigger, compiled once a reload."""

    def __init__(self, workflow: Workflow, trigger: Trigger) -> None:
        self.workflow = workflow.name
        self._revision = workflow.revision
        config = trigger.config
        self._variables: dict[str, Piece] = {}
        for name, value in workflow.vars.items():
            self._variables[name] = self._piece(compile_template(value))
        kinds = leaf_kinds(config, TRIGGER_MODELS[trigger.type], literal=True)
        self.auth = self._part(config.get("auth"), kinds, "auth")
        self.condition = self._piece(compile_template(trigger.if_, {(): "expression"})) if trigger.if_ else None
        self.inputs = self._piece(compile_template(trigger.inputs)) if trigger.inputs else None
        asked = config.get("deduplicate")
        key = asked["key"] if isinstance(asked, dict) else asked
        self.key = None if key is None else self._piece(compile_template(key, {(): "expression"}))

    def _part(self, raw: Any, kinds: Mapping[Path, LeafKind], key: str) -> Piece:
        return self._piece(compile_template(raw, {path[1:]: kind for path, kind in kinds.items() if path[0] == key}))

    def _piece(self, template: Template) -> Piece:
        return Piece(template, self._variables)

    async def scope(self, piece: Piece, value: Labelled, services: TriggerServices) -> AdmissionScope:
        """What `piece` sees. Raises SecretError, StoreError."""
        names = piece.names
        resolve = services.resolver.resolve
        found = await resolve(names.secrets, names.env, self.workflow, self._revision) if names else {}
        roots = {"trigger": value}
        if piece.uses_last:
            last = await last_value(await services.store.last(self.workflow), services.store, services.sealer)
            if last is not None:
                roots["last"] = last
        scope = AdmissionScope(roots, found, services.clock.wall())
        scope.variables = self._variables
        return scope

    async def applies(self, value: Labelled, services: TriggerServices) -> bool:
        """Whether `if` lets it fire. Raises ExpressionError, SecretError, StoreError."""
        piece = self.condition
        return piece is None or piece.template.test(await self.scope(piece, value, services))

    async def filled(self, value: Labelled, services: TriggerServices) -> Labelled:
        """The inputs of the run. Raises ExpressionError, SecretError, StoreError."""
        piece = self.inputs
        return Labelled({}) if piece is None else piece.template.evaluate(await self.scope(piece, value, services))

    async def dedupe(self, identity: str, value: Labelled, services: TriggerServices) -> str | None:
        """The key that stands for this firing, None where it is not checked: a hash, since it may hold anything."""
        piece = self.key
        if piece is None:
            return None
        found = piece.template.try_evaluate(await self.scope(piece, value, services))
        if isinstance(found, Absent) or found.value is None:
            return None
        return hashed(identity, found.value)


def hashed(identity: str, value: Any) -> str:
    """A deduplication key of the trigger `identity`."""
    return hashlib.sha256(msgspec.json.encode([identity, value])).hexdigest()[:40]
