"""Callbacks on port 8080: a daemon in this process, a mail server that gets the address, people and scanners."""

import re
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import msgspec
import pytest
from aiohttp import web

from runner.engine.admission import Submission
from runner.ports import RunFilter
from tests.conftest import OpenServer
from tests.integration.triggers.conftest import Port, Written

APPROVAL = """
name: vacation
description: Somebody wants <b>holidays</b>.
actions:
  - {{id: mail, type: http, config: {{method: POST, url: "http://127.0.0.1:{port}/mail", body: {{text: $run.callback.approval}}}}}}
  - id: approval
    type: wait
    description: May Ann be away & "off"?
    timeout: {timeout}
    config:
      callback:
        approved: {{type: boolean, description: Yes or no}}
        days: {{type: integer, default: 5}}
        level: {{type: string, enum: [low, high], default: low}}
        note: {{type: string, default: ""}}
        pin: {{type: string, secret: true, default: none-given}}
output: $action.approval
"""


class World:
    """The daemon and the addresses that were mailed; `early` is what the mail server answers with at once."""

    def __init__(self) -> None:
        self.mailed: list[str] = []
        self.early: dict[str, Any] | None = None
        self.answered: list[httpx.Response] = []
        self.port: Port

    async def mail(self, request: web.Request) -> web.StreamResponse:
        address = (await request.json())["text"]
        self.mailed.append(address)
        if self.early is not None:
            async with httpx.AsyncClient() as client:
                self.answered.append(await client.post(address, json=self.early))
        return web.Response()

    async def start(self) -> str:
        """A run that has mailed its address, and where nothing was answered, waits."""
        running = self.port.service.engine.dispatcher
        run = (await running.submit(Submission(workflow="vacation"))).run
        with anyio.fail_after(20):
            while self.early is None and not await self.port.service.store.find(RunFilter(waiting=True)):  # noqa: ASYNC110  a run that goes to rest tells nobody
                await anyio.sleep(0.01)
        return run

    async def output(self, run: str) -> Any:
        """What it came to."""
        with anyio.fail_after(20):
            row = await self.port.service.engine.dispatcher.wait(run)
        assert row.state == "succeeded", row.error
        return msgspec.json.decode(row.output or b"null")

    async def send(self, method: str = "POST", address: str = "", **more: Any) -> httpx.Response:
        """A request to the address that was mailed last."""
        return await self.port.client.request(method, address or self.mailed[-1], **more)


@pytest.fixture
async def world(triggers: Written, http_server: OpenServer) -> AsyncIterator[World]:
    """An approval with an hour's time."""
    made = World()
    server = await http_server(made.mail)
    async with triggers(vacation=APPROVAL.format(port=server.port, timeout="1h")) as port:
        made.port = port
        yield made


FULL = {"approved": True, "days": 5, "level": "low", "note": "", "pin": "[secret answer.pin]"}


