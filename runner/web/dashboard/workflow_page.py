"""
One workflow: its graph, source with errors, triggers, secrets, revisions, what broke it, and the form that starts it.

    GET  /workflows/{name}                  all of it; a broken file beside the version that still runs
    POST /workflows/{name}/run              start a run, then to its page; what was wrong is said beside its field
    POST /workflows/{name}/pause, /resume   its triggers
    GET  /workflows/{name}/changes          two revisions, line by line

`runner.web.dashboard.prepared` makes what is slow, `run_form` and `changes` decide.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.clock import iso
from runner.definitions.catalog import Entry
from runner.definitions.model import Input, Workflow
from runner.errors import RefusedError, RunnerError, StoreError
from runner.overviews import Strip
from runner.secrets.content import SecretInfo
from runner.web.caller import asked_by, parse_form
from runner.web.dashboard.changes import difference, readable, what_changed
from runner.web.dashboard.frame import Frame, to
from runner.web.dashboard.prepared import Prepared
from runner.web.dashboard.run_form import PREFIX, fields, typed
from runner.web.dashboard.workflows import STRIP, said, strip_document
from runner.web.problems import error_problem
from runner.web.services import Services

PATH: Final = "/workflows/{name}"
REVISIONS: Final = 20
ONCE_SECONDS: Final = 3600.0
"""How long the same form starts one run, however often it is sent."""

_LONGEST_ONCE: Final = 64


def routes(services: Services, frame: Frame) -> list[Route]:
    """The page and what its forms do."""
    page = WorkflowPage(services, frame)
    return [
        Route(PATH, page.shown),
        Route(f"{PATH}/run", page.run, methods=["POST"]),
        Route(f"{PATH}/pause", page.pause, methods=["POST"]),
        Route(f"{PATH}/resume", page.resume, methods=["POST"]),
        Route(f"{PATH}/changes", page.changes),
    ]


class WorkflowPage:
    """The page over one daemon's workflows."""

    def __init__(self, services: Services, frame: Frame) -> None:
        self._services = services
        self._frame = frame
        self._prepared = Prepared(services.catalog, services.mask)

    async def shown(self, request: Request) -> Response:
        """The page."""
        return await self._page(request)

    async def run(self, request: Request) -> Response:
        """Start a run by hand."""
        name, form = request.path_params["name"], parse_form(await request.body())
        once, now = form.get("once", "")[:_LONGEST_ONCE], self._services.clock.wall()
        try:
            inputs = self._services.require(name).inputs
            admitted = await self._services.running.submit(
                name,
                typed(inputs, form, what=name),
                None,
                dedupe=f"form {once}" if once else None,
                dedupe_until=now + ONCE_SECONDS if once else None,
                kind="hand",
            )
        except RunnerError as error:
            if name not in self._services.catalog().entries:
                raise
            return await self._page(request, form=form, error=error)
        if admitted.verdict == "skipped":
            skipped = RefusedError(f"{name}: no run was started: as many as may run at once do", reason="full")
            return await self._page(request, form=form, error=skipped)
        return to(f"/runs/{admitted.run}")

    async def pause(self, request: Request) -> Response:
        """Let its triggers fire no more."""
        name = request.path_params["name"]
        self._services.require(name)
        await self._services.pauses.pause(name, asked_by(request))
        return to(f"/workflows/{name}")

    async def resume(self, request: Request) -> Response:
        """Let them fire again; one that fires already is as it was wanted."""
        name = request.path_params["name"]
        try:
            await self._services.pauses.resume(name)
        except RefusedError:
            self._services.require(name)
        return to(f"/workflows/{name}")

    async def changes(self, request: Request) -> Response:
        """Two revisions of it: `from` and `to`, or `to` and the one in force."""
        name, asked = request.path_params["name"], request.query_params
        entry = self._services.catalog().entries.get(name)
        current = entry.workflow.revision if entry else ""
        before = await self._revision(name, asked.get("from") or current)
        after = await self._revision(name, asked.get("to") or current)
        texts = [await self._services.mask(await anyio.to_thread.run_sync(readable, each)) for each in (before, after)]
        found = await anyio.to_thread.run_sync(lambda: difference(*texts))
        return self._frame.page(
            request, "changes.html", title=f"{name}: changes", name=name, before=before, after=after, lines=found
        )

    async def _revision(self, name: str, revision: str) -> Workflow:
        """A revision of this workflow, in force or stored. Raises HTTPException 404."""
        entry = self._services.catalog().entries.get(name)
        if entry is not None and entry.workflow.revision == revision:
            return entry.workflow
        try:
            found = await self._services.records.definition(revision)
        except StoreError:
            raise HTTPException(404) from None
        if found.name != name:
            raise HTTPException(404)
        return found

    async def _page(
        self, request: Request, *, form: Mapping[str, str] | None = None, error: RunnerError | None = None
    ) -> Response:
        name, catalog = request.path_params["name"], self._services.catalog()
        entry = catalog.entries.get(name)
        documents = await self._services.named(name)
        broken = next((each for each in documents if each["state"] == "broken"), None)
        document = next((each for each in documents if each["state"] != "broken"), None)
        if document is None and broken is None:
            raise HTTPException(404)
        values: dict[str, Any] = {"file": None, "entry": None, "errors": {}}
        if broken is not None:
            source = next((each.source for each in catalog.broken if each.file == broken["file"]), "")
            values["file"] = await self._prepared.source(source, broken["problems"])
        if entry is not None and document is not None:
            values |= await self._of(entry, document, form or {}, error)
        status = 200 if error is None else error_problem(error).status_code
        return self._frame.page(
            request,
            "workflow.html",
            status=status,
            title=name,
            broken=broken,
            document=document,
            error=str(error) if error is not None and not values["errors"] else "",
            **values,
        )

    async def _of(
        self, entry: Entry, document: Mapping[str, Any], form: Mapping[str, str], error: RunnerError | None
    ) -> dict[str, Any]:
        """What is shown of a workflow in force. `errors` are those that stand beside a field."""
        workflow, services = entry.workflow, self._services
        errors = _beside_fields(error, workflow.inputs)
        infos = {info.name: info for info in await services.vault.list()} if services.vault is not None else {}
        named = await self._named_secrets(workflow.name)
        strips = await services.overviews.strips([workflow.name], STRIP)
        return {
            "entry": entry,
            "errors": errors,
            "picture": await self._prepared.of(entry),
            "problems": _by_line(document["problems"]),
            "fields": fields(workflow.inputs, form, errors),
            "prefix": PREFIX,
            "once": form.get("once") or secrets.token_hex(16),
            "triggers": [{**trigger, "said": said(trigger)} for trigger in document["triggers"]],
            "secrets": [_secret(name, used, infos.get(name), workflow.name, services) for name, used in named.items()],
            "turn": await self._turn(workflow.name, [infos[each] for each in named if each in infos]),
            "revisions": [
                {"revision": row.revision, "first": iso(row.first_at), "last": iso(row.last_at), "run": row.last_run}
                for row in await services.overviews.revisions(workflow.name, REVISIONS)
            ],
            **strip_document(strips.get(workflow.name, Strip())),
        }

    async def _named_secrets(self, workflow: str) -> dict[str, list[str]]:
        """The secrets that it names, each with the actions that do; an empty text is beside them."""
        found = {}
        for each in await self._services.usage():
            actions = [use["action"] or "" for use in each["uses"] if use["workflow"] == workflow]
            if actions:
                found[str(each["name"])] = sorted(set(actions))
        return found

    async def _turn(self, workflow: str, named: Sequence[SecretInfo]) -> dict[str, Any] | None:
        turn = await self._services.overviews.turn(workflow)
        if turn is None:
            return None
        accepted = [await self._services.overviews.accepted(run.id) for run in (turn.succeeded, turn.failed)]
        return {
            "succeeded": {"run": turn.succeeded.id, "at": iso(turn.succeeded.accepted_at)},
            "failed": {
                "run": turn.failed.id,
                "at": iso(turn.failed.accepted_at),
                "action": turn.failed.failed_action,
                "error": turn.failed.error,
            },
            **what_changed(turn, (accepted[0], accepted[1]), named),
        }


def _beside_fields(error: RunnerError | None, inputs: Mapping[str, Input]) -> dict[str, str]:
    """What is wrong with each input, by its name."""
    if not isinstance(error, RefusedError):
        return {}
    told = {str(each["path"]).removeprefix("inputs."): str(each["message"]) for each in error.errors}
    return {name: message for name, message in told.items() if name in inputs}


def _by_line(problems: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for problem in problems:
        found.setdefault(problem["line"], []).append(problem)
    return found


def _secret(name: str, used: list[str], info: SecretInfo | None, workflow: str, services: Services) -> dict[str, Any]:
    """A secret that it names: `missing`, `refused` for this workflow, `expired`, or `present`."""
    state, why = "present", ""
    if info is None:
        state = "missing"
    elif not info.policy.admits(workflow):
        state, why = "refused", "it is not for this workflow"
    elif info.policy.is_expired(services.clock.wall()):
        state = "refused" if info.policy.on_expiry == "refuse" else "expired"
        why = f"expired {iso(info.policy.expires_at or 0.0)[:10]}"
    return {"name": name, "state": state, "why": why, "used": used}
