"""
What the expressions of one run can see, put together at the moment they are evaluated.

    Piece, node ──Context.scope()──► secrets and variables resolved, values loaded ──► RunScope ──► Template.evaluate

Secrets are resolved here, lazily: only those that the piece names, each time anew, so that a replaced secret counts
for the next action. `runner.engine.attempt` and `runner.engine.flow` are the callers.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from runner.engine.callbacks import Addresses, address_value
from runner.engine.facts import error_fields, fixed_values, run_field
from runner.engine.limits import EngineLimits
from runner.engine.plan import NO_NAMES, Names, Piece
from runner.engine.state import Body, Node, Run
from runner.errors import SecretGoneError
from runner.events import Stored
from runner.expressions.labels import ABSENT, NO_LABELS, Absent, Labelled, Path, below
from runner.ports import Redactor

Found = Mapping[tuple[str, str], Labelled]

NOTHING_FOUND: Final[Found] = {}
_NULL: Final = Labelled(None)


class Resolver(Protocol):
    """What the engine needs of `runner.secrets`."""

    async def resolve(self, secrets: frozenset[str], env: frozenset[str], workflow: str, revision: str = "") -> Found:
        """
        The values by root and name, labelled where they are secret. Raises SecretError, naming the one that is
        missing or that this workflow may not use.
        """


class Opens(Protocol):
    """Gives the values of a journal: `runner.engine.recorder` the real ones, `runner.engine.hindsight` masked ones."""

    async def load(self, stored: Stored, run: str = "") -> Labelled:
        """A value of this run, or of another. Raises StoreError or SecretError where it cannot be had any more."""


class RunRedactor(Redactor, Protocol):
    """The redactor of one run: it masks what the vault's does, and what the run alone knows."""

    def add(self, labelled: Labelled) -> None:
        """From now on mask the labelled parts of this value wherever they appear."""


class Context:
    """The values of one run: inputs, trigger, what its actions got."""

    def __init__(
        self,
        run: Run,
        recorder: Opens,
        *,
        redactor: RunRedactor,
        resolver: Resolver,
        callbacks: Addresses,
        limits: EngineLimits,
    ) -> None:
        self.run = run
        self.limits = limits
        self._redactor = redactor
        self._recorder = recorder
        self._resolver = resolver
        self._callbacks = callbacks
        self._fixed: dict[str, Labelled] = {}
        self._gone: dict[str, SecretGoneError] = {}

    async def open(self, *, inputs: Labelled | None = None, trigger: Labelled | None = None) -> None:
        """
        Load what is fixed for the run: inputs, trigger, `$last`. Given ones were just accepted and need no loading.
        """
        for root, stored in fixed_values(self.run).items():
            given = inputs if root == "input" else trigger if root == "trigger" else None
            try:
                self._fixed[root] = value = given or await self._recorder.load(stored)
            except SecretGoneError as error:
                self._gone[root] = error
            else:
                self.mask_from_now(value)
        for node in self.run.nodes.values():
            expanded = [node.items.event.items] if node.items is not None else []
            await self._mask_again((node.value, *expanded, *node.pages))
        await self._mask_again([event.answer for event in self.run.answers.values()])

    async def _mask_again(self, values: Iterable[Stored | None]) -> None:
        """Know what was secret in the values that an earlier process journaled, before anything new is written."""
        for stored in values:
            if stored is not None and stored.labels:
                try:
                    self.mask_from_now(await self._recorder.load(stored))
                except SecretGoneError:
                    continue

    async def scope(
        self,
        piece: Piece,
        body: Body,
        *,
        node: Node | None = None,
        this: Labelled | None = None,
        at: float = 0.0,
    ) -> "RunScope":
        """
        The scope for a piece in `body`, for `node` where its item, attempt and time matter.

        Raises SecretError, or StoreError where a value cannot be had any more.
        """
        found = await self.resolve(piece.names) if piece.names is not NO_NAMES else NOTHING_FOUND
        for use in piece.template.uses:
            if use.reference.root == "action":
                await self._load(body, str(use.reference.path[0]))
            elif use.reference.root == "item":
                await self._load_items(body, node)
            elif use.reference.root == "vars":
                await self._load_of_variable(str(use.reference.path[0]), body, node)
        return RunScope(self, body, node, this, found, at)

    async def resolve(self, names: Names) -> Found:
        """Secrets and variables by name."""
        if not names:
            return NOTHING_FOUND
        plan = self.run.plan
        return await self._resolver.resolve(names.secrets, names.env, plan.workflow.name, plan.revision)

    def mask_from_now(self, value: Labelled) -> None:
        """What of a value is labelled is masked in everything that this run writes from now on."""
        if value.labels:
            self._redactor.add(value)

    def keep(self, node: Node, value: Labelled) -> None:
        """A value that was just journaled: no need to load it again."""
        node.decoded = value

    async def value_of(self, node: Node) -> Labelled:
        """What `$action.ID` is: its value, the list of its items' values, null where it was skipped or failed."""
        if node.decoded is None:
            node.decoded = await self._load_value(node)
        return node.decoded

    async def _load_value(self, node: Node) -> Labelled:
        if node.items is not None:
            return joined([await self.value_of(each) for each in node.items.nodes])
        if node.value is not None:
            return await self._recorder.load(node.value)
        if node.owner is not None and node.error is not None:
            return Labelled({"error": error_fields(node.error)})
        return _NULL

    async def _load(self, body: Body, name: str) -> None:
        node = find(body, name)
        if node is not None and node.ended:
            await self.value_of(node)

    async def _load_items(self, body: Body, node: Node | None) -> None:
        each = item_of(body, node)
        owner = each.owner if each else None
        if owner is not None and owner.items is not None and owner.items.decoded is None:
            owner.items.decoded = await self._recorder.load(owner.items.event.items)

    async def _load_of_variable(self, name: str, body: Body, node: Node | None) -> None:
        piece = self.run.plan.vars.get(name)
        if piece is not None and any(use.reference.root == "item" for use in piece.template.uses):
            await self._load_items(body, node)

    def fixed(self, root: str) -> Labelled | Absent:
        """Inputs, trigger or `$last`. Raises SecretGoneError where only a mask of it is left."""
        if root in self._gone:
            raise self._gone[root]
        return self._fixed.get(root, ABSENT)

    def run_fields(self, path: Path, body: Body) -> Labelled | Absent:
        """What `$run.NAME` is, seen from `body`."""
        name = path[0] if path else ""
        if name == "callback" and len(path) > 1:
            return address_value(self._callbacks, self.run, body, str(path[1]))
        return run_field(self.run, str(name))


