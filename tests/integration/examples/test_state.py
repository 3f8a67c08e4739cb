"""Examples that remember or wait: what was down last time, a cursor, a job that is polled, rows marked one by one."""

from typing import Any

from aiohttp import web

from runner.events import Ended, Finished
from runner.testing import FakeClock
from tests.conftest import OpenServer
from tests.integration.examples.conftest import Database
from tests.integration.examples.daemon import OpenExamples
from tests.integration.examples.standin import Answer, answers, body, sent, status


class TestWebsiteMonitoring:
    async def test_only_a_site_that_changed_is_told(self, examples: OpenExamples, http_server: OpenServer) -> None:
        """16: one goes down, stays down and comes back, as `$last` tells; the other is up by an answer of 304."""
        pages: dict[str, Answer] = {"GET /": "fine"}
        steady = await http_server(answers({"GET /": lambda _: web.Response(status=304)}))
        shaky = await http_server(answers(pages))
        slack = await http_server(answers({"POST /hook": None}))
        daemon = await examples(
            "16-kestra-website-monitoring",
            hosts={"https://example.com": steady.origin, "https://another-site.com": shaky.origin},
            secrets={"SLACK_WEBHOOK_URL": slack.url("/hook")},
        )
        told, downs = [], []
        for page in ("fine", status(503), status(503), "fine", "fine"):
            pages["GET /"] = page
            outcome = await daemon.run("website-monitoring")
            told.append(len(slack.requests))
            downs.append(outcome.output)

        assert downs == [{"down": []}, {"down": [shaky.origin]}, {"down": [shaky.origin]}, {"down": []}, {"down": []}]
        assert told == [0, 1, 1, 2, 2]
        assert sent(slack) == [
            ("POST /hook", {"text": f"{shaky.origin} is down"}),
            ("POST /hook", {"text": f"{shaky.origin} is back"}),
        ]


class TestFeedCursor:
    async def test_the_cursor_moves_with_each_run_that_succeeds(
        self, examples: OpenExamples, http_server: OpenServer
    ) -> None:
        """61: a run whose entries could not be handed on is repeated from the same place; no entries, no call."""
        feed = {"": ([1, 2], "b"), "b": ([3], "c"), "c": ([], "c")}
        asked: list[str | None] = []

        def entries(request: web.Request) -> web.Response:
            asked.append(request.query.get("after"))
            found, cursor = feed[request.query.get("after", "")]
            return web.json_response({"entries": found, "nextCursor": cursor})

        at_sink: dict[str, Answer] = {"POST /sink": None}
        api, sink = await http_server(answers({"GET /feed": entries})), await http_server(answers(at_sink))
        daemon = await examples(
            "61-dagu-state-cursor", hosts={"https://api.example.com": api.origin}, env={"SINK": sink.url("/sink")}
        )
        ends = []
        for answer in (None, status(500), None, None):
            at_sink["POST /sink"] = answer
            outcome = await daemon.run("feed-cursor")
            ends.append((outcome.row.state, outcome.output))

        assert asked == ["", "b", "b", "c"]
        assert ends == [
            ("succeeded", {"cursor": "b"}),
            ("failed", None),
            ("succeeded", {"cursor": "c"}),
            ("succeeded", {"cursor": "c"}),
        ]
        assert [entry for _, entry in sent(sink)] == [[1, 2], [3], [3]]


class TestPollVideo:
    async def test_the_job_is_polled_until_it_is_completed(
        self, examples: OpenExamples, http_server: OpenServer
    ) -> None:
        """38: three looks with the key, at most a minute between two of them; the third one's address is the output."""
        looks = iter(["pending", "processing", "completed"])

        def task(_: web.Request) -> web.Response:
            state = next(looks)
            output = {"video_url": "https://cdn.test/v.mp4"} if state == "completed" else {}
            return web.json_response({"data": {"status": state, "output": output}})

        started = {"data": {"task_id": "t-1"}}
        api = await http_server(answers({"POST /api/v1/task": started, "GET /api/v1/task/t-1": task}))
        clock = FakeClock()
        daemon = await examples(
            "38-n8n-poll-video",
            hosts={"https://api.piapi.ai": api.origin},
            secrets={"PIAPI_KEY": "canary-piapi-key"},
            clock=clock,
        )
        pauses = []
        with daemon.engine.news.watch() as watch:
            admitted = await daemon.start("poll-video", inputs={"image_url": "https://x.test/i.png"})
            watch.narrow(admitted.run)
            async for event in watch:
                if isinstance(event, Finished) and event.retry_at is not None:
                    pauses.append(event.retry_at - clock.wall())
                    await clock.advance(pauses[-1])
                if isinstance(event, Ended):
                    break
        outcome = await daemon.outcome(admitted.run)

        assert (outcome.row.state, outcome.output) == ("succeeded", {"video_url": "https://cdn.test/v.mp4"})
        assert [asked for asked, _ in sent(api)] == ["POST /api/v1/task", *["GET /api/v1/task/t-1"] * 3]
        assert body(api.requests[0]) == {"model": "kling", "input": {"image_url": "https://x.test/i.png"}}
        assert {request.headers["x-api-key"] for request in api.requests} == {"canary-piapi-key"}
        assert len(pauses) == 2
        assert all(0 <= pause <= 60 for pause in pauses)


class TestHubSpotSync:
    async def test_a_contact_that_fails_keeps_no_other_from_being_marked(
        self, examples: OpenExamples, http_server: OpenServer, database: Database
    ) -> None:
        """29: changed rows alone are sent; created and known ones are marked, the refused one is tried again next time."""
        await database.execute(
            """
            create table customers (
                id int, email text, first_name text, processed_at timestamptz, updated_at timestamptz default now());
            insert into customers values (1, 'new', 'Ada'), (2, 'known', 'Bob'), (3, 'bad', 'Cy');
            insert into customers values (4, 'changed', 'Di', '2020-01-01', now()), (5, 'done', 'Ed', '2020-01-02', '2020-01-01');
            """
        )
        statuses = {"new": 201, "known": 409, "bad": 400, "changed": 201}
        contacts: list[Any] = []

        async def contact(request: web.Request) -> web.StreamResponse:
            properties = (await request.json())["properties"]
            contacts.append((request.path, request.headers["authorization"], properties))
            return web.json_response({}, status=statuses[properties["email"]])

        hubspot = await http_server(contact)
        daemon = await examples(
            "29-kestra-hubspot-sync",
            hosts={"https://api.hubapi.com": hubspot.origin},
            secrets={"POSTGRES_URL": database.url, "HUBSPOT_API_KEY": "canary-hub-key"},
        )
        outcome = await daemon.run("hubspot-sync")

        assert (outcome.row.state, outcome.row.error) == ("succeeded", None)
        assert {(path, key) for path, key, _ in contacts} == {("/crm/v3/objects/contacts", "Bearer canary-hub-key")}
        assert sorted((each["email"], each["firstname"]) for _, _, each in contacts) == [
            ("bad", "Cy"),
            ("changed", "Di"),
            ("known", "Bob"),
            ("new", "Ada"),
        ]
        assert await database.rows(
            "select id from customers where processed_at is null or processed_at < updated_at order by id"
        ) == [(3,)]
