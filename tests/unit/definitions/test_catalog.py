"""The catalog: what is in force when files are right, wrong, renamed, removed, in each other's way."""

from collections.abc import Mapping

import pytest

from runner.definitions.catalog import EMPTY, Catalog, build
from runner.errors import Problem
from tests.unit.definitions.models import specs

SPECS = specs()
GOOD = "actions: [{id: a, type: set, config: %s}]\n"
BROKEN = "actions: [{id: a, type: sett, config: 1}]\n"


def catalog(files: Mapping[str, str | Problem], previous: Catalog = EMPTY) -> Catalog:
    """The catalog of these texts, after another one."""
    return build(
        previous, {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}, SPECS
    )


def values(of: Catalog) -> dict[str, object]:
    """What the first action of each workflow is set to: which version is in force."""
    return {name: entry.workflow.body.actions[0].config for name, entry in of.entries.items()}


def caller(name: str, inputs: str = "{}") -> str:
    """A workflow that calls another."""
    return f"actions: [{{id: a, type: workflow, config: {{name: {name}, inputs: {inputs}}}}}]\n"


class TestLastGood:
    def test_a_broken_file_never_replaces_a_working_one(self) -> None:
        """The last good version stays in force and the error is there to see; the next good one replaces both."""
        first = catalog({"a.yaml": GOOD % 1, "b.yaml": GOOD % 2})
        second = catalog({"a.yaml": BROKEN, "b.yaml": GOOD % 3}, first)
        third = catalog({"a.yaml": GOOD % 4, "b.yaml": GOOD % 3}, second)

        assert (values(first), values(second)) == ({"a": 1, "b": 2}, {"a": 1, "b": 3})
        assert [(broken.file, broken.keeps, broken.source) for broken in second.broken] == [("a.yaml", "a", BROKEN)]
        assert (values(third), third.broken) == ({"b": 3, "a": 4}, ())

    def test_it_stays_through_one_broken_version_after_another(self) -> None:
        """However often the file is saved wrong."""
        now = catalog({"a.yaml": GOOD % 1})
        for text in (BROKEN, "", "actions: [", BROKEN):
            now = catalog({"a.yaml": text}, now)

        assert values(now) == {"a": 1}

    def test_a_file_that_never_was_right_gives_nothing(self) -> None:
        """It hinders nobody."""
        now = catalog({"a.yaml": BROKEN, "b.yaml": GOOD % 2})

        assert values(now) == {"b": 2}
        assert [(broken.file, broken.keeps) for broken in now.broken] == [("a.yaml", None)]

    def test_a_file_that_is_gone_takes_its_workflow_with_it(self) -> None:
        """Broken or not; what it kept in force is gone too."""
        first = catalog({"a.yaml": GOOD % 1, "b.yaml": GOOD % 2})
        broken = catalog({"a.yaml": BROKEN, "b.yaml": GOOD % 2}, first)

        assert values(catalog({"b.yaml": GOOD % 2}, broken)) == {"b": 2}
        assert catalog({}, first) == catalog({}, EMPTY)

    def test_a_file_that_cannot_be_read_is_broken(self) -> None:
        """A missing permission is no removal."""
        unreadable = Problem(message="the file cannot be read (EACCES)", file="a.yaml")
        now = catalog({"a.yaml": unreadable}, catalog({"a.yaml": GOOD % 1}))

        assert (values(now), now.broken[0].problems, now.broken[0].keeps) == ({"a": 1}, (unreadable,), "a")

    def test_it_survives_a_restart(self) -> None:
        """Encoded and read back it is the same, and it keeps in force what it kept before."""
        now = catalog({"a.yaml": BROKEN, "b.yaml": GOOD % 2}, catalog({"a.yaml": GOOD % 1, "b.yaml": GOOD % 2}))

        restored = Catalog.decode(now.encode())

        assert (restored.entries, restored.broken) == (now.entries, now.broken)
        assert values(catalog({"a.yaml": BROKEN, "b.yaml": GOOD % 2}, restored)) == {"a": 1, "b": 2}

    def test_after_a_restart_every_file_is_checked_anew(self) -> None:
        """An action type that is gone makes its file broken; the workflow stays to be seen."""
        text = "actions: [{id: a, type: work, config: {url: a}}]\n"
        restored = Catalog.decode(catalog({"a.yaml": text}).encode())

        now = build(restored, {"a.yaml": text.encode()}, {})

        assert [(broken.file, broken.keeps) for broken in now.broken] == [("a.yaml", "a")]

    def test_a_version_that_is_in_force_is_not_read_again(self) -> None:
        """Its entry is the very same value."""
        first = catalog({"a.yaml": GOOD % 1, "b.yaml": GOOD % 2})
        second = catalog({"a.yaml": GOOD % 1, "b.yaml": GOOD % 3}, first)

        assert second.entries["a"] is first.entries["a"]


