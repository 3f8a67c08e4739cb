"""The events of all runs as one stream: from now on or from any place, of one workflow or of all, and its ends."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import anyio
import httpx

from runner.web.api import all_events
from runner.web.news import Readers
from tests.integration.web.conftest import Portal

QUICK = "actions: [{id: a, type: set, config: {n: 1}}]\n"


class Told(NamedTuple):
    """One message."""

    id: str
    kind: str
    data: dict[str, Any]


@asynccontextmanager
async def stream(
    program: httpx.AsyncClient, last: str | None = None, **query: str
) -> AsyncIterator[AsyncIterator[Told]]:
    """The stream, once it has begun."""
    headers = {} if last is None else {"last-event-id": last}
    async with program.stream("GET", "/api/v1/events", params=query, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith(":")

        async def told() -> AsyncIterator[Told]:
            number, kind = "", ""
            async for line in lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    number = value
                elif name == "event":
                    kind = value
                elif name == "data":
                    yield Told(number, kind, json.loads(value))

        yield told()


async def until(told: AsyncIterator[Told], ends: int) -> list[Told]:
    """All messages up to so many ends of runs."""
    found: list[Told] = []
    with anyio.fail_after(30):
        async for each in told:
            found.append(each)
            if sum(one.kind == "ended" for one in found) == ends:
                break
    return found


async def load(portal: Portal, *names: str) -> None:
    """These workflows."""
    for name in names:
        (portal.folder / "workflows" / f"{name}.yaml").write_text(QUICK)
    async with portal.program("read", name="waiter") as program:
        for name in names:
            while (await program.get(f"/api/v1/workflows/{name}")).status_code != 200:
                pass


async def start(program: httpx.AsyncClient, name: str) -> str:
    """A run of it, accepted."""
    answer = await program.post(f"/api/v1/workflows/{name}/runs", json={})
    run: str = answer.json()["run"]
    return run


async def test_a_reader_hears_all_runs_from_now_on_and_from_any_place_again(portal: Portal) -> None:
    """Each event once and in order; who comes again with an id gets what is behind it, also within one append."""
    await load(portal, "one", "two")
    async with portal.program("read", "run") as program:
        before = await start(program, "one")
        await portal.service.engine.dispatcher.wait(before)
        async with stream(program) as told:
            runs = [await start(program, name) for name in ("one", "two")]
            live = await until(told, 2)
        async with stream(program, last="0") as told:
            whole = await until(told, 3)
        async with stream(program, last=live[0].id) as told:
            rest = await until(told, 2 - (live[0].kind == "ended"))
        async with stream(program, last="0", workflow="two") as told:
            narrow = await until(told, 1)

    assert {each.data["run"] for each in live} == set(runs)
    assert {each.data["run"] for each in whole} == {before, *runs}
    assert [each for each in whole if each.data["run"] != before] == live
    assert rest == live[1:]
    assert {each.data["workflow"] for each in narrow} == {"two"}
    assert whole[0].kind == "accepted"
    assert len({each.id for each in whole}) == len(whole)


async def test_the_end_of_the_daemon_ends_the_stream(portal: Portal) -> None:
    """At once and cleanly, so that a reader comes again."""
    async with portal.program("read") as program, stream(program) as told:
        portal.service.engine.news.close()
        with anyio.fail_after(10):
            rest = [each async for each in told]

    assert rest == []


async def test_there_are_never_too_many_readers(portal: Portal) -> None:
    """One more is told to come later; when one leaves there is room again."""
    portal.service.engine.news.readers = Readers(1)
    async with portal.program("read") as program:
        async with stream(program):
            refused = await program.get("/api/v1/events")
        with anyio.fail_after(10):
            while True:
                try:
                    async with stream(program):
                        break
                except AssertionError:
                    continue

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "10"


async def test_a_quiet_stream_says_that_it_lives(portal: Portal, monkeypatch: Any) -> None:
    """A comment, which no reader takes for an event."""
    monkeypatch.setattr(all_events, "HEARTBEAT_LOOKS", 1)
    monkeypatch.setattr(all_events, "LOOK_SECONDS", 0.01)
    async with portal.program("read") as program, program.stream("GET", "/api/v1/events") as answer:
        lines = answer.aiter_lines()
        with anyio.fail_after(10):
            while await anext(lines) != ":":
                pass


async def test_an_id_from_before_a_restore_is_the_end(portal: Portal) -> None:
    """A place that the journal has not come to is no error, and nothing is told twice; what is no id is one."""
    await load(portal, "one")
    async with portal.program("read", "run") as program:
        async with stream(program, last="999999999.1") as told:
            run = await start(program, "one")
            found = await until(told, 1)
        wrong = [await program.get("/api/v1/events", headers={"last-event-id": text}) for text in ("a", "1.", "-1")]

    assert {each.data["run"] for each in found} == {run}
    assert [answer.status_code for answer in wrong] == [422] * 3
