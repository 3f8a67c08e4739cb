"""
An executor, and databases to try it on.

    attempt(url, "select $input.a", a=1)   one attempt, as the engine makes it: compiled, rendered, decoded, executed
    database                               each of the three in turn: its dialect and the address of a fresh one
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import anyio
import pytest

from runner.definitions.fields import decode
from runner.engine.services import Destinations
from runner.executors.sql.config import SqlConfig
from runner.executors.sql.executor import SqlExecutor, open_sql
from runner.expressions.labels import Labelled, whole, wrap
from runner.expressions.scope import MappingScope
from runner.expressions.template import LeafKind, compile_template
from runner.ports import ExecutorLimits, Result
from runner.secrets.ring import Ring
from runner.secrets.sealer import RunSealer
from runner.testing import FakeDestinations
from tests.calls import BoundCall

_RING = Ring({b"key1": b"k" * 32}, b"i" * 32)
SEALER = RunSealer(lambda: _RING)
"""As a daemon has it; every attempt of these tests belongs to the same installation."""

KINDS: Mapping[tuple[str | int, ...], LeafKind] = {("query",): "statement", ("queries",): "statement"}


@dataclass
class FakeCall(BoundCall):
    """What the engine tells an executor about the attempt."""

    run: str = "r1"
    workflow: str = "w"
    place: str = "a"
    attempt: int = 1
    timeout: float | None = None
    left: int = 0
    pages: Sequence[Result] = field(default_factory=list)
    destinations: Destinations = field(default_factory=FakeDestinations)

    def leaving(self) -> None:
        self.left += 1

    def idempotency_key(self, page: int = 0) -> str:
        return SEALER.idempotency_key(self.run, self.place, str(page))

    async def keep_page(self, page: Result) -> None:
        raise AssertionError("sql has no pages")

    def seal(self, data: bytes) -> bytes:
        return SEALER.seal(self.run, data)

    def unseal(self, data: bytes) -> bytes:
        return SEALER.open(self.run, data)


def rendered(url: str, query: str | list[str], values: Mapping[str, Any], **config: Any) -> SqlConfig:
    """The config that an executor is given; a value may be `Labelled`, then it arrives as a secret."""
    raw = {"connection_string": url, "queries" if isinstance(query, list) else "query": query, **config}
    inputs = {name: value.value if isinstance(value, Labelled) else value for name, value in values.items()}
    labels = {
        (name, *path): names
        for name, value in values.items()
        if isinstance(value, Labelled)
        for path, names in value.labels.items()
    }
    scope = MappingScope({"input": Labelled(inputs, labels)})
    return decode(wrap(compile_template(raw, KINDS).evaluate(scope)), SqlConfig)


def secret(value: Any, name: str = "CANARY") -> Labelled:
    """A value that came from the vault."""
    return whole(value, frozenset({name}))


Quiet = Callable[[], Awaitable[None]]


class Attempt(Protocol):
    """Runs one attempt and gives its value."""

    async def __call__(
        self, url: str, query: str | list[str], *, call: FakeCall | None = None, **values: Any
    ) -> Any: ...


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The folder that workflows may use."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
async def executor(files: Path) -> AsyncIterator[SqlExecutor]:
    async with open_sql(ExecutorLimits(file_roots=(str(files),), max_rows=1000, max_response_size=5_000_000)) as opened:
        yield opened


@pytest.fixture
def attempt(executor: SqlExecutor) -> Attempt:
    """Keyword arguments are the inputs `$input.NAME`; `config` holds further keys of the config."""

    async def run(url: str, query: str | list[str], *, call: FakeCall | None = None, **values: Any) -> Any:
        config = values.pop("config", {})
        return (await executor.execute(rendered(url, query, values, **config), call or FakeCall())).value

    return run


@dataclass(frozen=True)
class Database:
    """A database of one's own."""

    dialect: Literal["postgres", "sqlite", "mysql"]
    url: str


@pytest.fixture
def quiet(executor: SqlExecutor) -> Quiet:
    """Waits until every session is idle: what an attempt left is cleared behind its back."""

    async def wait() -> None:
        pools = executor._pools._pools.values()
        while any(pool._used for pool in pools):
            await anyio.lowlevel.checkpoint()

    return wait


@pytest.fixture(params=["postgres", "sqlite", "mysql"])
def database(request: pytest.FixtureRequest, files: Path) -> Iterator[Database]:
    """Each of the three in turn."""
    if request.param == "sqlite":
        yield Database("sqlite", f"sqlite:///{files}/test.db")
    else:
        yield Database(request.param, request.getfixturevalue(f"{request.param}_url"))
