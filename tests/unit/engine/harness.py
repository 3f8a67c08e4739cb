"""A whole engine in memory: store, clock, secrets and executor are fakes, everything between is the real thing."""

import hashlib
import textwrap
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from runner.clock import Clock, SystemClock
from runner.definitions.load import load_text
from runner.definitions.model import Workflow
from runner.engine.admission import Admissions, Submission
from runner.engine.callbacks import Addresses
from runner.engine.dispatcher import Dispatcher, open_dispatcher
from runner.engine.limits import EngineLimits
from runner.engine.services import Services
from runner.errors import SecretMissingError
from runner.events import About, AnyEvent
from runner.expressions.labels import Labelled, whole
from runner.redaction import Redactor
from runner.store.memory import MemoryStore
from runner.testing import FakeDestinations
from tests.unit.engine.fakes import Answer, Work, action_type


class FakeResolver:
    """Secrets and variables of a test; `asked` tells which were resolved. Who asks for a name in `gates` waits for it."""

    def __init__(self, secrets: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None) -> None:
        self.values = {("secret", name): value for name, value in (secrets or {}).items()}
        self.values |= {("env", name): value for name, value in (env or {}).items()}
        self.asked: list[str] = []
        self.gates: dict[str, anyio.Event] = {}
        self.workflows: set[str] = set()
        self.revisions: set[str] = set()

    async def resolve(
        self, secrets: frozenset[str], env: frozenset[str], workflow: str, revision: str = ""
    ) -> Mapping[tuple[str, str], Labelled]:
        found = {}
        self.workflows.add(workflow)
        self.revisions.add(revision)
        for root, name in [("secret", name) for name in sorted(secrets)] + [("env", name) for name in sorted(env)]:
            self.asked.append(name)
            if name in self.gates:
                await self.gates[name].wait()
            if (root, name) not in self.values:
                raise SecretMissingError(f"there is no {root} {name}", name=name)
            value = self.values[root, name]
            found[root, name] = whole(value, frozenset({name})) if root == "secret" else Labelled(value)
        return found


class FakeSealer:
    """Turns bytes round; enough to see that sealed bytes are not the plain ones."""

    def seal(self, run: str, data: bytes) -> bytes:
        return run.encode() + b":" + data[::-1]

    def open(self, run: str, data: bytes) -> bytes:
        prefix = run.encode() + b":"
        assert data.startswith(prefix), "sealed for another run"
        return data[len(prefix) :][::-1]

    def idempotency_key(self, *parts: str) -> str:
        return hashlib.sha256("/".join(parts).encode()).hexdigest()[:32]


class Events:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, AnyEvent]] = []

    def publish(self, run: str, workflow: str, event: AnyEvent, about: About) -> None:
        self.seen.append((run, event))


class Engine:
    """What a test holds in its hand."""

    def __init__(self, dispatcher: Dispatcher, store: MemoryStore, work: Work, resolver: FakeResolver) -> None:
        self.dispatcher = dispatcher
        self.store: Any = store
        self.work = work
        self.resolver = resolver
        self.workflows: dict[str, Workflow] = {}
        self.events = Events()

    async def ended(self, run: str) -> Any:
        """The run's row once it has ended."""
        return await self.dispatcher.wait(run)

    def add(self, text: str, name: str = "flow") -> Workflow:
        """Load a workflow into the catalog."""
        workflow = load(text, name)
        self.workflows[workflow.name] = workflow
        return workflow

    async def start(self, name: str = "flow", inputs: Mapping[str, Any] | None = None) -> str:
        """Start a run and come back with its id."""
        submission = Submission(workflow=name, inputs=Labelled(dict(inputs or {})))
        return (await self.dispatcher.submit(submission)).run

    async def run(self, text: str = "", inputs: Mapping[str, Any] | None = None, name: str = "flow") -> Any:
        """Load, start and wait for the end."""
        if text:
            name = self.add(text, name).name
        return await self.dispatcher.wait(await self.start(name, inputs))

    async def journal(self, run: str) -> list[Any]:
        """The run's events as they were stored."""
        return [event for row in await self.store.read(run) for event in row.events]


async def settled() -> None:
    """Come back when whatever can go on without the clock or an answer has done so."""
    for _ in range(200):
        await anyio.lowlevel.checkpoint()


def load(text: str, name: str = "flow") -> Workflow:
    """A workflow whose executor type is `work`."""
    return load_text(textwrap.dedent(text), f"{name}.yaml", {"work": action_type()}).workflow


@asynccontextmanager
async def open_engine(
    *,
    secrets: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    answer: Answer | None = None,
    clock: Clock | None = None,
    limits: EngineLimits | None = None,
    store: MemoryStore | None = None,
) -> AsyncIterator[Engine]:
    """An engine over fakes."""
    clock = clock or SystemClock()
    store = store or MemoryStore(clock=clock)
    resolver = FakeResolver(secrets, env)
    work = Work(answer)
    redactor = Redactor()
    redactor.know("vault", {name: [value] for name, value in (secrets or {}).items()})
    workflows: dict[str, Workflow] = {}
    events = Events()
    services = Services(
        clock=clock,
        store=store,
        resolver=resolver,
        destinations=FakeDestinations(),
        sealer=FakeSealer(),
        redactor=redactor,
        sink=events,
        callbacks=Addresses("http://runner.test", FakeSealer()),
        types={"work": action_type("work", work)},
        executors={"work": work},
        limits=limits or EngineLimits(),
    )
    async with open_dispatcher(services, Admissions(services, workflows.get)) as dispatcher:
        engine = Engine(dispatcher, store, work, resolver)
        engine.workflows = workflows
        engine.events = events
        yield engine
