"""
What an action was sent, seen afterwards: its config as it was rendered, made anew from the masked journal.

    journal up to the attempt ──fold──► Run ──foresee──► {url: …, headers: {Authorization: "Bearer [secret API_KEY]"}}

Nothing secret is asked for or opened: a secret is its mask, and so is every value that was masked when it was written.
What `$env` gives is what it gives now. `runner.web` shows it; no run is touched.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from anyio.lowlevel import checkpoint

from runner.engine.admission import Admissions
from runner.engine.context import Context, Found, find
from runner.engine.evolve import evolve
from runner.engine.last import labels_of
from runner.engine.services import Services
from runner.engine.state import IllegalEventError, Node, Run
from runner.errors import RefusedError, StoreError
from runner.events import AnyEvent, Finished, Parked, Settled, Started, Stored
from runner.expressions.foresee import shown
from runner.expressions.labels import Absent, Labelled, masked_text, whole

_AT_ONCE: Final = 200
"""Events that are folded before others have their turn."""


class Hindsight:
    """Looks back at runs of one store."""

    def __init__(self, services: Services, admissions: Admissions) -> None:
        self._services = services
        self._admissions = admissions

    async def sent(self, run: str, place: str) -> Any:
        """
        The config of the latest attempt at a place, as JSON for a person: of a statement `{text, values}`. None where
        it has none, or has not begun.

        Raises RefusedError (`unknown`), StoreError, EvaluationError, SecretError.
        """
        row = await self._services.store.get(run)
        if row is None:
            raise RefusedError(f"there is no run {run[:40]!r}", reason="unknown")
        events = [event for entry in await self._services.store.read(row.id) for event in entry.events]
        until = _begun(events, place)
        if until is None:
            return None
        plan, so_far = await self._admissions.plan_of(row.revision), events[:until]
        try:
            state = await _folded(Run(row.id, plan), [event for event in so_far if is_seen(event, place)])
            is_whole = not _leans_on_items(state.nodes.get(place))
        except IllegalEventError:  # an event leans on another item after all
            is_whole = False
        if not is_whole:
            state = await _folded(Run(row.id, plan), so_far)
        node = state.nodes.get(place)
        return None if node is None else await self._rendered(state, node)

    async def _rendered(self, state: Run, node: Node) -> Any:
        piece, services = node.plan.config, self._services
        if piece is None or (node.plan.items is not None and node.owner is None):
            return None
        context = Context(
            state,
            _Masked(state.id, services),
            redactor=services.redactor.child(),
            resolver=_Masks(services),
            callbacks=services.callbacks,
            limits=services.limits,
        )
        await context.open()
        scope = await context.scope(piece, node.body, node=node, at=node.started_at)
        found = piece.template.foresee(scope)
        return None if isinstance(found, Absent) else services.redactor.value(shown(found))


async def _folded(state: Run, events: Sequence[AnyEvent]) -> Run:
    for number, event in enumerate(events):
        evolve(state, event)
        if number % _AT_ONCE == 0:
            await checkpoint()
    return state


class _Masked:
    """Opens values of a journal as they are shown: masked."""

    def __init__(self, run: str, services: Services) -> None:
        self._run = run
        self._store = services.store

    async def load(self, stored: Stored, run: str = "") -> Labelled:
        """The masked value with its labels."""
        if stored.blob is not None:
            data = await self._store.blob(run or self._run, stored.blob)
        elif stored.json is not None:
            data = bytes(stored.json)
        else:
            raise StoreError(f"run {run or self._run}: a value of the journal is empty")
        return Labelled(msgspec.json.decode(data), labels_of(stored))


class _Masks:
    """Resolves secrets to their masks; variables to what they are."""

    def __init__(self, services: Services) -> None:
        self._resolver = services.resolver

    async def resolve(self, secrets: frozenset[str], env: frozenset[str], workflow: str, revision: str = "") -> Found:
        """The masks, labelled. Raises SecretError for a variable that cannot be read now."""
        masks = {("secret", name): whole(masked_text(frozenset({name})), frozenset({name})) for name in secrets}
        return {**masks, **(await self._resolver.resolve(frozenset(), env, workflow, revision) if env else {})}


def is_seen(event: AnyEvent, place: str) -> bool:
    """Whether an event may say something of a place: not where its item neither holds the place nor lies in it."""
    at = str(getattr(event, "place", "") or getattr(event, "scope", ""))
    end = at.find("]")
    while end >= 0:
        if not (place.startswith(at[: end + 1]) or at.startswith(place)):
            return False
        end = at.find("]", end + 1)
    return True


def _leans_on_items(node: Node | None) -> bool:
    """Whether its config names an action whose value is the list of its items' values."""
    if node is None or node.plan.config is None:
        return False
    uses = node.plan.config.template.uses
    named = {str(use.reference.path[0]) for use in uses if use.reference.root == "action"}
    return any((each := find(node.body, name)) is not None and each.plan.items is not None for name in named)


def _begun(events: Iterable[AnyEvent], place: str) -> int | None:
    """How many events there were when the latest attempt at a place had begun; None where it has not."""
    found: int | None = None
    ended_at: int | None = None
    for number, event in enumerate(events):
        match event:
            case Started() if event.place == place:
                found = number + 1
            case Finished() | Settled() | Parked() if event.place == place:
                ended_at = number
    return found if found is not None else ended_at
