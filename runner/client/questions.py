"""
What commands ask of the control socket, asked of the API of a daemon elsewhere: the same lines come back.

    Questions(api).lines("GET", "/runs", …) ──► GET /api/v1/runs, page after page ──► a document a line

A question that the API does not answer is refused by name, so that no command does to this machine what was meant for
another one. A run is followed by its server-sent events, over connections that break.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from runner.client.api import Api
from runner.definitions.input_texts import parse_inputs
from runner.definitions.model import Action, Body, Input, Workflow
from runner.errors import UsageError

_PATIENT: Final = 5
"""Connections in a row that may end without one event more."""

_PAUSE_SECONDS: Final = 1.0


class Questions:
    """A daemon elsewhere, in the place of `runner.client.Daemon`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def lines(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Iterator[bytes]:
        """The answer's lines as they come. Raises RefusedError, DefinitionError, UsageError or RunnerError."""
        match method, [unquote(part) for part in path.strip("/").split("/")]:
            case "GET", ["runs"]:
                asked = dict(query or {})
                if asked.get("state") == ["waiting"]:
                    asked |= {"state": ["running"], "waiting": "true"}
                yield from self._api.items("/runs", asked, asked.pop("limit", None))
            case "GET", ["runs", run]:
                yield self._api.ask("GET", f"/runs/{_part(run)}")
            case "GET", ["runs", run, "lines"]:
                yield from self._followed(run, "running")
            case "POST", ["runs", run, "cancel"]:
                yield self._api.ask("POST", f"/runs/{_part(run)}/cancel")
            case "POST", ["runs", run, "rerun"]:
                yield self._api.ask("POST", f"/runs/{_part(run)}/rerun", body={"from": (query or {}).get("from", "")})
            case "POST", ["runs", run, "answer"]:
                given = msgspec.to_builtins(body)
                place = f"/runs/{_part(run)}/actions/{_part(given['action'])}/answer"
                yield self._api.ask("POST", place, body={"texts": given["inputs"]})
            case "POST", ["run"]:
                yield from self._started(msgspec.to_builtins(body))
            case "GET", ["workflows"]:
                yield from sorted(self._api.items("/workflows"), key=_broken_first)
            case "POST", ["workflows", name, ("pause" | "resume") as verb]:
                yield self._api.ask("POST", f"/workflows/{_part(name)}/{verb}")
            case "GET", ["secrets", "usage"]:
                yield from self._api.items("/usage")
            case _:
                raise UsageError("this command works beside its daemon alone: expected no --url")

    def _started(self, request: Mapping[str, Any]) -> Iterator[bytes]:
        if request.get("source") is not None:
            raise UsageError(
                f"{request['file']}: a file runs beside its daemon alone: put it into the workflows folder of the "
                "daemon at --url, then run it by its NAME, or leave --url (RUNNERD_URL) out to run it here"
            )
        name = request["name"]
        declared = self._api.document("GET", f"/workflows/{_part(name)}").get("inputs") or {}
        fields = {
            each: Input(type=document["type"], description=document.get("description", ""))
            for each, document in declared.items()
        }
        body = {"inputs": parse_inputs(fields, request.get("inputs", {}), what=name), "trigger": request.get("trigger")}
        admitted = self._api.document("POST", f"/workflows/{_part(name)}/runs", body=body)
        if admitted["verdict"] == "skipped":
            yield _accepted(admitted["run"], Workflow(name=name, body=Body(actions=())), "skipped")
            return
        yield from self._followed(admitted["run"], admitted["verdict"])

    def _followed(self, run: str, verdict: str) -> Iterator[bytes]:
        document = self._api.document("GET", f"/runs/{_part(run)}")
        yield _accepted(document["run"], _outline(document), "queued" if document["state"] == "queued" else verdict)
        last, left = "", _PATIENT
        while left:
            left -= 1
            for message in self._api.events(document["run"], last):
                last, left = message.id or last, _PATIENT
                if message.kind == "ended_run":
                    yield msgspec.json.encode({"kind": "ended", "result": msgspec.Raw(message.data)})
                    return
                yield msgspec.json.encode({"kind": "event", "events": msgspec.Raw(message.data)})
            time.sleep(_PAUSE_SECONDS)
        yield msgspec.json.encode({"kind": "stopped"})


def _accepted(run: str, workflow: Workflow, verdict: str) -> bytes:
    return msgspec.json.encode(
        {
            "kind": "accepted",
            "run": run,
            "workflow": workflow.name,
            "verdict": verdict,
            "definition": msgspec.Raw(workflow.encode()),
        }
    )


def _outline(document: Mapping[str, Any]) -> Workflow:
    """The file's own actions as a run's document lists them: what the picture of a run needs of its revision."""
    actions = tuple(
        Action(id=each["place"], type=each["type"] or "")
        for each in document["actions"]
        if not {"/", "["} & set(each["place"])
    )
    return Workflow(name=document["workflow"], body=Body(actions=actions))


def _broken_first(line: bytes) -> tuple[bool, str]:
    document = msgspec.json.decode(line)
    return document["state"] != "broken", document["name"]


def _part(text: str) -> str:
    return quote(text, safe="")
