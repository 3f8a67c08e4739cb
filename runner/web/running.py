"""
One run that a person asked for, from its request to its end, told line by line.

    RunRequest ──► Submission ──submit()──► {"kind": "accepted"} ──► {"kind": "event"} … ──► {"kind": "ended"}

The control socket serves the lines to `runner run`; where no daemon runs the command line reads them in its own
process. Who stops reading cancels nothing: the run is the dispatcher's.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec

from runner.definitions.model import Workflow
from runner.engine.admission import Submission
from runner.errors import Problem
from runner.events import AnyEvent, Ended, Expanded, Finished, Settled, Stored, encode
from runner.expressions.labels import Labelled
from runner.ports import Admitted, RunRow
from runner.web.documents import ended_document
from runner.web.inputs import parse_inputs
from runner.web.lines import AcceptedLine, AnyLine, EndedLine, EventLine, LostLine, RunRequest, StoppedLine
from runner.web.lookups import Records
from runner.web.news import News, Watch


class Submits(Protocol):
    """What is needed of `runner.engine.dispatcher`."""

    async def submit(self, submission: Submission) -> Admitted:
        """Accept a run, durably. Raises RefusedError, StoreDegradedError."""

    async def wait(self, run: str) -> RunRow:
        """The run's row once it has ended."""


class Running:
    """Starts runs and tells of them."""

    def __init__(
        self,
        dispatcher: Submits,
        records: Records,
        news: News,
        *,
        workflow: Callable[[str], Workflow],
        load: Callable[[str, str], tuple[Workflow, tuple[Problem, ...]]],
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
        workflow, warnings = self._chosen(request)
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

    def _chosen(self, request: RunRequest) -> tuple[Workflow, tuple[Problem, ...]]:
        if request.source is not None:
            return self._load(request.source, request.file)
        return self._workflow(request.name), ()

    async def _told(self, watch: Watch, run: str) -> AsyncIterator[AnyLine]:
        async for event in watch:
            if watch.lost:
                yield LostLine(watch.lost)
                watch.lost = 0
            yield EventLine(msgspec.Raw(encode((without_values(event),))))
            if isinstance(event, Ended):
                row = await self._dispatcher.wait(run)
                document = await ended_document(row, event, self._records)
                yield EndedLine(msgspec.Raw(msgspec.json.encode(document)))
                return
        yield StoppedLine()


def without_values(event: AnyEvent) -> AnyEvent:
    """The event as a watcher needs it: what an action got stays in the journal."""
    match event:
        case Finished() | Settled():
            return msgspec.structs.replace(event, value=None)
        case Expanded():
            return msgspec.structs.replace(event, items=Stored())
        case Ended():
            return msgspec.structs.replace(event, output=None, response=None)
    return event
