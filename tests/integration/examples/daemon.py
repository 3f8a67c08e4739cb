"""
A daemon's own pieces in this process, with workflows of other systems in its folder.

    tests/workflows/good/*.yaml, hosts → stand-ins ──► catalog ──► dispatcher ──► http, sql ──► stand-ins, PostgreSQL
                         vault and environment of the test ──────────┘

Nothing is a fake but, where a test hands one in, the clock; the folder is read once, since nothing in it changes. `start` and `run` take the trigger's value that the request,
the schedule or the failed run would have brought. Tests open it by the fixture `examples` (conftest.py).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import anyio
import msgspec

from runner.clock import Clock
from runner.daemon.catalogs import Catalogs
from runner.daemon.kept import kept_path
from runner.daemon.root import Confidential, Engine, known_types, open_confidential, open_engine, open_runs
from runner.daemon.secret_uses import SecretUses
from runner.definitions.catalog import EMPTY, Catalog, build
from runner.engine.admission import Submission
from runner.events import Ended, Stored
from runner.expressions.labels import Labelled
from runner.expressions.scope import MappingScope
from runner.expressions.template import compile_template
from runner.ports import Admitted, RunFilter, RunRow, Store
from runner.secrets.keys import new_master_key
from runner.settings import load
from runner.web.lookups import show_run

GOOD = Path(__file__).parents[2] / "workflows" / "good"


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `output` and `response` are the real values, `actions` the masked documents by their place."""

    row: RunRow
    output: Any
    response: Any
    actions: Mapping[str, Mapping[str, Any]]

    @property
    def states(self) -> dict[str, str]:
        """How each place ended."""
        return {place: action["state"] for place, action in self.actions.items()}


class Daemon:
    """What a test holds in its hand."""

    def __init__(self, confidential: Confidential, store: Store, engine: Engine, catalogs: Catalogs) -> None:
        self.engine = engine
        self._confidential = confidential
        self._store = store
        self._catalogs = catalogs

    async def start(
        self, workflow: str, *, inputs: Any = None, trigger: Any = None, dedupe: str | None = None
    ) -> Admitted:
        """Submit a run."""
        submission = Submission(
            workflow=workflow, inputs=Labelled(inputs or {}), trigger=Labelled(trigger), dedupe=dedupe
        )
        return await self.engine.dispatcher.submit(submission)

    async def run(self, workflow: str, *, inputs: Any = None, trigger: Any = None) -> Outcome:
        """Submit a run and come back when it has ended."""
        return await self.outcome((await self.start(workflow, inputs=inputs, trigger=trigger)).run)

    async def outcome(self, run: str) -> Outcome:
        """The run, once it has ended."""
        row = await self.engine.dispatcher.wait(run)
        journal = [event for entry in await self._store.read(run) for event in entry.events]
        ended = next(event for event in journal if isinstance(event, Ended))
        shown = msgspec.json.decode(msgspec.json.encode(await show_run(self._store, run)))
        return Outcome(
            row,
            await self._real(ended.output, run),
            await self._real(ended.response, run),
            {action["place"]: action for action in shown["actions"]},
        )

    async def outcomes(self, workflow: str) -> list[Outcome]:
        """Every run of a workflow, the first one first."""
        rows = await self._store.find(RunFilter(workflow=workflow))
        return [await self.outcome(row.id) for row in reversed(rows)]

    def of_trigger(self, workflow: str, *path: str, **roots: Any) -> Any:
        """What a template in the config of the workflow's only trigger makes of `roots` (`trigger={…}`)."""
        (trigger,) = self._catalogs.require(workflow).triggers
        template: Any = trigger.config
        for key in path:
            template = template[key]
        return compile_template(template).evaluate(MappingScope(roots)).value

    async def _real(self, stored: Stored | None, run: str) -> Any:
        if stored is None:
            return None
        if stored.sealed is not None:
            return msgspec.json.decode(self._confidential.sealer.open(run, stored.sealed))
        if stored.blob is not None:
            return msgspec.json.decode(await self._store.blob(run, stored.blob))
        return msgspec.json.decode(stored.json or msgspec.Raw(b"null"))


class OpenExamples(Protocol):
    """What the fixture `examples` is: call it with the stems of the files that stand in the folder."""

    async def __call__(
        self,
        *stems: str,
        hosts: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> Daemon:
        """A daemon that runs. `hosts`: what stands in the files → where the stand-in listens; nothing else is changed."""


@asynccontextmanager
async def open_daemon(
    home: Path, texts: Mapping[str, str], *, secrets: Mapping[str, str], env: Mapping[str, str], clock: Clock
) -> AsyncIterator[Daemon]:
    """`home` is a fresh folder, `texts` the workflow files by their names."""
    flags = {"sqlite.path": str(home / "data" / "runner.db"), "dashboard.master_key": new_master_key()}
    settings = load(None, {}, flags).settings
    catalog = build(EMPTY, {name: text.encode() for name, text in texts.items()}, known_types())
    assert (len(catalog.entries), catalog.problems) == (len(texts), ())
    async with AsyncExitStack() as stack:
        confidential = await stack.enter_async_context(open_confidential(settings, env, clock, level="error"))
        assert confidential.vault is not None
        for name, value in secrets.items():
            await confidential.vault.set(name, value, short_ok=True)
        store = await stack.enter_async_context(open_runs(settings, clock))
        no_more, changes = anyio.create_memory_object_stream[Catalog]()
        no_more.close()
        stack.enter_context(changes)
        uses = SecretUses(known_types(), confidential, strict_hosts=False)
        catalogs = Catalogs(changes, known_types(), kept_path(settings), uses)
        await catalogs.swap(catalog)
        engine = await stack.enter_async_context(
            open_engine(settings, clock, confidential=confidential, store=store, catalogs=catalogs)
        )
        yield Daemon(confidential, store, engine, catalogs)


def with_hosts(text: str, hosts: Mapping[str, str]) -> str:
    """The file's text with its absolute hosts replaced."""
    for host, stand_in in hosts.items():
        assert host in text, f"no example calls {host}"
        text = text.replace(host, stand_in)
    return text
