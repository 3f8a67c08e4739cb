"""
Rehearse one run: the real engine over the store in memory, everything outside of it stood in for.

    Workflow, Case ──rehearse()──► Rehearsed: how it ended, and of each place its state, attempts, value, what was sent

Time stands still while there is something to do; then questions are answered from the case, then the next moment comes.
The id of the run and the time are the case's, so that a rehearsal is the same each time.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import anyio
import msgspec
from anyio.lowlevel import checkpoint
from msgspec import UNSET

from runner.definitions.model import Action, Body, Workflow
from runner.engine.admission import Submission
from runner.engine.callbacks import Addresses
from runner.engine.dispatcher import Dispatcher, open_dispatcher
from runner.engine.limits import EngineLimits
from runner.engine.services import Services
from runner.errors import RunnerError, UsageError
from runner.events import About, AnyEvent, Stored
from runner.expressions.labels import Labelled
from runner.ports import ActionType, Last
from runner.redaction import Redactor
from runner.rehearsal.children import ANSWER, RehearsedAdmissions
from runner.rehearsal.clock import SwiftClock
from runner.rehearsal.files import Case, Reply
from runner.rehearsal.seen import Rehearsed, journal_of, seen
from runner.rehearsal.standins import Answers, Anywhere, StandIn, StandInSealer, StandInSecrets
from runner.store.memory import MemoryStore

_TURNS: Final = 100
"""Turns of the event loop without an event after which nothing more happens by itself."""

_PATIENT: Final = 200
"""Looks, 10 ms apart, at whether a thread is still at work, before a run is given up."""

_MOST_EVENTS: Final = 200_000


async def rehearse(
    workflow: Workflow, case: Case, types: Mapping[str, ActionType], secret: tuple[str, ...]
) -> Rehearsed:
    """
    Carry the case out to its end. `secret` are the patterns of secret variables.

    Raises UsageError for a case that cannot be begun, RefusedError for inputs that do not fit.
    """
    answers, secrets, redactor = Answers(case), StandInSecrets(case, secret), Redactor()
    secrets.learn = lambda: redactor.know("vault", {name: [value] for name, value in secrets.known.items()})
    for name in case.secrets:
        secrets.value(name)
    stand_in, clock, heard = StandIn(answers, secrets), SwiftClock(_instant(case)), _Heard()
    store = _Store(msgspec.structs.replace(case, last=secrets.filled(case.last)), clock=clock)
    services = Services(
        clock=clock,
        store=store,
        resolver=secrets,
        destinations=Anywhere(),
        sealer=StandInSealer(),
        redactor=redactor,
        sink=heard,
        callbacks=Addresses("https://runner.test", StandInSealer()),
        types={**types, ANSWER.name: ANSWER},
        executors=dict.fromkeys([*types, ANSWER.name], stand_in),
        limits=EngineLimits(),
        jitter=lambda: 0.5,
    )
    admissions = RehearsedAdmissions(services, workflow, answers, secrets, stand_in.sent)
    async with open_dispatcher(services, admissions) as dispatcher:
        submission = Submission(
            workflow=workflow.name,
            definition=_with_results(workflow, case),
            inputs=Labelled(secrets.filled(case.inputs)),
            trigger=Labelled(secrets.filled(case.trigger)),
            kind="test",
        )
        try:
            run = (await dispatcher.submit(submission)).run
            stuck = await _Driver(dispatcher, store, clock, heard, answers, secrets).to_the_end(run)
            found = await seen(await journal_of(store, run), store, run, stand_in.sent)
        except RunnerError as error:  # a task group would wrap it
            refused = error
        else:
            return msgspec.structs.replace(found, missing=tuple(dict.fromkeys([*answers.missing, *stuck])))
    raise refused


class _Heard:
    """Counts what happens."""

    def __init__(self) -> None:
        self.count = 0

    def publish(self, run: str, workflow: str, event: AnyEvent, about: About) -> None:  # noqa: ARG002  it only counts
        """One more."""
        self.count += 1


class _Store(MemoryStore):
    """A store in which the last succeeded run is the case's."""

    def __init__(self, case: Case, *, clock: SwiftClock) -> None:
        super().__init__(clock=clock)
        self._case_last = case.last
        self._at = clock.wall()

    async def last(self, workflow: str) -> Last:
        """What `$last` means; the case says it of every workflow."""
        given = self._case_last
        if given is None:
            return await super().last(workflow)
        output = Stored(json=msgspec.Raw(msgspec.json.encode(given.get("output"))))
        at = datetime.fromisoformat(given["started_at"]).timestamp() if given.get("started_at") else self._at
        return Last(str(given.get("id", "")), at, output, 0)


