"""Whether configs and engine keys have their shape, by the types of the models alone."""

import pytest

from runner.definitions.load import load_text
from runner.errors import DefinitionError
from tests.unit.definitions.models import WorkType, told


def config(text: str) -> list[str]:
    """What is told of one action's config, without its place."""
    found = told(f"inputs: {{x: {{type: string, default: a}}}}\nactions:\n  - {{id: a, type: work, config: {text}}}\n")
    return [line.split(" ", 1)[1].removeprefix("actions[0].config.") for line in found]


class TestConfigs:
    @pytest.mark.parametrize(
        "text",
        [
            "{url: a, method: POST, headers: {n: 1, b: null}, tags: [a], query: select 1, expect: 200}",
            "{url: $input.x, method: $input.x, headers: $input.x, tags: $input.x, ratio: $input.x, verify: $input.x}",
            "{url: a, tags: [$input.x, b], slow: $input.x, most: '{{ $input.x }}', page: $input.x}",
            "{url: a, slow: 30s, most: 10MB, verify: a.pem, ratio: 0.5, when: true, page: {next: $this.n, most: 9}}",
            "{url: a, expect: $this.status == 200, query: null, slow: null, label: $5}",
        ],
    )
    def test_a_value_of_the_type_or_a_template_may_stand(self, text: str) -> None:
        """What a template gives is checked when it was rendered."""
        assert config(text) == []

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{url: 5}", "url: expected text, found the number 5: quote it"),
            ("{url: null}", "url: expected text, found nothing: give a value or leave the key out"),
            ("{url: ''}", "url: expected text, found nothing: give a value or leave the key out"),
            ("{url: [a]}", "url: expected text, found a list"),
            ("{url: a, method: GTE}", "method: expected GET or POST, found 'GTE'; did you mean GET?"),
            ("{url: a, headers: [a]}", "headers: expected a mapping, found a list"),
            ("{url: a, tags: b}", "tags: expected a list, found text: write it as a list, [ … ]"),
            ("{url: a, tags: [1]}", "tags[0]: expected text, found the number 1: quote it"),
            ("{url: a, slow: 30}", "slow: expected a duration such as 30s, found the number 30: write 30s"),
            ("{url: a, verify: 1}", "verify: expected true or false or text, found the number 1"),
            ("{url: a, ratio: 0}", "ratio: expected a number of more than 0, found the number 0"),
            ("{url: a, ratio: '1'}", "ratio: expected a number of more than 0, found text: drop the quotes"),
            ("{url: a, expect: [200]}", "expect: expected a status or an expression"),
            (
                "{url: a, page: {next: $this.n, most: 10}}",
                "page.most: expected a whole number of at least 1 and at most 9, found the number 10",
            ),
            ("{url: a, page: {most: 1}}", "page: the key next is missing"),
            ("{url: a, query: 5}", "query: expected an SQL statement, found the number 5: quote it"),
        ],
    )
    def test_what_does_not_fit_is_told_with_the_cure(self, text: str, message: str) -> None:
        """Expected, found, and what to write instead; never the text itself, which may be a password."""
        found = config(text)

        assert len(found) == 1
        assert found[0].startswith(message)

    def test_every_mistake_of_a_config_is_told(self) -> None:
        """None hides another; a right key beside them is read."""
        assert len(config("{url: 5, metod: GET, tags: 1, slow: x, page: {most: 0}}")) == 6

    def test_a_password_in_a_wrong_place_is_not_repeated(self) -> None:
        """Text that does not fit is called text."""
        found = config("{url: a, headers: hunter2, ratio: hunter2, page: hunter2, query: [hunter2]}")

        assert len(found) == 4
        assert not [line for line in found if "hunter2" in line]


class TestPackageChecks:
    def test_a_problem_of_a_package_gets_its_place_in_the_file(self) -> None:
        """Line and column are counted from the leaf's own text, however the file writes it; warnings stay warnings."""
        text = "actions:\n  - id: a\n    type: work\n    config:\n      url: a\n      tags: [ok, wrong]\n      query: |\n        first\n        and wrong\n"

        assert told(text.replace("[ok, wrong]", "[ok]")) == ["9:13 actions[0].config.query: wrong"]
        assert told(text.replace("and wrong", "and right")) == ["6:18 actions[0].config.tags[1]: a tag to think about"]

    def test_a_package_is_told_which_texts_are_templates(self) -> None:
        """An escaped reference is none, a literal neither; an expression of its own is one."""
        kind = WorkType()
        text = "inputs: {n: {type: string}}\nactions: [{id: a, type: work, config: {url: $input.n, expect: $this.a, label: $input.n, tags: [$$input.n, b]}}]"

        load_text(text, "a.yaml", {"work": kind})

        assert kind.seen[0].templates == {("url",), ("expect",)}
        assert kind.seen[0].raw["tags"] == ["$$input.n", "b"]

    def test_a_package_is_not_asked_about_a_config_that_has_no_shape(self) -> None:
        """Its checks may rely on the types of its model."""
        kind = WorkType()
        with pytest.raises(DefinitionError):
            load_text("actions: [{id: a, type: work, config: {url: 5, query: [x]}}]", "a.yaml", {"work": kind})

        assert kind.seen == []

    def test_a_package_that_breaks_breaks_nothing_else(self) -> None:
        """Its mistake is told at the config of the action that it looked at, by its kind and no more."""
        found = told(
            "actions:\n  - {id: a, type: work, config: {url: a, query: raise}}\n  - {id: b, type: set, config: 1}\n"
        )

        assert found == [
            "2:33 actions[0].config: the check of the type work broke (RuntimeError): report it to its authors"
        ]


class TestShorthands:
    @pytest.mark.parametrize("value", ["3", "{limit: 3}", "{limit: 3, when_full: queue, max_queued: 100}"])
    def test_a_number_is_a_limit(self, value: str) -> None:
        """`concurrency: 3` queues what is over."""
        text = f"concurrency: {value}\nactions: [{{id: a, type: set, config: 1}}]"

        concurrency = load_text(text, "a.yaml", {}).workflow.concurrency

        assert concurrency is not None
        assert (concurrency.limit, concurrency.when_full, concurrency.max_queued) == (3, "queue", 100)

    def test_short_ways_of_an_action(self) -> None:
        """A rate is a number a second, `on: [429]` a word, `if: false` an expression, the stem a name."""
        text = "actions: [{id: a, type: set, config: 1, for_each: [1], rate: 30/m, if: false}, {id: b, type: work, config: {url: a}, retry: {on: [429, 5xx]}}]"

        workflow = load_text(text, "dir/some-flow.yml", {"work": WorkType()}).workflow
        first, second = workflow.body.actions

        assert (workflow.name, first.rate, first.if_) == ("some-flow", 0.5, "false")
        assert second.retry is not None
        assert second.retry.on == ("429", "5xx")

    def test_keys_with_x_are_homes_for_anchors(self) -> None:
        """At the top of a file, and only there."""
        assert told("x-defaults: &d {url: a}\nactions: [{id: a, type: work, config: {<<: *d}}]") == []
        assert len(told("actions: [{id: a, type: set, config: 1, x-note: 1}]")) == 1
