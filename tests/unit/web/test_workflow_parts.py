"""What the pages of workflows are made of: form fields, source lines, what changed, a strip and a trigger in words."""

import msgspec
import pytest
from markupsafe import Markup
from msgspec import UNSET

from runner.definitions.fields import Condition, Duration
from runner.definitions.model import Action, Body, Input, Retry, Workflow
from runner.errors import RefusedError
from runner.events import Accepted, Stored
from runner.overviews import Strip, Turn
from runner.records import RunRow
from runner.secrets.content import SecretInfo, VersionInfo
from runner.web.dashboard.changes import difference, readable, what_changed
from runner.web.dashboard.run_form import fields, typed
from runner.web.dashboard.source import MOST_HIGHLIGHTED, lines
from runner.web.dashboard.workflows import said, strip_document

INPUTS = {
    "text": Input(type="string", default="a"),
    "must": Input(type="string"),
    "big": Input(type="integer", default=12345678901234567890),
    "size": Input(type="integer", enum=(1, 2)),
    "flag": Input(type="boolean", default=False),
    "map": Input(type="object", default={"a": "ä"}),
    "key": Input(type="string", secret=True, default="a-default"),
}


def run(name: str, state: str, **more: object) -> RunRow:
    """A run of a strip."""
    return msgspec.convert(
        {"id": name, "workflow": "w", "revision": "r1", "state": state, "accepted_at": 100.0, **more}, RunRow
    )


class TestRunForm:
    def test_a_field_has_its_default_and_a_secret_never_a_value(self) -> None:
        """Also where the form comes back with what was typed."""
        shown = {field.name: (field.kind, field.required, field.value, field.choices) for field in fields(INPUTS)}
        again = {field.name: field.value for field in fields(INPUTS, {"input.key": "typed", "input.text": "typed"})}

        assert shown == {
            "text": ("text", False, "a", ()),
            "must": ("text", True, "", ()),
            "big": ("integer", False, "12345678901234567890", ()),
            "size": ("choice", True, "", ("", "1", "2")),
            "flag": ("choice", False, "false", ("true", "false")),
            "map": ("json", False, '{"a":"ä"}', ()),
            "key": ("secret", False, "", ()),
        }
        assert (again["key"], again["text"]) == ("", "typed")

    def test_what_is_left_empty_is_left_out_but_a_text_that_had_a_default(self) -> None:
        """So a required one is missing, a secret has its default, and a text may be emptied; line ends are as in YAML."""
        sent = {f"input.{name}": "" for name in INPUTS}

        assert typed(INPUTS, sent, what="w") == {"text": ""}
        assert typed(INPUTS, {**sent, "input.text": "a\r\nb", "input.size": "2"}, what="w") == {
            "text": "a\nb",
            "size": 2,
        }

    def test_every_default_is_read_back_as_it_was(self) -> None:
        """Sending the form as it is changes nothing."""
        sent = {f"input.{field.name}": field.value for field in fields(INPUTS)}
        values = {name: each.default for name, each in INPUTS.items() if each.default is not UNSET and not each.secret}

        assert typed(INPUTS, sent, what="w") == values

    def test_every_wrong_spelling_is_told_at_once(self) -> None:
        """By the input's name, without what was typed."""
        with pytest.raises(RefusedError) as refused:
            typed(INPUTS, {"input.big": "1e5", "input.map": "[s3cret"}, what="w")

        assert [error["path"] for error in refused.value.errors] == ["inputs.big", "inputs.map"]
        assert "s3cret" not in str(refused.value)


