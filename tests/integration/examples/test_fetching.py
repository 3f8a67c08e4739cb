"""Examples that fetch and keep: a stored secret, an API's pages, stories one by one, queries side by side, GraphQL."""

from typing import Any

from aiohttp import web

from tests.conftest import OpenServer
from tests.integration.examples.conftest import Database
from tests.integration.examples.daemon import OpenExamples
from tests.integration.examples.standin import answers, body, sent

KEY = "canary-Key/4711"
CUSTOMERS = {"data": [{"id": "cus_1", "email": "ada@example.org", "name": "Ada"}]}
PAYMENTS = """
    create table crm_payments (
        payment_id text primary key, customer_id text, customer_email text, customer_name text, amount numeric,
        currency text, status text, created_ts bigint, synced_at timestamptz not null default now())
"""
STORIES = """
    create table hackernews_stories (
        id bigint primary key, title text, url text, score int, author text, comments int, story_type text,
        posted_at bigint, fetched_at timestamptz not null default now())
"""


class TestSecretsDocs:
    async def test_what_the_secret_opens_lies_in_the_database(
        self, examples: OpenExamples, http_server: OpenServer, database: Database
    ) -> None:
        """01: the header carries the secret, the address of the database is the environment's."""
        await database.execute("create table raw_data (payload jsonb)")
        api = await http_server(answers({"GET /data": {"a": [1, None, "ü"]}}))
        daemon = await examples(
            "01-servflow-secrets-docs",
            hosts={"https://api.example.com": api.origin},
            secrets={"API_KEY": KEY},
            env={"DATABASE_URL": database.url},
        )
        outcome = await daemon.run("01-servflow-secrets-docs")

        assert (outcome.row.state, outcome.row.error) == ("succeeded", None)
        assert [request.headers["authorization"] for request in api.requests] == [f"Bearer {KEY}"]
        assert await database.rows("select payload::text from raw_data") == [('{"a": [1, null, "ü"]}',)]


class TestParallelFetch:
    async def test_it_goes_on_with_the_queries_that_succeeded(self, examples: OpenExamples, database: Database) -> None:
        """13: all three begin before one has ended; the table that is not there is an empty list in the answer."""
        await database.execute(
            "create table users (id int); insert into users values (1), (2);"
            "create table products (name text); insert into products values ('tea')"
        )
        daemon = await examples("13-servflow-parallel-fetch", env={"DATABASE_URL": database.url})
        outcome = await daemon.run("fetch-all", trigger={"method": "GET", "path": "/all", "query": {}, "headers": {}})

        queries = [outcome.actions[place] for place in ("users", "orders", "products")]
        assert max(query["started_at"] for query in queries) <= min(query["ended_at"] for query in queries)
        assert [query["state"] for query in queries] == ["succeeded", "failed", "succeeded"]
        assert outcome.row.state == "succeeded"
        assert outcome.output == {"users": [{"id": 1}, {"id": 2}], "orders": [], "products": [{"name": "tea"}]}


class TestStripeToCrm:
    def _charge(self, number: int, **more: Any) -> dict[str, Any]:
        charge = {"id": f"ch_{number}", "customer": "cus_1", "amount": 1000 + number, "currency": "eur"}
        return charge | {"status": "pending", "created": 1_700_000_000 + number, "livemode": False} | more

    async def _run(
        self, examples: OpenExamples, http_server: OpenServer, database: Database, pages: dict[str, Any]
    ) -> list[Any]:
        """One run whose charges are those of `pages` by `starting_after`; the servers' requests: Stripe's, then Slack's."""

        def charges(request: web.Request) -> web.Response:
            return web.json_response(pages[request.query.get("starting_after", "")])

        stripe = await http_server(answers({"GET /v1/charges": charges, "GET /v1/customers": CUSTOMERS}))
        slack = await http_server(answers({"POST /hook": None}))
        daemon = await examples(
            "18-kestra-stripe-to-crm",
            hosts={"https://api.stripe.com": stripe.origin},
            secrets={
                "POSTGRES_URL": database.url,
                "STRIPE_SECRET_KEY": KEY,
                "SLACK_WEBHOOK_URL": slack.url("/hook"),
            },
        )
        outcome = await daemon.run("stripe-to-crm")
        assert (outcome.row.state, outcome.row.error) == ("succeeded", None)
        return [stripe.requests, sent(slack)]

    async def test_two_pages_of_charges_are_joined_with_the_customers(
        self, examples: OpenExamples, http_server: OpenServer, database: Database
    ) -> None:
        """18: every page is asked for with the key; amounts are exact, a charge of an unknown customer has no name."""
        await database.execute(PAYMENTS)
        pages = {
            "": {"data": [self._charge(1), self._charge(2)], "has_more": True},
            "ch_2": {"data": [self._charge(3, customer="cus_9", currency="usd")], "has_more": False},
        }
        stripe, slack = await self._run(examples, http_server, database, pages)

        assert {request.headers["authorization"] for request in stripe} == {f"Bearer {KEY}"}
        assert [request.query.get("starting_after") for request in stripe if request.path == "/v1/charges"] == [
            None,
            "ch_2",
        ]
        assert await database.rows(
            "select payment_id, customer_email, customer_name, amount::text, currency from crm_payments order by 1"
        ) == [
            ("ch_1", "ada@example.org", "Ada", "10.0100000000000000", "EUR"),
            ("ch_2", "ada@example.org", "Ada", "10.0200000000000000", "EUR"),
            ("ch_3", None, None, "10.0300000000000000", "USD"),
        ]
        assert slack == [("POST /hook", {"text": ":white_check_mark: Stripe sync: 3 payments"})]

    async def test_it_asks_for_what_came_since_the_newest_payment(
        self, examples: OpenExamples, http_server: OpenServer, database: Database
    ) -> None:
        """18: the time is that of the newest row; a payment that is there already gets its new status and nothing else."""
        await database.execute(PAYMENTS)
        await database.execute(
            "insert into crm_payments values ('ch_1', 'cus_1', 'old', 'Old', 1, 'EUR', 'pending', 1700000001)"
        )
        pages = {"": {"data": [self._charge(1, status="paid")], "has_more": False}}
        stripe, slack = await self._run(examples, http_server, database, pages)

        (asked,) = [request.query for request in stripe if request.path == "/v1/charges"]
        assert asked == {"limit": "100", "created[gte]": "1700000001"}
        assert await database.rows("select customer_email, amount::int, status from crm_payments") == [
            ("old", 1, "paid")
        ]
        assert slack == [("POST /hook", {"text": ":white_check_mark: Stripe sync: 1 payments"})]


