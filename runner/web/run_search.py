"""
Find runs as people ask for them: what the page of runs and `/api/v1/runs` have in their addresses.

    {text: "503", since: "24h"} ──read_filters()──► Filters ──search()──► Found(rows, next)

A search that no index answers (a text, a label, a trigger) looks through a bounded number of runs at a time and then
says from where it would go on, so that it costs the same in a store of a million runs.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, get_args
from urllib.parse import urlencode

import msgspec

from runner.engine.admission import first_run_id
from runner.events import RunState
from runner.records import RunFilter, RunRow
from runner.web.lookups import SearchableRecords

MOST_LOOKED_AT: Final = 8_000
"""Runs that one search looks at where no index helps."""

STATES: Final = (*get_args(RunState), "waiting")
"""`waiting`: running, but only waiting."""

Trigger = Literal["hand", "api", "http", "schedule", "run", "workflow"]
"""What may have started a run."""

TRIGGERS: Final = get_args(Trigger)

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN: Final = re.compile(r"(\d{1,6})([smhdw])")
_LONGEST: Final = 200


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs; texts as they stand in the address, empty where nothing is asked. `errors` by field."""

    workflow: str = ""
    state: tuple[str, ...] = ()
    trigger: str = ""
    label: str = ""
    text: str = ""
    since: str = ""
    until: str = ""
    parent: str = ""
    errors: Mapping[str, str] = {}

    def query(self, **changes: str | tuple[str, ...]) -> str:
        """The same as the query of an address, with changes: `state=failed&workflow=sync`."""
        asked = msgspec.structs.replace(self, **changes)
        names = [name for name in self.__struct_fields__ if name != "errors"]
        return urlencode([(name, value) for name in names if (value := getattr(asked, name))], doseq=True)


class Found(NamedTuple):
    """A page of runs, newest first. `next` leads on; `looked_at` says that older runs were not looked at yet."""

    rows: Sequence[RunRow]
    next: str | None
    looked_at: bool = False


def read_filters(given: Iterable[tuple[str, str]], now: float) -> Filters:
    """What an address asks for; what does not fit is told in `errors` and asked for nothing. Unknown names are left."""
    single = {name: value.strip() for name, value in given if name in Filters.__struct_fields__ and name != "errors"}
    single.pop("state", None)
    states = tuple(dict.fromkeys(value for name, value in given if name == "state" and value))
    errors: dict[str, str] = {}
    if unknown := [state for state in states if state not in STATES]:
        errors["state"] = f"state: expected one of {', '.join(STATES)}"
        states = tuple(state for state in states if state not in unknown)
    if "waiting" in states and len(states) > 1:
        errors["state"] = "state: waiting stands alone, it is part of running"
        states = ("waiting",)
    if single.get("trigger", "") not in {"", *TRIGGERS}:
        errors["trigger"] = f"trigger: expected one of {', '.join(TRIGGERS)}"
        single["trigger"] = ""
    for name in ("since", "until"):
        if single.get(name) and wall_time(single[name], now) is None:
            errors[name] = f"{name}: expected a time such as 2026-01-31 or 2026-01-31T12:00 (UTC), or 24h for a day ago"
            single[name] = ""
    for name, value in single.items():
        if len(value) > _LONGEST:
            errors[name] = f"{name}: expected at most {_LONGEST} characters"
            single[name] = ""
    return Filters(state=states, errors=errors, **single)


def wall_time(text: str, now: float) -> float | None:
    """`24h` is a day before `now`; a date or a time is one of UTC unless it says otherwise. None for anything else."""
    if match := _SPAN.fullmatch(text):
        return max(0.0, now - int(match[1]) * _SECONDS[match[2]])
    try:
        at = datetime.fromisoformat(text)
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


async def search(records: SearchableRecords, filters: Filters, *, now: float, cursor: str, limit: int) -> Found:
    """One page. `cursor` is the `next` of the page before, or empty. Raises StoreError."""
    before = min(filter(None, (cursor, bound(filters.until, now))), default=None)
    return await page_of(records, _wanted(filters, before, bound(filters.since, now) or None, limit))


async def page_of(records: SearchableRecords, wanted: RunFilter) -> Found:
    """The first `limit` of the runs that are wanted. Raises StoreError."""
    limit, horizon = wanted.limit, None
    wanted = msgspec.structs.replace(wanted, limit=limit + 1)
    if wanted.text or wanted.label or wanted.trigger:
        horizon = await records.horizon(wanted.before, MOST_LOOKED_AT)
        if horizon is not None and (wanted.since is None or horizon > wanted.since):
            wanted = msgspec.structs.replace(wanted, since=horizon)
        else:
            horizon = None
    rows = await records.find(wanted)
    if len(rows) > limit:
        return Found(rows[:limit], rows[limit - 1].id)
    return Found(rows, horizon, looked_at=horizon is not None)


def _wanted(filters: Filters, before: str | None, since: str | None, limit: int) -> RunFilter:
    waits = filters.state == ("waiting",)
    states = tuple(state for state in get_args(RunState) if state in filters.state)
    return RunFilter(
        workflow=filters.workflow or None,
        states=("running",) if waits else states,
        waiting=True if waits else None,
        parent=filters.parent or None,
        trigger=filters.trigger or None,
        label=filters.label or None,
        text=filters.text or None,
        before=before,
        since=since,
        limit=limit,
    )


def bound(text: str, now: float) -> str:
    """The first id that a run accepted then could have; empty where no time is given."""
    wall = wall_time(text, now) if text else None
    return "" if wall is None else first_run_id(wall)
