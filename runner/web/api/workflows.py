"""
`/workflows`: what is loaded, what a file would be, starting a run, pausing.

    POST …/runs  {inputs, trigger} ──► on disk: 202 and its Location      Idempotency-Key: the same key is the same run
                 Prefer: wait=10   ──► the ended run, where it ends within so many seconds

`runner.web.api.table` names these rows.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

import anyio
import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from runner.clock import iso
from runner.errors import DefinitionError, Problem, RefusedError
from runner.web.api import models, run_models
from runner.web.api.endpoints import PREFIX, Asked, Endpoint, Header, Page, json_answer, listed
from runner.web.lookups import show_run
from runner.web.services import Services

MOST_SECONDS: Final = 60
"""That `Prefer: wait` may ask for."""

KEY_SECONDS: Final = 86_400.0
"""How long an Idempotency-Key counts."""

_WAIT: Final = re.compile(r"(?:^|[,;]\s*)wait=(\d{1,4})\b")
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_YAML: Final = "application/yaml"


class StartRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run is given: inputs as the workflow declares them, and what `$trigger` is."""

    inputs: dict[str, Any] = {}
    trigger: Any = None


async def _everything(services: Services, asked: Asked) -> Response:
    found = sorted(await services.workflows(), key=_key)
    return listed(found, _key, asked.query)


async def _one(services: Services, asked: Asked) -> Response:
    found = await services.named(asked.part("name"))
    if not found:
        raise RefusedError("there is no workflow of that name", reason="unknown")
    return json_answer(next((each for each in found if each["state"] == "ok"), found[0]))


async def _validate(services: Services, asked: Asked) -> Response:
    try:
        text = asked.body.decode()
    except UnicodeError:
        raise HTTPException(400, "the body is no text in UTF-8") from None
    try:
        _, problems = await services.load(text, "workflow.yaml")
    except DefinitionError as error:
        return json_answer({"valid": False, "problems": _redacted(services, error.problems)})
    return json_answer({"valid": True, "problems": _redacted(services, problems)})


def _redacted(services: Services, problems: Sequence[Problem]) -> Any:
    """They may quote the file, into which a secret may have been written."""
    return services.redact(msgspec.to_builtins(problems))


async def _pause(services: Services, asked: Asked) -> Response:
    name = asked.part("name")
    services.require(name)
    paused = await services.pauses.pause(name, asked.by)
    return json_answer({"name": name, "paused": {"at": iso(paused.at), "by": paused.by}})


async def _resume(services: Services, asked: Asked) -> Response:
    await services.pauses.resume(asked.part("name"))
    return json_answer({"name": asked.part("name"), "paused": None})


async def _start(services: Services, asked: Asked) -> Response:
    name, body, key = asked.part("name"), asked.body, asked.header("idempotency-key")
    wait = _WAIT.search(asked.header("prefer") or "")
    dedupe = None
    if key is not None:
        if not _KEY.fullmatch(key):
            raise HTTPException(422, "Idempotency-Key: expected 1 to 255 printable characters")
        mark = msgspec.json.encode([asked.by, name, key])
        dedupe = f"api {hashlib.sha256(mark).hexdigest()}"
    until = None if dedupe is None else services.clock.wall() + KEY_SECONDS
    admitted = await services.running.submit(name, body.inputs, body.trigger, dedupe=dedupe, dedupe_until=until)
    location = f"{PREFIX}/runs/{admitted.run}"
    if wait is not None and admitted.verdict != "skipped":
        seconds = min(int(wait[1]), MOST_SECONDS)
        with anyio.move_on_after(seconds):
            await services.running.wait(admitted.run)
            document = await show_run(services.records, admitted.run)
            return json_answer(document, location=location, preference_applied=f"wait={seconds}")
    return json_answer({"run": admitted.run, "verdict": admitted.verdict}, 202, location=location)


def _key(document: Any) -> str:
    return f"{document['name']}\0{document['state']}\0{document['file']}"


_IDEMPOTENCY: Final = Header("Idempotency-Key", "The same key within a day is the same run.", f"^{_KEY.pattern}$")
_PREFER: Final = Header(
    "Prefer", f"`wait=10`: answer with the ended run, within so many seconds (at most {MOST_SECONDS})."
)

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/workflows",
        scope="read",
        summary="What is loaded, and the files that are broken",
        handler=_everything,
        answer=models.WorkflowList,
        query=Page,
    ),
    Endpoint(
        method="POST",
        path="/workflows/validate",
        scope="read",
        summary="Check a workflow file",
        handler=_validate,
        answer=models.Validation,
        body=str,
        media=_YAML,
    ),
    Endpoint(
        method="GET",
        path="/workflows/{name}",
        scope="read",
        summary="One workflow",
        handler=_one,
        answer=models.WorkflowItem,
        problems=(404,),
    ),
    Endpoint(
        method="POST",
        path="/workflows/{name}/runs",
        scope="run",
        summary="Start a run",
        handler=_start,
        answer=run_models.Accepted,
        status=202,
        body=StartRun,
        headers=(_IDEMPOTENCY, _PREFER),
        problems=(404, 429, 503),
    ),
    Endpoint(
        method="POST",
        path="/workflows/{name}/pause",
        scope="run",
        summary="Let its triggers fire no more",
        handler=_pause,
        answer=models.Pause,
        problems=(404, 503),
    ),
    Endpoint(
        method="POST",
        path="/workflows/{name}/resume",
        scope="run",
        summary="Let its triggers fire again",
        handler=_resume,
        answer=models.Pause,
        problems=(404, 409, 503),
    ),
)
