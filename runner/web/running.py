"""
One run that a person asked for, from its request to its end, told line by line.

    RunRequest ──► Submission ──submit()──► {"kind": "accepted"} ──► {"kind": "event"} … ──► {"kind": "ended"}

The control socket serves the lines to `runner run`; where no daemon runs the command line reads them in its own
process. Who stops reading cancels nothing: the run is the dispatcher's.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec

from runner.definitions.input_texts import parse_inputs
from runner.definitions.model import Workflow
from runner.engine.admission import Submission
from runner.errors import Problem, RefusedError
from runner.events import Ended, encode
from runner.expressions.labels import Labelled
from runner.ports import Admitted, RunRow
from runner.web.documents import ended_document
from runner.web.lines import AcceptedLine, AnyLine, EndedLine, EventLine, LostLine, RunRequest, StoppedLine
from runner.web.lookups import Records
from runner.web.news import News, Watch, without_values


class Submits(Protocol):
    """What is needed of `runner.engine.dispatcher`."""

    async def submit(self, submission: Submission) -> Admitted:
        """Accept a run, durably. Raises RefusedError, StoreDegradedError."""

    async def wait(self, run: str) -> RunRow:
        """The run's row once it has ended."""

    async def cancel_durably(self, run: str, by: str) -> str:
        """The run's id, once its cancel is on disk. Raises RefusedError, StoreError."""

    async def rerun(self, run: str, action: str = "", by: str = "") -> Admitted:
        """Let an ended run go on, durably. Raises RefusedError, StoreError."""

    def hand_over(self, run: str) -> None:
        """Hand what is known of the run so far to its journal."""


class Running:
    """Starts runs and tells of them."""

    def __init__(
        self,
        dispatcher: Submits,
        records: Records,
        news: News,
        *,
        workflow: Callable[[str], Workflow],
        load: Callable[[str, str], Awaitable[tuple[Workflow, tuple[Problem, ...]]]],
    ) -> None:
        """
        `workflow` finds one in the catalog, or raises RefusedError; `load` reads a source and its file's name, or
        raises DefinitionError.
        """
        self._dispatcher = dispatcher
        self._records = records
        self._news = news
        self._workflow = workflow
        self._load = load

    async def start(self, request: RunRequest) -> AsyncIterator[AnyLine]:
        """
        Accept the run, then tell of it until its end. What is wrong with the request is raised before the first line.

        Raises DefinitionError, RefusedError, StoreDegradedError.
        """
        workflow, warnings = await self._chosen(request)
        texts = parse_inputs(workflow.inputs, request.inputs, what=workflow.name)
        submission = Submission(
            workflow=workflow.name,
            definition=workflow if request.source is not None else None,
            inputs=Labelled(texts),
            trigger=Labelled(request.trigger),
        )
        with self._news.watch() as watch:
            admitted = await self._dispatcher.submit(submission)
            watch.narrow(admitted.run)
            verdict = admitted.verdict
            assert verdict != "full", "the dispatcher refuses a run that finds its queue full"
            yield AcceptedLine(admitted.run, workflow.name, verdict, msgspec.Raw(workflow.encode()), warnings)
            if verdict == "skipped":
                return
            async for line in self._told(watch, admitted.run):
                yield line

    async def submit(
        self,
        name: str,
        inputs: Mapping[str, Any],
        trigger: Any,
        *,
        dedupe: str | None,
        dedupe_until: float | None,
        kind: str = "api",
    ) -> Admitted:
        """
        Accept a run with values as JSON has them. While `dedupe` counts, the same one is the same run; `kind` says what
        started it.

        Raises RefusedError, StoreDegradedError.
        """
        return await self._dispatcher.submit(
            Submission(
                workflow=self._workflow(name).name,
                inputs=Labelled(inputs),
                trigger=Labelled(trigger),
                kind=kind,
                dedupe=dedupe,
                dedupe_until=dedupe_until,
            )
        )

    async def wait(self, run: str) -> RunRow:
        """The run's row once it has ended. Raises RefusedError, StoreError."""
        return await self._dispatcher.wait(run)

    async def follow(self, run: str) -> AsyncIterator[AnyLine]:
        """
        Tell of a run that exists, from its beginning to its end, by its id or a prefix of it.

        Raises RefusedError (`unknown`), StoreError before the first line.
        """
        with self._news.watch() as watch:
            row = await self._records.get(run)
            if row is None:
                raise RefusedError(f"there is no run {run[:40]!r}", reason="unknown")
            watch.narrow(row.id)
            workflow = await self._records.definition(row.revision)
            self._dispatcher.hand_over(row.id)
            journal = await self._records.read(row.id)
            told = [without_values(event) for entry in journal for event in entry.events]
            watch.skip(told)
            verdict: Literal["running", "queued"] = "queued" if row.state == "queued" else "running"
            yield AcceptedLine(row.id, row.workflow, verdict, msgspec.Raw(workflow.encode()))
            for event in told:
                yield EventLine(msgspec.Raw(encode((event,))))
            if told and isinstance(told[-1], Ended):
                yield await self._end(row.id, next(e for e in reversed(journal[-1].events) if isinstance(e, Ended)))
                return
            async for line in self._told(watch, row.id):
                yield line

    def hand_over(self, run: str) -> None:
        """Hand what is known of the run so far to its journal, before somebody looks at it."""
        self._dispatcher.hand_over(run)

    async def cancel(self, run: str, by: str) -> dict[str, Any]:
        """Ask a run to end. Raises RefusedError, StoreError."""
        return {"run": await self._dispatcher.cancel_durably(run, by), "cancelling": True}

    async def rerun(self, run: str, action: str, by: str) -> dict[str, Any]:
        """Let an ended run go on. Raises RefusedError, StoreError."""
        admitted = await self._dispatcher.rerun(run, action, by)
        return {"run": admitted.run, "verdict": admitted.verdict}

    async def _chosen(self, request: RunRequest) -> tuple[Workflow, tuple[Problem, ...]]:
        if request.source is not None:
            return await self._load(request.source, request.file)
        return self._workflow(request.name), ()

    async def _told(self, watch: Watch, run: str) -> AsyncIterator[AnyLine]:
        async for event in watch:
            if watch.lost:
                yield LostLine(watch.lost)
                watch.lost = 0
            yield EventLine(msgspec.Raw(encode((without_values(event),))))
            if isinstance(event, Ended):
                yield await self._end(run, event)
                return
        yield StoppedLine()

    async def _end(self, run: str, event: Ended) -> EndedLine:
        row = await self._dispatcher.wait(run)
        return EndedLine(msgspec.Raw(msgspec.json.encode(await ended_document(row, event, self._records))))