class TestAnswers:
    async def test_an_answer_before_the_wait_begins_is_kept(self, world: World) -> None:
        """The mail server itself answers before it lets the sending action end."""
        world.early = {"approved": True}
        run = await world.start()

        assert await world.output(run) == FULL
        assert world.answered[0].status_code == 200
        assert world.answered[0].json() == {"run": run, "action": "approval", "answered": True}
        assert (await world.send(json={"approved": False})).status_code == 410

    async def test_whoever_looks_answers_nothing(self, world: World) -> None:
        """GET, HEAD, a prefetch, OPTIONS and PUT, many times: the run goes on waiting, and then takes the answer."""
        run = await world.start()
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "GET"):
            answer = await world.send(method, headers={"sec-purpose": "prefetch", "accept": "text/html"})
            assert answer.status_code == (200 if method in {"GET", "HEAD"} else 405)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert [row.id for row in await world.port.service.store.find(RunFilter(waiting=True))] == [run]

        assert (await world.send(json={"approved": True})).status_code == 200
        assert await world.output(run) == FULL

    async def test_a_person_fills_in_the_form(self, world: World) -> None:
        """What does not fit is said beside its field and the rest is kept, but a secret; then it is taken."""
        run = await world.start()
        page = (await world.send("GET")).text
        assert "May Ann be away &amp; &#34;off&#34;?" in page
        assert "&lt;b&gt;holidays&lt;/b&gt;" in page
        assert set(re.findall(r' name="(\w+)"', page)) == {
            "approved",
            "days",
            "level",
            "note",
            "pin",
            "viewport",
            "robots",
            "referrer",
        }
        wrong = await world.send(data={"approved": "true", "days": "many", "note": "see <you>", "pin": "4711-0815-x"})

        assert wrong.status_code == 422
        assert "wants an integer" in wrong.text
        assert 'value="many"' in wrong.text
        assert "see &lt;you&gt;" in wrong.text
        assert "4711-0815-x" not in wrong.text
        assert re.search(r'value="true" checked', wrong.text)
        sent = {"approved": "true", "days": "", "level": "high", "note": "ok", "pin": "4711-0815-x"}
        taken = await world.send(data=sent)
        assert (taken.status_code, "Thank you" in taken.text) == (200, True)
        assert await world.output(run) == FULL | {"level": "high", "note": "ok"}
        again = await world.send(data=sent)
        assert (again.status_code, "answered already" in again.text or "has ended" in again.text) == (410, True)

    async def test_what_is_left_empty_is_its_default(self, world: World) -> None:
        """Of a secret too, whose default no form shows, and of a choice; a text that was shown may be emptied."""
        run = await world.start()
        taken = await world.send(data={"approved": "true", "days": "", "level": "", "note": "", "pin": ""})

        assert taken.status_code == 200
        assert await world.output(run) == FULL

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            ({"json": {"approved": "yes"}}, 422),
            ({"json": {}}, 422),
            ({"json": [1]}, 422),
            ({"json": {"approved": True, "x": 1}}, 422),
            ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
            ({"content": b"x" * 1_000_001, "headers": {"content-type": "application/json"}}, 413),
            ({"data": {"approved": "perhaps"}, "headers": {"accept": "application/json"}}, 422),
        ],
        ids=["type", "missing", "list", "unknown", "bad-json", "long", "form-for-json"],
    )
    async def test_what_does_not_fit_changes_nothing(self, world: World, sent: Any, status: int) -> None:
        """A problem document without what was sent; the right answer is taken after it."""
        run = await world.start()
        answer = await world.send(**sent)

        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "perhaps" not in answer.text
        assert (await world.send(json={"approved": True})).status_code == 200
        await world.output(run)

    async def test_of_two_at_once_one_wins(self, world: World) -> None:
        """The other one hears that it is answered; the winner's answer is the run's."""
        run = await world.start()
        heard: dict[bool, int] = {}

        async def one(approved: bool) -> None:  # noqa: FBT001  what is sent
            heard[approved] = (await world.send(json={"approved": approved})).status_code

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, True)
            tasks.start_soon(one, False)

        assert sorted(heard.values()) == [200, 410]
        assert (await world.output(run))["approved"] is next(key for key, status in heard.items() if status == 200)

    async def test_a_cancelled_run_takes_no_answer(self, world: World) -> None:
        """410, by GET too."""
        run = await world.start()
        await world.port.service.engine.dispatcher.cancel_durably(run, "ann")

        assert (await world.send(json={"approved": True})).status_code == 410
        assert (await world.send("GET")).status_code == 410

    async def test_after_its_time_nobody_can_answer(self, triggers: Written, http_server: OpenServer) -> None:
        """The action fails as timeout, the address is 410."""
        world = World()
        server = await http_server(world.mail)
        async with triggers(vacation=APPROVAL.format(port=server.port, timeout="300ms")) as world.port:
            run = await world.start()
            row = await world.port.service.engine.dispatcher.wait(run)

            assert (row.state, row.failed_action) == ("failed", "approval")
            assert (await world.send(json={"approved": True})).status_code == 410


class TestStrangers:
    async def test_a_token_that_is_not_ours_is_404_whatever_it_looks_like(self, world: World) -> None:
        """Changed by a character, made up, empty: one and the same answer, by GET and by POST."""
        await world.start()
        base, token = world.mailed[-1].rsplit("/", 1)
        for method in ("GET", "POST"):
            answers = [
                await world.send(method, f"{base}/{each}", headers={"accept": "application/json"})
                for each in (token[:-1] + ("0" if token[-1] != "0" else "1"), "x", "", "a.b", token + "/x")
            ]
            assert {each.status_code for each in answers} == {404}
            assert len({each.text for each in answers}) == 1

    async def test_the_page_allows_nothing_but_its_own_style(self, world: World) -> None:
        """The policy names the style's hash; there is no script, no other file, no handler."""
        await world.start()
        answer = await world.send("GET")

        assert "default-src 'none'; style-src 'sha256-" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert not re.search(r"<script|<link|<img|\son\w+=|\sstyle=", answer.text)

    async def test_a_machine_reads_the_question_as_json(self, world: World) -> None:
        """Fields, since when, until when; a secret field's default is not told."""
        run = await world.start()
        document = (await world.send("GET", headers={"accept": "application/json"})).json()

        assert (document["workflow"], document["run"], document["action"]) == ("vacation", run, "approval")
        assert document["since"] < document["until"]
        assert document["fields"]["approved"] == {
            "type": "boolean", "description": "Yes or no", "required": True, "default": None, "enum": None, "secret": False
        }  # fmt: skip
        assert document["fields"]["pin"]["default"] is None
        assert await world.port.service.engine.dispatcher.answers.waiting(5) != []
