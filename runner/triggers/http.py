"""
HTTP triggers: one request from its route to its answer.

    request ──► route (404, 405) ──► size (413) ──► caller (401) ──► body (400, 413, 415) ──► if ──► inputs (422)
            ──► deduplicated, accepted on disk ──► 202, or the run's end          429 and 503 where there is no room

A run is accepted or nothing happened. A caller that hangs up ends its own wait and nothing else. HEAD never starts
anything (405); OPTIONS tells the methods. Of what a caller sent nothing stands in an error.
"""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
from starlette.types import Receive, Scope, Send

from runner import log
from runner.clock import Clock
from runner.definitions.catalog import Catalog
from runner.definitions.fields import decode
from runner.definitions.model import Trigger, Workflow
from runner.definitions.triggers import Deduplicate, HttpTrigger
from runner.engine.admission import Submission
from runner.engine.dispatcher import Awaited
from runner.errors import ExpressionError, RefusedError, RunnerError, StoreError
from runner.events import Ended
from runner.expressions.labels import Labelled
from runner.ports import Admitted
from runner.triggers import answers
from runner.triggers.answers import Answer, RefusedRequestError, json_answer, problem, refusal_word
from runner.triggers.firing import Computed, hashed
from runner.triggers.keys import Keys
from runner.triggers.pauses import Pauses
from runner.triggers.proof import Guarded, Proof
from runner.triggers.received import Budget, Received, fired
from runner.triggers.routes import Routes
from runner.triggers.services import TriggerServices

_log = log.get("runner.triggers")

PATIENT_SECONDS: Final = 1.0
"""A caller that waits longer than this is watched: where it hangs up, nobody waits for it any more."""


_NEEDS_RAW: Final = re.compile(rb"\$trigger(?!\.(?!raw\b)\w)")
"""A file that names `$trigger.raw`, or `$trigger` as a whole. Others need not keep the body twice."""


class Route:
    """One trigger, compiled."""

    def __init__(self, workflow: Workflow, index: int, trigger: Trigger, services: TriggerServices, keys: Keys) -> None:
        config = decode({**trigger.config, "response": None}, HttpTrigger)
        self.workflow = workflow.name
        self.index = index
        self.config = config
        self.computed = Computed(workflow, trigger)
        self.guarded = Guarded(config, self.computed, services, keys)
        self.answers = index if trigger.config.get("response") is not None else None
        self.identity = f"http {config.method} {config.path}"
        self.with_raw = _NEEDS_RAW.search(workflow.encode()) is not None
        asked = config.deduplicate
        self.key_seconds = float(asked.for_) if isinstance(asked, Deduplicate) else 86_400.0
        self.said = Seldom(services.clock)


