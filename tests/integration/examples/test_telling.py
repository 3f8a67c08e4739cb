"""Examples that tell somebody: by a workflow of their own, on failure, through a ticket, not twice in five minutes."""

import base64

import pytest

from tests.conftest import OpenServer
from tests.integration.examples.conftest import Database
from tests.integration.examples.daemon import OpenExamples
from tests.integration.examples.standin import answers, body, sent, status


class TestNightly:
    async def test_its_last_action_calls_the_notification(
        self, examples: OpenExamples, http_server: OpenServer
    ) -> None:
        """26, 27: the called workflow runs with the count that the backend answered and its own default."""
        backend = await http_server(answers({"POST /nightly": {"count": 12}, "POST /slack": None}))
        daemon = await examples(
            "26-kestra-slack-notify",
            "27-kestra-subflow-caller",
            secrets={"SLACK_WEBHOOK_URL": backend.url("/slack")},
            env={"BACKEND": backend.origin},
        )
        outcome = await daemon.run("nightly")
        (child,) = await daemon.outcomes("slack-notify")

        assert outcome.states == {"work": "succeeded", "done": "succeeded"}
        assert (child.row.state, child.row.parent) == ("succeeded", outcome.row.id)
        assert sent(backend)[1:] == [("POST /slack", {"text": "[INFO] nightly: done: 12"})]

    async def test_its_failure_calls_the_notification(self, examples: OpenExamples, http_server: OpenServer) -> None:
        """27: Slack reads the sentence that says what failed; the run stays failed."""
        backend = await http_server(answers({"POST /nightly": status(500), "POST /slack": None}))
        daemon = await examples(
            "26-kestra-slack-notify",
            "27-kestra-subflow-caller",
            secrets={"SLACK_WEBHOOK_URL": backend.url("/slack")},
            env={"BACKEND": backend.origin},
        )
        outcome = await daemon.run("nightly")

        assert (outcome.row.state, outcome.row.failed_action) == ("failed", "work")
        assert outcome.states == {"work": "failed", "done": "skipped", "failed": "succeeded"}
        assert "500" in (outcome.row.error or "")
        assert sent(backend)[1:] == [("POST /slack", {"text": f"[ERROR] nightly: {outcome.row.error}"})]


class TestGitHubStar:
    @pytest.mark.parametrize(
        ("action", "title", "color"),
        [("created", "New star from ada", "#88FF00"), ("deleted", "Star removed by ada", "#FF0000")],
    )
    async def test_a_new_star_is_green_and_a_lost_one_red(
        self, examples: OpenExamples, http_server: OpenServer, action: str, title: str, color: str
    ) -> None:
        """25: title, link, colour and count stand in the message; a delivery's id is what tells it from others."""
        slack = await http_server(answers({"POST /hook": None}))
        daemon = await examples("25-kestra-github-star", secrets={"SLACK_WEBHOOK_URL": slack.url("/hook")})
        sender = {"login": "ada", "html_url": "https://github.test/ada"}
        trigger = {
            "method": "POST",
            "path": "/github/star",
            "headers": {"x-github-delivery": "72d3162e"},
            "body": {"action": action, "sender": sender, "repository": {"stargazers_count": 41}},
        }
        outcome = await daemon.run("github-star", trigger=trigger)

        assert outcome.row.state == "succeeded"
        attachment = {"title": title, "title_link": sender["html_url"], "color": color, "text": "Stars: 41"}
        assert sent(slack) == [("POST /hook", {"attachments": [attachment]})]
        assert daemon.of_trigger("github-star", "deduplicate", trigger=trigger) == "72d3162e"