class TestSource:
    def test_each_line_is_whole_and_escaped(self) -> None:
        """Also where a text goes over several lines; its problems stand with it, those beyond the end at the last one."""
        text = 'a: "x\n  <b>"\n# note\n\nlast: <b>'
        found = lines(text, [{"line": 2, "message": "m"}, {"line": 99, "message": "n"}])

        assert [line.text.striptags() for line in found] == [
            'a: "x',
            '&lt;b>"'.replace("&lt;", "<"),
            "# note",
            "",
            "last: <b>",
        ]
        assert all(str(line.text).count("<span") == str(line.text).count("</span>") for line in found)
        assert "<b>" not in Markup().join(line.text for line in found)
        assert [(line.number, line.problems[0]["message"]) for line in found if line.problems] == [(2, "m"), (5, "n")]

    def test_a_very_long_file_is_shown_plain(self) -> None:
        """Its page must not take seconds; nothing of it is lost."""
        text = "a: <b>\n" * (MOST_HIGHLIGHTED // 7 + 1)
        found = lines(text)

        assert len(found) == text.count("\n")
        assert {str(line.text) for line in found} == {"a: &lt;b&gt;"}


class TestChanges:
    def test_a_revision_reads_as_its_file_would(self) -> None:
        """A group's body stands in its config, a workflow's at the top; what is default is left out, durations have units."""
        inner = Action(id="b", type="set", config="two\nlines", if_=Condition("$input.x"), retry=Retry(max_attempts=2))
        workflow = Workflow(
            name="w",
            timeout=Duration(600),
            body=Body(actions=(Action(id="g", type="group", body=Body(actions=(inner,))),)),
        )

        assert readable(workflow) == (
            "name: w\ntimeout: 600s\nactions:\n- id: g\n  type: group\n  config:\n    actions:\n    - id: b\n"
            "      type: set\n      config: |-\n        two\n        lines\n      if: $input.x\n      retry:\n        max_attempts: 2\n"
        )

    def test_a_difference_marks_its_lines(self) -> None:
        """Where it is, what went, what came, and three lines around; nothing where both are alike."""
        before = "\n".join("abcdefgh")

        assert difference(before, before) == []
        assert difference(before, before.replace("d", "--x")) == [
            ("place", "@@ -1,7 +1,7 @@"),
            *(("same", f" {letter}") for letter in "abc"),
            ("removed", "-d"),
            ("added", "+--x"),
            *(("same", f" {letter}") for letter in "efg"),
        ]

    def test_what_changed_is_revision_inputs_secrets_and_trigger(self) -> None:
        """Secrets set between the two runs alone; an input that came, went or differs; nothing where nothing did."""
        good = run("r1", "succeeded", trigger="hand")
        bad = run("r2", "failed", accepted_at=200.0, ended_at=210.0, revision="r2", trigger="schedule")
        versions = tuple(
            VersionInfo(number, at, "ann", number == 3, ()) for number, at in ((1, 50.0), (2, 150.0), (3, 250.0))
        )
        info = SecretInfo("KEY", 3, 50.0, 250.0, versions)
        accepted = (taken('{"a":1,"b":2,"c":"s"}'), taken('{"a":1,"b":3,"d":"t"}'))

        found = what_changed(Turn(good, bad), accepted, [info])
        same = what_changed(Turn(good, msgspec.structs.replace(bad, revision="r1", trigger="hand")), (None, None), [])

        assert found["revisions"] == ("r1", "r2")
        assert found["triggers"] == ("hand", "schedule")
        assert [(each["name"], each["version"]) for each in found["secrets"]] == [("KEY", 2)]
        assert [tuple(each.values()) for each in found["inputs"]] == [
            ("b", "2", "3"),
            ("c", '"s"', "-"),
            ("d", "-", '"t"'),
        ]
        assert same == {"revisions": None, "inputs": [], "secrets": [], "triggers": None}


def taken(inputs: str) -> Accepted:
    """How a run with these inputs was accepted."""
    return Accepted(1.0, "w", "r1", Stored(json=msgspec.Raw(inputs.encode())), Stored())


class TestRow:
    def test_a_strip_is_oldest_first_and_the_rate_is_of_those_that_ended(self) -> None:
        """Cancelled and running ones count for nothing; a waiting one is called so; what is shown is escaped."""
        runs = (
            run("r4", "running", waiting=True),
            run("r3", "failed", failed_action='"><b>', error="e"),
            run("r2", "cancelled"),
            run("r1", "succeeded"),
        )
        row = strip_document(Strip(runs, runs[1]))

        assert [row[key] for key in ("rate", "of", "succeeded", "fails_now")] == [50, 2, 1, True]
        assert row["strip"].striptags() == "✓succeeded⊘cancelled✕failed◷waiting"
        assert "<b>" not in row["strip"]
        assert strip_document(Strip())["rate"] is None

    @pytest.mark.parametrize(
        ("trigger", "words"),
        [
            ({"type": "schedule", "cron": "0 6 * * *", "timezone": "Europe/Paris"}, "0 6 * * * Europe/Paris"),
            ({"type": "schedule", "every": "5m"}, "every 5m"),
            ({"type": "http", "method": "GET", "path": "/a"}, "GET /a"),
            ({"type": "run", "workflow": ["a", "b"], "state": "failed"}, "after a, b failed"),
        ],
    )
    def test_a_trigger_in_a_few_words(self, trigger: dict[str, object], words: str) -> None:
        """As its file has them."""
        assert said(trigger) == words
