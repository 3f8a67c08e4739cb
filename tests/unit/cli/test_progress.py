"""How a run is told while it goes."""

import msgspec
import pytest
from rich.text import Text

from runner.cli.progress import Live, Plain
from runner.definitions.model import Action, Body, Workflow
from runner.events import AnyEvent, Ended, Expanded, Failure, Finished, Settled, Started, Stored
from runner.web.lines import AcceptedLine

WORKFLOW = Workflow(
    name="shop",
    body=Body(
        actions=(Action(id="fetch", type="http"), Action(id="sites", type="http"), Action(id="last", type="set"))
    ),
)
ACCEPTED = AcceptedLine("01run", "shop", "running", msgspec.Raw(WORKFLOW.encode()))
REFUSED = Failure(type="5xx", message="GET api.test answered 503")
EVENTS: tuple[AnyEvent, ...] = (
    Started(10.0, "fetch", 1),
    Finished(at=11.0, place="fetch", attempt=1, outcome="failed", error=REFUSED, retry_at=13.0),
    Started(13.0, "fetch", 2),
    Finished(at=13.5, place="fetch", attempt=2, outcome="succeeded"),
    Expanded(14.0, "sites", Stored(), 3),
    Started(14.0, "sites[0]", 1),
    Finished(at=15.0, place="sites[0]", attempt=1, outcome="failed", error=REFUSED),
    Started(14.0, "sites[1]", 1),
    Finished(at=16.0, place="sites[1]", attempt=1, outcome="succeeded"),
    Settled(17.0, "sites", "failed", error=REFUSED),
    Ended(17.0, "failed", error=REFUSED),
)


def test_plain_lines_tell_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a `for_each` its size, what failed, and the counts at its end."""
    plain = Plain()
    plain.accepted(ACCEPTED)
    for event in EVENTS:
        plain.event(event)

    assert capsys.readouterr().out.splitlines() == [
        "run 01run of shop accepted",
        "fetch: started",
        "fetch: attempt 1 failed: GET api.test answered 503; again in 2s",
        "fetch: attempt 2",
        "fetch: succeeded 3.5s",
        "sites: 3 items",
        "sites[0]: failed 1s: GET api.test answered 503",
        "sites: failed 3s 1 succeeded, 1 failed, 1 skipped of 3: GET api.test answered 503",
    ]


def test_the_picture_has_one_line_an_action() -> None:
    """What has not begun is pending; the attempt and the items are counts."""
    live = Live()
    live.accepted(ACCEPTED)
    for event in EVENTS[:7]:
        live.event(event)
    picture = live.picture(now=20.0)
    lines = Text.from_ansi(picture).plain.splitlines()

    assert lines == [
        "run 01run of shop",
        "fetch  succeeded     3.5s  attempt 2",
        "sites  running         6s  1 failed, 2 pending of 3",
        "last   pending",
    ]
