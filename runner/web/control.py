"""
What commands ask of a running daemon, as HTTP on its control socket (design §4); internal, and without a version.

    POST /run          a RunRequest → the run's lines as they come
    GET  /runs         ?workflow= &state= &limit= &before=  → a document a line, newest first
    GET  /runs/{run}   → the run with its timeline
    GET  /runs/{run}/lines   → the run's lines from its beginning, as they come
    POST /runs/{run}/cancel, /runs/{run}/rerun ?from= &by=  → once that is on disk
    GET  /workflows, /workflows/{name}, /healthz
    POST /backup       see `runner.web.backups`
    POST /workflows/{name}/pause, /resume     see `runner.web.pauses`
    GET  /inbox, POST /runs/{run}/answer      see `runner.web.inbox`

Answers are JSON, one object a line. Only root and the daemon's own user reach the socket (`runner.web.asgi`), so there
is no other proof of who asks. `runner.client` is the other end.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.errors import RefusedError, RunnerError, UsageError
from runner.web.health import Reasons, health_app
from runner.web.json_lines import json_lines, streamed
from runner.web.lines import RunRequest
from runner.web.lookups import Records, list_runs, run_filter, show_run
from runner.web.problems import PROBLEM_HANDLERS, error_problem, problem
from runner.web.running import Running

MOST_BYTES: Final = 8_000_000
"""Of a request's body: a workflow's source is at most 1 MB, inputs and trigger have their own bounds in the engine."""

Documents = Callable[[], Awaitable[Iterable[Mapping[str, Any]]]]


def control_app(
    running: Running, records: Records, workflows: Documents, reasons: Reasons, more: Sequence[Route] = ()
) -> Starlette:
    """The application. `workflows` gives the catalog's documents, broken ones first; `more`: routes of other themes."""

    async def run(request: Request) -> Response:
        wanted = msgspec.json.decode(await _body(request), type=RunRequest)
        lines = running.start(wanted)
        first = await anext(lines)
        return streamed(first, lines)

    async def runs(request: Request) -> Response:
        query = request.query_params
        wanted = run_filter(
            workflow=query.get("workflow"),
            states=query.getlist("state"),
            limit=_number(query.get("limit", "50")),
            before=query.get("before"),
        )
        return json_lines(await list_runs(records, wanted))

    async def one_run(request: Request) -> Response:
        return json_lines([await show_run(records, request.path_params["run"])])

    async def lines_of_run(request: Request) -> Response:
        lines = running.follow(request.path_params["run"])
        first = await anext(lines)
        return streamed(first, lines)

    async def cancel(request: Request) -> Response:
        return json_lines([await running.cancel(request.path_params["run"], request.query_params.get("by", ""))])

    async def rerun(request: Request) -> Response:
        run, query = request.path_params["run"], request.query_params
        return json_lines([await running.rerun(run, query.get("from", ""), query.get("by", ""))])

    async def all_workflows(_: Request) -> Response:
        return json_lines(await workflows())

    async def one_workflow(request: Request) -> Response:
        return json_lines(_named(await workflows(), request.path_params["name"]))

    health = health_app(reasons)
    return Starlette(
        routes=[
            Route("/run", run, methods=["POST"]),
            Route("/runs", runs),
            Route("/runs/{run}", one_run),
            Route("/runs/{run}/lines", lines_of_run),
            Route("/runs/{run}/cancel", cancel, methods=["POST"]),
            Route("/runs/{run}/rerun", rerun, methods=["POST"]),
            Route("/workflows", all_workflows),
            Route("/workflows/{name}", one_workflow),
            *more,
            *health.routes,
        ],
        exception_handlers={**PROBLEM_HANDLERS, RunnerError: _refused, msgspec.MsgspecError: _malformed},
    )


def _named(documents: Iterable[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    found = [document for document in documents if document["name"] == name]
    if not found:
        raise RefusedError(f"there is no workflow {name[:100]!r}", reason="unknown")
    return found


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            raise RefusedError(f"a request may hold {MOST_BYTES} bytes", reason="too_large")
    return bytes(data)


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004  no list is that long
        raise UsageError("limit: expected a number")
    return int(text)


async def _malformed(_: Request, error: Exception) -> Response:
    return problem(400, f"the request is not one that a command sends: {type(error).__name__}")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RunnerError)
    return error_problem(error)
