"""
The start page: every workflow with its triggers, next firing, last runs, success rate, and why the last one failed.

    services ──upcoming, strips──► one row a workflow ──► workflows.html
    broken files on top, beside the version that still runs

`/workflows` is the same address. One statement of the store tells the runs of all rows; what a row links to is
`runner.web.dashboard.workflow_page`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from runner.clock import iso
from runner.overviews import Strip
from runner.records import RunRow
from runner.web.dashboard.frame import Frame
from runner.web.documents import shown_state
from runner.web.run_search import STATES
from runner.web.services import Services

SHOWN: Final = 50
"""Workflows on a page."""

STRIP: Final = 20
"""Runs of each."""

_SHAPES: Final = {"succeeded": "✓", "failed": "✕", "running": "◔", "queued": "≡", "waiting": "◷", "cancelled": "⊘"}
_NOTHING: Final = Strip()


def routes(services: Services, frame: Frame) -> list[Route]:
    """The page."""

    async def workflows(request: Request) -> Response:
        text = request.query_params.get("text", "").strip()[:100]
        documents = list(await services.upcoming())
        found = [each for each in documents if each["state"] == "ok" and _fits(each, text)]
        first = min(_number(request.query_params.get("from", "")), max(0, len(found) - 1))
        here = sorted(found, key=lambda each: str(each["name"]))[first : first + SHOWN]
        strips = await services.overviews.strips([each["name"] for each in here], STRIP)
        counts = await services.counts()
        return frame.page(
            request,
            "workflows.html",
            title="Workflows",
            reasons=list(services.reasons()),
            counts=[(state, counts.get(state, 0)) for state in STATES if state in counts or state != "waiting"],
            broken=[each for each in documents if each["state"] == "broken"],
            rows=[_row(each, strips.get(each["name"], _NOTHING)) for each in here],
            text=text,
            total=len(found),
            everything=sum(each["state"] == "ok" for each in documents),
            first=first,
            earlier=_page(text, max(0, first - SHOWN)) if first else None,
            later=_page(text, first + SHOWN) if first + SHOWN < len(found) else None,
        )

    async def same(_: Request) -> Response:
        return RedirectResponse("/", 308)

    return [Route("/", workflows), Route("/workflows", same)]


def strip_document(strip: Strip) -> dict[str, Any]:
    """
    `strip` as links, oldest first, `rate` as a share of the runs that ended (None: none has), `last` run, `failed` one.
    """
    ended = [run for run in strip.runs if run.state in {"succeeded", "failed"}]
    succeeded = sum(run.state == "succeeded" for run in ended)
    return {
        "strip": Markup().join(_link(run) for run in reversed(strip.runs)),
        "rate": None if not ended else round(100 * succeeded / len(ended)),
        "of": len(ended),
        "succeeded": succeeded,
        "last": _brief(strip.runs[0]) if strip.runs else None,
        "failed": _brief(strip.failed) if strip.failed else None,
        "fails_now": bool(ended) and ended[0].state == "failed",
    }


def said(trigger: Mapping[str, Any]) -> str:
    """A trigger in a few words: `schedule */5 * * * * Europe/Paris`, `POST /orders`, `after sync failed`."""
    if trigger["type"] == "schedule":
        when = trigger.get("cron") or f"every {trigger.get('every', '')}"
        zone = trigger.get("timezone")
        return f"{when} {zone}" if zone else str(when)
    if trigger["type"] == "http":
        return f"{trigger.get('method', 'POST')} {trigger.get('path', '')}"
    return f"after {_listed(trigger.get('workflow'))} {_listed(trigger.get('state', 'failed'))}"


def _row(document: Mapping[str, Any], strip: Strip) -> dict[str, Any]:
    """`next` is the earliest next firing of all schedules, as ISO 8601 text in UTC."""
    triggers = document["triggers"]
    return {
        **document,
        **strip_document(strip),
        "said": [said(trigger) for trigger in triggers],
        "next": min((trigger["next"][0] for trigger in triggers if trigger.get("next")), default=None),
    }


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _brief(run: RunRow) -> dict[str, Any]:
    return {
        "run": run.id,
        "state": shown_state(run),
        "at": iso(run.accepted_at),
        "trigger": run.trigger,
        "error": run.error,
        "action": run.failed_action,
    }


def _link(run: RunRow) -> Markup:
    """A run as one shape. Written by hand: a page has a thousand of them, and a template takes 20 ms for that."""
    state, at = shown_state(run), iso(run.accepted_at)
    told = f"{state} {at[:10]} {at[11:19]} UTC" + (f", at {run.failed_action}" if run.failed_action else "")
    return Markup(  # noqa: S704  what is no word of ours is escaped
        f'<li><a class="{state}" href="/runs/{escape(run.id)}" title="{escape(told)}">'
        f'<span aria-hidden="true">{_SHAPES[state]}</span><span class="unseen">{state}</span></a></li>'
    )


def _fits(document: Mapping[str, Any], text: str) -> bool:
    labels: Sequence[str] = [f"{name}={value}" for name, value in document["labels"].items()]
    return all(
        word in " ".join((document["name"], document["description"], document["file"], *labels)).casefold()
        for word in text.casefold().split()
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else 0  # noqa: PLR2004  digits; there are fewer workflows


def _page(text: str, first: int) -> str:
    return urlencode([("text", text)] * bool(text) + [("from", str(first))] * bool(first))