class RunScope:
    """A scope of `runner.expressions.scope` over a run."""

    __slots__ = ("_body", "_context", "_found", "_node", "_this", "_variables", "now", "seed")

    def __init__(
        self, context: Context, body: Body, node: Node | None, this: Labelled | None, found: Found, at: float
    ) -> None:
        self._context = context
        self._body = body
        self._node = node
        self._this = this
        self._found = found
        self._variables: dict[str, Labelled] = {}
        self.now = at
        run = context.run
        place = node.place if node else body.scope
        attempt = node.attempt if node else 0
        self.seed = hashlib.sha256(
            f"{run.id} {place} {node.generation if node else run.generation} {attempt}".encode()
        ).digest()

    def lookup(self, root: str, path: Path) -> tuple[Labelled | Absent, int]:
        """The value of a root with as many names as belong to it."""
        if root in {"secret", "env"}:
            return self._found.get((root, str(path[0])), ABSENT), 1
        if root == "action":
            return self._action(path)
        if root == "this":
            return (ABSENT if self._this is None else self._this), 0
        if root in {"item", "index"}:
            return self._item(root), 0
        if root == "vars":
            return self._variable(path)
        if root == "run":
            return self._context.run_fields(path, self._body), min(len(path), 2 if path[:1] == ("callback",) else 1)
        return self._context.fixed(root), 0

    def _action(self, path: Path) -> tuple[Labelled | Absent, int]:
        node = find(self._body, str(path[0]))
        if node is None:
            return ABSENT, 1
        if path[1:2] == ("error",) and node.error is not None and node.ended:
            return Labelled(error_fields(node.error)), 2
        return (node.decoded if node.ended and node.decoded is not None else _NULL), 1

    def _item(self, root: str) -> Labelled | Absent:
        each = item_of(self._body, self._node)
        if each is None or each.owner is None:
            return ABSENT
        if root == "index":
            return Labelled(each.index)
        assert each.owner.items is not None
        listed = each.owner.items.decoded
        assert listed is not None
        return Labelled(listed.value[each.index], below(listed.labels, each.index))

    def _variable(self, path: Path) -> tuple[Labelled | Absent, int]:
        if not path:
            names = self._context.run.plan.vars
            return _mapping({name: self._variable((name,))[0] for name in names}), 0
        name = str(path[0])
        if name not in self._variables:
            piece = self._context.run.plan.vars.get(name)
            if piece is None:
                return ABSENT, 1
            self._variables[name] = piece.template.evaluate(self)
        return self._variables[name], 1


def find(body: Body | None, name: str) -> Node | None:
    """The action of that id that is visible from `body`: its own, or that of a body around it."""
    while body is not None:
        node = body.nodes.get(name)
        if node is not None:
            return node
        body = body.parent.body if body.parent else None
    return None


def item_of(body: Body | None, node: Node | None) -> Node | None:
    """The item that `$item` means at `node` of `body`: the innermost around it."""
    if node is not None and node.owner is not None:
        return node
    while body is not None and body.parent is not None:
        if body.parent.owner is not None:
            return body.parent
        body = body.parent.body
    return None


def joined(values: list[Labelled]) -> Labelled:
    """The list of values, with their labels at their places."""
    labels: dict[Path, frozenset[str]] = {}
    for index, value in enumerate(values):
        for path, names in value.labels.items():
            labels[index, *path] = names
    return Labelled([value.value for value in values], labels or NO_LABELS)


def _mapping(values: Mapping[str, Labelled | Absent]) -> Labelled:
    labels: dict[Path, frozenset[str]] = {}
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Labelled):
            plain[name] = value.value
            for path, names in value.labels.items():
                labels[name, *path] = names
    return Labelled(plain, labels or NO_LABELS)
