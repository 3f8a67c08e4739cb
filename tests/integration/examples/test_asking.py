"""Examples that ask a person and wait: an approval of a holiday, a task that is reminded of until it is done."""

from collections.abc import Mapping
from typing import Any

from runner.events import Ended, Event, Parked
from runner.testing import FakeClock
from tests.conftest import OpenServer
from tests.integration.examples.daemon import Daemon, OpenExamples, Outcome
from tests.integration.examples.standin import answers, body, sent

HOLIDAY = {"name": "Ada", "start_date": "2027-01-04", "end_date": "2027-01-08"}
A_DAY = 86_400


def asks(event: Event) -> bool:
    """The run has come to rest at a question."""
    return isinstance(event, Parked) and event.answer is None


async def answered(daemon: Daemon, text: str, given: Mapping[str, Any]) -> None:
    """As somebody who got the text with the address answers."""
    desk = daemon.engine.dispatcher.answers
    asked = desk.addresses.parse(text.rpartition("/")[2])
    assert asked is not None, text
    await desk.give(asked, given, "ada")


class TestApproval:
    async def outcome(
        self, examples: OpenExamples, http_server: OpenServer, given: Mapping[str, Any]
    ) -> tuple[Outcome, list[tuple[str, Any]]]:
        """The run after somebody answered, and what was sent."""
        calls = await http_server(answers({"POST /slack": "ok", "POST /api/mock": {"taken": True}}))
        daemon = await examples(
            "21-kestra-approval",
            hosts={"https://kestra.io": calls.origin},
            secrets={"SLACK_WEBHOOK": calls.url("/slack")},
        )
        with daemon.engine.news.watch() as watch:
            admitted = await daemon.start("vacation", inputs=HOLIDAY)
            watch.narrow(admitted.run)
            async for event in watch:
                if asks(event):
                    await answered(daemon, body(calls.requests[0])["text"], given)
                if isinstance(event, Ended):
                    break
        return await daemon.outcome(admitted.run), sent(calls)

    async def test_what_was_approved_is_submitted(self, examples: OpenExamples, http_server: OpenServer) -> None:
        """21: by the address in the message; the holiday goes on as it was asked for."""
        outcome, calls = await self.outcome(examples, http_server, {"approved": True})

        assert outcome.row.state == "succeeded"
        assert calls[1:] == [("POST /api/mock", HOLIDAY)]
        assert outcome.states["refused"] == "skipped"

    async def test_what_was_refused_is_not(self, examples: OpenExamples, http_server: OpenServer) -> None:
        """21: the run ends there, with the note as its output."""
        outcome, calls = await self.outcome(examples, http_server, {"approved": False, "note": "too many are away"})

        assert (outcome.row.state, outcome.row.stopped_by) == ("succeeded", "refused")
        assert outcome.output == {"approved": False, "note": "too many are away"}
        assert len(calls) == 1


class TestTaskWithReminders:
    async def test_a_person_is_reminded_each_day_until_it_is_done(
        self, examples: OpenExamples, http_server: OpenServer
    ) -> None:
        """49: nobody answers for two days, which is no failure; the third message's address ends it."""
        mail = await http_server(answers({"POST /notify": "ok"}))
        clock = FakeClock()
        daemon = await examples("49-aws-human-task-reminder", secrets={"NOTIFY_URL": mail.url("/notify")}, clock=clock)
        with daemon.engine.news.watch() as watch:
            admitted = await daemon.start("task-with-reminders", inputs={"person": "Ada"})
            watch.narrow(admitted.run)
            async for event in watch:
                if asks(event) and len(mail.requests) == 3:
                    await answered(daemon, body(mail.requests[-1])["text"], {})
                elif asks(event):
                    await clock.advance(A_DAY)
                if isinstance(event, Ended):
                    break
        outcome = await daemon.outcome(admitted.run)

        assert outcome.row.state == "succeeded"
        assert [asked for asked, _ in sent(mail)] == ["POST /notify"] * 3
        assert len({body(request)["text"] for request in mail.requests}) == 3