class Seldom:
    """Lets one line a second through, and counts the others: who is refused may come a thousand times a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = float("-inf")
        self._held = 0

    def warn(self, event: str, **fields: Any) -> None:
        """Write the line, or count it."""
        now = self._clock.monotonic()
        if now - self._last < 1:
            self._held += 1
            return
        more = {"more": self._held} if self._held else {}
        self._last, self._held = now, 0
        _log.warning(event, **fields, **more)


class HttpTriggers:
    """The http triggers of the current catalog."""

    def __init__(self, services: TriggerServices, keys: Keys, pauses: Pauses) -> None:
        self._services = services
        self._pauses = pauses
        self._keys = keys
        self._routes: Routes[Route] = Routes(())
        self._budget = Budget()

    def swap(self, catalog: Catalog) -> None:
        """Put the triggers of a catalog in place of those of the one before, all at once."""
        routes = [
            Route(entry.workflow, index, trigger, self._services, self._keys)
            for entry in catalog.entries.values()
            for index, trigger in enumerate(entry.workflow.triggers)
            if trigger.type == "http"
        ]
        self._routes = Routes((each.config.method, each.config.path, each) for each in routes)
        jwts = [each.config.auth.jwt for each in routes if not isinstance(each.config.auth, str)]
        self._keys.keep(frozenset(each.jwks_url for each in jwts if each is not None and each.jwks_url is not None))

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application of port 8080 but for what is Runner's own there."""
        request = Received(scope, receive, self._budget)
        try:
            answer = await self._answer(request)
        except RefusedRequestError as refusal:
            answer = refusal.answer
        await request.reply(answer, send)

    async def _answer(self, request: Received) -> Answer:
        route, params = self._found(request)
        try:
            return await self._taken(route, request, params)
        except RefusedRequestError as refusal:
            self._services.refused("http", route.workflow, refusal_word(refusal.answer.status))
            raise
        except RefusedError as error:
            self._services.refused("http", route.workflow, error.reason)
            return answers.refused(error)

    async def _taken(self, route: Route, request: Received, params: dict[str, str]) -> Answer:
        try:
            proof, value = await self._proved(route, request, params)
            return await self._fire(route, request, value, proof)
        except RefusedRequestError as refusal:
            if refusal.reason:
                route.said.warn(
                    "request refused",
                    workflow=route.workflow,
                    trigger=route.identity,
                    peer=request.peer,
                    status=refusal.answer.status,
                    reason=refusal.reason,
                )
            raise
        except RefusedError:
            raise
        except ExpressionError as error:
            self._services.refused("http", route.workflow, "expression")
            return problem(422, "the trigger cannot be computed from this request", errors=[_error(error)])
        except RunnerError as error:
            route.said.warn("request failed", workflow=route.workflow, trigger=route.identity, error=str(error))
            self._services.refused("http", route.workflow, "error")
            return answers.refused(error)

    def _found(self, request: Received) -> tuple[Route, dict[str, str]]:
        try:
            found = self._routes.find(request.raw_path, request.method)
        except UnicodeDecodeError:
            raise RefusedRequestError(problem(400, "the path's escapes are no UTF-8")) from None
        if isinstance(found, tuple):
            return found
        if not found:
            raise RefusedRequestError(problem(404, "there is nothing at this path"))
        allow = (("allow", ", ".join(sorted({*found, "OPTIONS"}))),)
        if request.method == "OPTIONS":
            raise RefusedRequestError(Answer(204, headers=allow))
        raise RefusedRequestError(problem(405, "this method is not answered at this path", headers=allow))

    async def _proved(self, route: Route, request: Received, params: dict[str, str]) -> tuple[Proof, Labelled]:
        """Who calls, and what it sent. The body of a caller that its head makes unknown is not read."""
        most = int(route.config.max_body_size)
        request.check_length(most)
        guarded = route.guarded
        if guarded.needs_body:
            body = await request.body(most)
            proof = await guarded.prove(request, body)
        else:
            proof = await guarded.prove(request)
            body = await request.body(most)
        value = await fired(request, body, params, auth=proof.auth, proving=guarded.proving, with_raw=route.with_raw)
        return proof, value

    async def _fire(self, route: Route, request: Received, value: Labelled, proof: Proof) -> Answer:
        services, computed = self._services, route.computed
        if route.workflow in self._pauses:
            raise RefusedError("the workflow is paused", reason="paused")
        if not await computed.applies(value, services):
            return json_answer(202, {"ignored": True})
        inputs = await computed.filled(value, services)
        key, until = await self._key(route, value, proof)
        submission = Submission(
            workflow=route.workflow,
            inputs=inputs,
            trigger=value,
            kind="http",
            dedupe=key,
            dedupe_until=until,
            answers=route.answers,
        )
        if route.config.respond == "accepted":
            admitted = await services.dispatcher.submit(submission)
            if admitted.verdict == "skipped":
                return json_answer(202, {"ignored": True, "reason": "skip"})
            return self._accepted(admitted)
        awaited = await services.dispatcher.submit_awaited(submission)
        if awaited.admitted.verdict == "skipped":
            return problem(409, "a run goes on already (concurrency.when_full: skip)", reason="skip")
        ended = await self._waited(awaited, request, float(route.config.response_timeout))
        return ended or self._accepted(awaited.admitted)

    async def _key(self, route: Route, value: Labelled, proof: Proof) -> tuple[str | None, float | None]:
        """
        The deduplication key and how long it stands: the trigger's own, else the signature itself where it may be
        replayed; never shorter than that.
        """
        now = self._services.clock.wall()
        key = await route.computed.dedupe(route.identity, value, self._services)
        until = None if key is None else now + route.key_seconds
        if proof.replays_until is not None and proof.signature is not None:
            key = key or hashed(route.identity, proof.signature)
            until = max(until or 0.0, proof.replays_until + 1)
        return key, until

    async def _waited(self, awaited: Awaited, request: Received, seconds: float) -> Answer | None:
        """The run's end as an answer; None where it takes longer, or the caller is gone."""
        came: list[Ended | None] = []

        async def wait() -> None:
            try:
                came.append(await self._services.dispatcher.end(awaited))
            except RunnerError:  # it was accepted and goes on later: a caller that asks again must not think otherwise
                came.append(None)

        began = time.monotonic()
        with anyio.move_on_after(min(PATIENT_SECONDS, seconds)):
            await wait()
        if not came:
            with anyio.move_on_after(seconds - (time.monotonic() - began)):
                await _unless_gone(request, wait)
        ended = came[0] if came else None
        if ended is None:
            return None
        try:
            return await answers.ended(awaited.admitted.run, ended, self._services)
        except StoreError:
            return problem(500, "the run has ended; what it answers cannot be read", run=awaited.admitted.run)

    def _accepted(self, admitted: Admitted) -> Answer:
        location = f"{self._services.base}/api/v1/runs/{admitted.run}"
        return json_answer(202, {"run": admitted.run}, ("location", location))


async def _unless_gone(request: Received, wait: Callable[[], Awaitable[None]]) -> None:
    """Wait, but no longer than the caller is there."""
    async with anyio.create_task_group() as tasks:

        async def gone() -> None:
            await request.hung_up()
            tasks.cancel_scope.cancel()

        tasks.start_soon(gone)
        await wait()
        tasks.cancel_scope.cancel()


def _error(error: ExpressionError) -> dict[str, str]:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.path).lstrip(".")
    return {"path": path, "message": str(error)}