class _Driver:
    """Lets a run go on until it has ended."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        store: MemoryStore,
        clock: SwiftClock,
        heard: _Heard,
        answers: Answers,
        secrets: StandInSecrets,
    ) -> None:
        self._dispatcher = dispatcher
        self._store = store
        self._clock = clock
        self._heard = heard
        self._answers = answers
        self._secrets = secrets

    async def to_the_end(self, run: str) -> list[str]:
        """Nothing, or what the run waits for that the case does not say."""
        patience = _PATIENT
        while not await self._ended(run):
            before = self._heard.count
            for _ in range(_TURNS):
                await checkpoint()
            if self._heard.count > _MOST_EVENTS:
                return [f"the run goes on and on: {_MOST_EVENTS:,} events without an end"]
            if self._heard.count != before or await self._answered():
                self._clock.happened()
                patience = _PATIENT
            elif not self._clock.pass_on(await self._due()):
                patience -= 1
                if patience <= 0:
                    asked = await self._dispatcher.answers.waiting(1)
                    places = [question.asked.place for question in asked]
                    return [f"{place}: the test has no answer, and it waits for one" for place in places or ["the run"]]
                await anyio.sleep(0.01)
        return []

    async def _ended(self, run: str) -> bool:
        row = await self._store.get(run)
        return row is not None and row.ended_at is not None

    async def _due(self) -> float | None:
        rows = await self._store.due(float("inf"), 1_000)
        return min((row.due for row in rows if row.due is not None and row.due > self._clock.wall()), default=None)

    async def _answered(self) -> bool:
        """Whether a question was answered from the case."""
        for question in await self._dispatcher.answers.waiting(1_000):
            reply = self._answers.find(question.asked.place)
            if isinstance(reply, Reply) and not isinstance(reply.answer, msgspec.UnsetType):
                given = self._secrets.filled(reply.answer)
                await self._dispatcher.answers.give(question.asked, given, "test")
                return True
        return False


def _with_results(workflow: Workflow, case: Case) -> Workflow:
    """Actions whose `result` the case says do without `output` and `until`, which made it of what is not known."""
    answers = Answers(case)

    def of_body(body: Body, prefix: str) -> Body:
        return msgspec.structs.replace(
            body,
            actions=tuple(of_action(each, prefix) for each in body.actions),
            on_failure=tuple(of_action(each, prefix) for each in body.on_failure),
            finally_=tuple(of_action(each, prefix) for each in body.finally_),
        )

    def of_action(action: Action, prefix: str) -> Action:
        place = prefix + action.id
        if action.body is not None:
            return msgspec.structs.replace(action, body=of_body(action.body, f"{place}/"))
        if place not in answers.results:
            return action
        retry = msgspec.structs.replace(action.retry, until=None) if action.retry is not None else None
        return msgspec.structs.replace(action, output=UNSET, retry=retry)

    return msgspec.structs.replace(workflow, body=of_body(workflow.body, ""))


def _instant(case: Case) -> float:
    try:
        found = datetime.fromisoformat(case.now)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UsageError(f"{case.name}: now: expected a time such as 2026-01-31T09:00:00Z")
    return found.timestamp()