class TestNames:
    def test_of_two_files_with_one_name_the_one_that_was_there_stays(self) -> None:
        """The error stands at the newcomer's name and names both files."""
        named = f"name: a\n{GOOD % 2}"
        first = catalog({"z.yaml": f"name: a\n{GOOD % 1}"})
        second = catalog({"z.yaml": f"name: a\n{GOOD % 1}", "b.yaml": named}, first)

        (broken,) = second.broken
        (problem,) = broken.problems
        assert values(second) == {"a": 1}
        assert (problem.file, problem.line, problem.column, problem.path) == ("b.yaml", 1, 7, "name")
        assert "the name a is taken by z.yaml" in problem.message

    def test_where_neither_was_there_the_first_by_file_name_stays(self) -> None:
        """Every start decides the same."""
        now = catalog({"b.yaml": f"name: x\n{GOOD % 2}", "a.yaml": f"name: x\n{GOOD % 1}"})

        assert (values(now), now.broken[0].file) == ({"x": 1}, "b.yaml")

    def test_a_good_file_beats_the_last_good_version_of_a_broken_one(self) -> None:
        """The name moves to the file that is right."""
        first = catalog({"a.yaml": f"name: x\n{GOOD % 1}"})
        second = catalog({"a.yaml": BROKEN, "b.yaml": f"name: x\n{GOOD % 2}"}, first)

        assert values(second) == {"x": 2}
        assert [(broken.file, broken.keeps) for broken in second.broken] == [("a.yaml", None)]

    def test_a_file_that_takes_a_taken_name_keeps_its_old_one_in_force(self) -> None:
        """Renaming into a collision is a broken version like any other."""
        first = catalog({"a.yaml": GOOD % 1, "b.yaml": GOOD % 2})
        second = catalog({"a.yaml": GOOD % 1, "b.yaml": f"name: a\n{GOOD % 3}"}, first)

        assert (values(second), second.broken[0].keeps) == ({"a": 1, "b": 2}, "b")

    def test_a_renamed_file_is_the_same_workflow(self) -> None:
        """The name counts, not the file."""
        first = catalog({"a.yaml": f"name: x\n{GOOD % 1}"})

        assert values(catalog({"b.yaml": f"name: x\n{GOOD % 1}"}, first)) == {"x": 1}


class TestNeighbours:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (caller("calle"), "no workflow is called calle; did you mean callee?"),
            (caller("callee"), "the input n of callee has no default: give it a value under inputs"),
            (caller("callee", "{n: x}"), "expected a whole number, found text (input of callee)"),
            (caller("callee", "{n: 1, m: 2}"), "callee declares no input m"),
            (caller("a", "{}"), "these workflows call each other: a → a"),
        ],
    )
    def test_a_call_that_does_not_fit_is_refused(self, text: str, message: str) -> None:
        """By name, by inputs, in a circle: at load, with its place."""
        now = catalog({"a.yaml": text, "callee.yaml": f"inputs: {{n: {{type: integer}}}}\n{GOOD % 1}"})

        assert values(now) == {"callee": 1}
        (problem,) = now.broken[0].problems
        assert problem.message.startswith(message)
        assert problem.line == 1
        assert problem.path.startswith("actions[0].config")

    def test_a_call_that_fits(self) -> None:
        """A template may give any value."""
        now = catalog(
            {"a.yaml": caller("b", "{n: $run.id}"), "b.yaml": f"inputs: {{n: {{type: integer}}}}\n{GOOD % 1}"}
        )

        assert (list(now.entries), now.problems) == (["a", "b"], ())

    def test_a_new_circle_is_the_fault_of_what_changed(self) -> None:
        """The version that closed it is refused, its last good one goes on."""
        first = catalog({"a.yaml": GOOD % 1, "b.yaml": caller("a")})
        second = catalog({"a.yaml": caller("b"), "b.yaml": caller("a")}, first)

        assert [(broken.file, broken.keeps) for broken in second.broken] == [("a.yaml", "a")]
        assert values(second)["a"] == 1
        assert "a → b → a" in second.broken[0].problems[0].message

    def test_a_circle_that_is_there_at_the_start_is_cut_once(self) -> None:
        """One of them is refused, then the one that called it; nothing that is in force calls in a circle."""
        now = catalog({"a.yaml": caller("b"), "b.yaml": caller("c"), "c.yaml": caller("a"), "d.yaml": GOOD % 4})

        assert list(now.entries) == ["d"]
        assert [broken.file for broken in now.broken] == ["a.yaml", "b.yaml", "c.yaml"]

    def test_a_caller_stays_when_what_it_calls_is_gone(self) -> None:
        """It is told as broken and kept: its other actions may matter, and the file may come back."""
        files = {"a.yaml": caller("b"), "b.yaml": GOOD % 1}
        first = catalog(files)
        second = catalog({"a.yaml": files["a.yaml"]}, first)
        third = catalog(files, second)

        assert [(broken.file, broken.keeps) for broken in second.broken] == [("a.yaml", "a")]
        assert list(second.entries) == ["a"]
        assert (third.broken, set(third.entries)) == ((), {"a", "b"})

    def test_two_workflows_do_not_take_the_same_requests(self) -> None:
        """Whatever their parameters are called; the one that was there keeps them."""
        text = "triggers: [{type: http, config: {path: '/a/{%s}', auth: none}}]\n" + GOOD
        first = catalog({"z.yaml": text % ("x", 1)})
        second = catalog({"z.yaml": text % ("x", 1), "b.yaml": text % ("y", 2)}, first)

        assert list(second.entries) == ["z"]
        assert "the workflow z takes the same requests: POST /a/{}" in second.broken[0].problems[0].message

    def test_a_run_trigger_that_waits_for_nobody_is_a_doubt(self) -> None:
        """A warning: the other file may come later."""
        text = "triggers: [{type: run, config: {workflow: [nightly, a]}}]\n" + GOOD % 1
        now = catalog({"a.yaml": text})

        assert [problem.severity for problem in now.problems] == ["warning"]
        assert "no workflow is called nightly" in now.problems[0].message
        assert catalog({"a.yaml": text, "nightly.yaml": GOOD % 2}, now).problems == ()