class TestIncident:
    async def test_the_ticket_is_opened_told_and_logged(
        self, examples: OpenExamples, http_server: OpenServer, database: Database
    ) -> None:
        """30: Jira's key stands in Slack's second block and in the row."""
        await database.execute(
            "create table incident_log (jira_key text primary key, service text, severity text, description text, created_at timestamptz)"
        )
        server = await http_server(
            answers({"POST /rest/api/2/issue": status(201, {"key": "OPS-7"}), "POST /hook": None})
        )
        daemon = await examples(
            "30-kestra-incident",
            hosts={
                "https://{{ $secret.JIRA_DOMAIN }}.atlassian.net": f"http://{{{{ $secret.JIRA_DOMAIN }}}}:{server.port}"
            },
            secrets={
                "JIRA_DOMAIN": "127.0.0.1",
                "JIRA_USERNAME": "ops@example.org",
                "JIRA_API_TOKEN": "canary-token-1",
                "SLACK_WEBHOOK_URL": server.url("/hook"),
                "POSTGRES_URL": database.url,
            },
        )
        described = 'Card "declined"; drop table incident_log'
        outcome = await daemon.run("incident", inputs={"severity": "P1 - Critical", "description": described})

        assert (outcome.row.state, outcome.row.error) == ("succeeded", None)
        jira, slack = server.requests
        assert (
            base64.b64decode(jira.headers["authorization"].removeprefix("Basic ")) == b"ops@example.org:canary-token-1"
        )
        fields = body(jira)["fields"]
        assert fields["project"] == {"key": "OPS"}
        assert fields["issuetype"] == {"id": "10001"}
        assert fields["summary"] == "[P1 - Critical] Incident: payment-api"
        assert fields["labels"] == ["incident", "p1---critical"]
        assert fields["description"].startswith("*Service:* payment-api\n*Reported at:* 20")
        assert fields["description"].endswith(f"\n\n{described}")
        header, section = body(slack)["blocks"]
        assert header["text"]["text"] == "Incident, P1 - Critical"
        assert [field["text"] for field in section["fields"]] == ["*Service:*\npayment-api", "*Ticket:*\nOPS-7"]
        assert await database.rows("select jira_key, service, severity, description from incident_log") == [
            ("OPS-7", "payment-api", "P1 - Critical", described)
        ]


class TestReportFailures:
    TABLE = (
        "create table failures (workflow text, run text, message text, created_at timestamptz not null default now())"
    )

    async def test_a_second_failure_within_five_minutes_is_logged_and_not_mailed(
        self, examples: OpenExamples, http_server: OpenServer, database: Database
    ) -> None:
        """31: the second run ends at `enough`; a third, after the five minutes, is mailed again."""
        await database.execute(self.TABLE)
        server = await http_server(answers({"POST /mail": None}))
        daemon = await examples(
            "31-n8n-error-throttle",
            secrets={
                "POSTGRES_URL": database.url,
                "MAIL_URL": server.url("/mail"),
                "FALLBACK_MAIL_URL": server.url("/other"),
            },
        )
        failed = {"run": {"workflow": "orders", "id": "01h", "error": "it's broken"}}
        first, second = [await daemon.run("report-failures", trigger=failed) for _ in range(2)]
        await database.execute("update failures set created_at = now() - interval '6 minutes'")
        third = await daemon.run("report-failures", trigger=failed)

        assert [each.row.state for each in (first, second, third)] == ["succeeded"] * 3
        assert [each.row.stopped_by for each in (first, second, third)] == [None, "enough", None]
        assert sent(server) == [("POST /mail", {"subject": "Failed: orders", "text": "it's broken"})] * 2
        assert (
            await database.rows("select workflow, run, message from failures") == [("orders", "01h", "it's broken")] * 3
        )

    async def test_where_the_mail_fails_the_other_one_is_sent(
        self, examples: OpenExamples, http_server: OpenServer, database: Database
    ) -> None:
        """31: the fallback gets the same mail, and the run succeeds."""
        await database.execute(self.TABLE)
        server = await http_server(answers({"POST /mail": status(500), "POST /other": None}))
        daemon = await examples(
            "31-n8n-error-throttle",
            secrets={
                "POSTGRES_URL": database.url,
                "MAIL_URL": server.url("/mail"),
                "FALLBACK_MAIL_URL": server.url("/other"),
            },
        )
        outcome = await daemon.run("report-failures", trigger={"run": {"workflow": "o", "id": "1", "error": "e"}})

        mail = {"subject": "Failed: o", "text": "e"}
        assert outcome.row.state == "succeeded"
        assert sent(server) == [("POST /mail", mail), ("POST /other", mail)]