class TestHackerNews:
    async def test_the_best_story_stands_on_top_of_the_digest(
        self, examples: OpenExamples, http_server: OpenServer, database: Database
    ) -> None:
        """19: the first four ids are fetched; the comment among them is dropped, the known story gets its new score."""
        await database.execute(STORIES)
        await database.execute("insert into hackernews_stories (id, title, score) values (11, 'Kept title', 1)")
        item = {"by": "ada", "descendants": 3, "time": 1_700_000_000, "type": "story", "kids": [1, 2]}
        news = await http_server(
            answers(
                {
                    "GET /v0/beststories.json": [11, 12, 13, 14, 15],
                    "GET /v0/item/11.json": item
                    | {"id": 11, "title": "Low", "score": 5, "url": "https://x.test/?a=1&b"},
                    "GET /v0/item/12.json": item | {"id": 12, "title": "High 'quoted'", "score": 500},
                    "GET /v0/item/13.json": item | {"id": 13, "type": "comment", "text": "no story"},
                    "GET /v0/item/14.json": item | {"id": 14, "title": "Job", "score": 50, "type": "job"},
                }
            )
        )
        slack = await http_server(answers({"POST /hook": None}))
        daemon = await examples(
            "19-kestra-hackernews-etl",
            hosts={"https://hacker-news.firebaseio.com": news.origin},
            secrets={"POSTGRES_URL": database.url, "SLACK_WEBHOOK": slack.url("/hook")},
        )
        outcome = await daemon.run("hackernews", inputs={"story_type": "beststories", "max_stories": 4})

        assert (outcome.row.state, outcome.row.error) == ("succeeded", None)
        assert sorted(asked for asked, _ in sent(news)[1:]) == [
            f"GET /v0/item/{number}.json" for number in (11, 12, 13, 14)
        ]
        assert await database.rows("select id, title, score, author, comments from hackernews_stories order by id") == [
            (11, "Kept title", 5, None, 3),
            (12, "High 'quoted'", 500, "ada", 3),
            (14, "Job", 50, "ada", 3),
        ]
        assert sent(slack) == [("POST /hook", {"text": "Top stories:\nHigh 'quoted'\nJob\nKept title"})]


class TestGraphQL:
    async def test_the_query_is_sent_as_written_beside_its_variables(
        self, examples: OpenExamples, http_server: OpenServer
    ) -> None:
        """28: `$owner` and `$name` are GraphQL's own; the output is the list of the nodes."""
        nodes = [
            {"title": "One", "url": "https://x.test/1", "labels": {"edges": []}},
            {"title": "Two {{ 1 }} $input.x"},
        ]
        edges = [{"node": node} for node in nodes]
        github = await http_server(answers({"POST /graphql": {"data": {"repository": {"issues": {"edges": edges}}}}}))
        daemon = await examples(
            "28-kestra-graphql", hosts={"https://api.github.com": github.origin}, secrets={"GITHUB_TOKEN": KEY}
        )
        outcome = await daemon.run("graphql")

        (request,) = github.requests
        query = body(request)["query"]
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert query.startswith(
            "query($owner: String!, $name: String!) {\n  repository(owner: $owner, name: $name) {\n"
        )
        assert body(request)["variables"] == {"owner": "kestra-io", "name": "kestra"}
        assert outcome.output == nodes
