"""What an expression may name at its place: order, bodies that nest, phases, declared names."""

import pytest

from tests.unit.definitions.models import load, told

NESTED = """
    inputs: {n: {type: integer, default: 1}, o: {type: object, default: {}}}
    vars: {base: "https://a.test", map: {a: {b: 1}}, list: [1], late: $env.X}
    actions:
      - {id: first, type: set, config: 1}
      - {id: alone, type: set, needs: [], config: 1}
      - id: outer
        type: group
        needs: [first, alone]
        for_each: "[$action.first]"
        config:
          actions:
            - {id: inner, type: set, config: [$action.first, $item, $index]}
            - {id: deeper, type: group, for_each: $item, config: {actions: [{id: deepest, type: set, config: [$action.inner, $item]}], output: $action.deepest}}
          on_failure:
            - {id: rescue, type: set, config: [$action.inner, $action.deeper, $action.first]}
          finally:
            - {id: clean, type: set, config: [$action.rescue, $action.inner]}
          output: [$action.deeper, $item]
      - {id: last, type: work, output: $this.x, retry: {until: $this.done}, config: {url: $vars.base, expect: $this.y, tags: [$action.outer]}}
    on_failure:
      - {id: told, type: set, config: [$action.first, $action.last, $action.outer, $run.error, $action.last.error.type]}
    finally:
      - {id: closed, type: set, config: [$action.told, $action.alone, $run.id]}
    output: [$action.last, $input.o.any.thing, $vars.map.a.b, $vars.list, $vars.late, $last.output.x, $trigger.body.y]
"""


class TestSight:
    def test_everything_that_makes_sense_is_allowed(self) -> None:
        """Outer ids that ran before, the item of the nearest loop, every action in what cleans up."""
        assert told(NESTED) == []

    @pytest.mark.parametrize(
        ("was", "instead", "message"),
        [
            ("config: [$action.inner, $item]", "config: $action.last", "last runs after outer and has no value yet"),
            (
                "config: [$action.inner, $item]",
                "config: $action.alon",
                "no action has the id alon; did you mean alone?",
            ),
            ("needs: [first, alone]", "needs: [first]", None),
            (
                "tags: [$action.outer]",
                "tags: [$action.deepest]",
                "deepest stands inside the group deeper and is seen only there: name it in the group's output",
            ),
            ("output: [$action.deeper, $item]", "output: $action.rescue", "rescue runs in on_failure, after this"),
            (
                "output: $action.deepest",
                "output: $this",
                "$this means something only in an action's output, retry.until, expect and paginate",
            ),
            (
                'for_each: "[$action.first]"',
                "for_each: $item",
                "$item means something only with for_each and inside its group",
            ),
            ("$vars.map.a.b", "$vars.map.c", "$vars.map has no c"),
            ("$vars.map.a.b", "$vars.map.a.b.c", "$vars.map.a.b is no mapping: nothing lies below it"),
            ("$input.o.any.thing", "$input.n.x", "$input.n is declared as integer: nothing lies below it"),
            ("$input.o.any.thing", "$input.m", "no input is called m"),
            ("$run.id]", "$run.idd]", "$run has no idd; did you mean id?"),
        ],
    )
    def test_what_sees_nothing_says_why(self, was: str, instead: str, message: str | None) -> None:
        """One change, one problem."""
        assert was in NESTED

        found = [line.split(": ", 1)[1] for line in told(NESTED.replace(was, instead))]

        assert [line.startswith(message or "?") for line in found] == ([True] if message else [False])

    def test_an_action_beside_that_is_not_waited_for_is_not_seen(self) -> None:
        """Side by side means no order; `needs` is the cure."""
        text = "actions:\n  - {id: a, type: set, config: 1}\n  - {id: b, type: set, needs: [], config: $action.a}\n"

        assert told(text) == ["3:43 actions[1].config: a does not run before b: add it to the needs of b"]
        assert told(text.replace("[]", "[a]")) == []

    def test_an_error_is_seen_however_the_value_looks(self) -> None:
        """`.error` is there for every action, a loop's value is a list, an output replaces the value."""
        text = """
            actions:
              - {id: a, type: set, config: {x: 1}, on_error: continue}
              - {id: b, type: set, config: {x: 1}, for_each: [1]}
              - {id: c, type: set, config: {x: 1}, output: {y: $this.x}}
              - {id: d, type: set, config: [$action.a.error.message, "{{ $action.b[0].x }}", $action.c.y, $action.a.x]}
        """

        assert told(text) == []

    def test_a_callback_has_its_address_from_the_start(self) -> None:
        """An earlier action may send it; it belongs to a wait with a callback and to nothing else."""
        text = """
            actions:
              - {id: send, type: set, config: $run.callback.ask}
              - {id: ask, type: wait, config: {callback: {ok: {type: boolean}}}}
              - {id: done, type: stop, if: not $action.ask.ok}
        """

        assert told(text) == []
        assert "did you mean ask?" in told(text.replace("callback.ask", "callback.ak"))[0]

    def test_one_text_may_hold_many_mistakes(self) -> None:
        """Each with its own column, in the order of the file."""
        found = told('actions:\n  - {id: a, type: set, config: ["$input.x and $input.y", $vars.z]}\n')

        assert [line.split(" ")[0] for line in found] == ["2:34", "2:47", "2:58"]


class TestOrder:
    def test_an_action_that_something_should_wait_for_is_a_warning(self) -> None:
        """Where a later action waits for another; it loads all the same."""
        text = """
            actions:
              - {id: a, type: set, config: 1}
              - {id: b, type: set, needs: [], config: 1}
              - {id: c, type: set, config: 1}
        """

        assert [problem.message for problem in load(text).problems] == [
            "nothing waits for a: add it to the needs of what should"
        ]
        assert load(text).problems[0].severity == "warning"

    @pytest.mark.parametrize(
        "text",
        [
            "actions: [{id: a, type: set, needs: [], config: 1}, {id: b, type: set, needs: [], config: 1}]",
            "actions: [{id: a, type: set, config: 1}, {id: b, type: set, needs: [a], config: 1}, {id: c, type: set, needs: [a, b], config: 1}]",
            "actions: [{id: a, type: set, config: 1}, {id: b, type: set, needs: [], config: 1}, {id: c, type: set, config: 1}]\noutput: [$action.a]",
        ],
    )
    def test_parallel_blocks_joins_and_outputs_are_no_warning(self, text: str) -> None:
        """A body ends when all its actions have ended, and its output names them."""
        assert told(text) == []

    def test_a_long_chain_and_a_long_circle(self) -> None:
        """Five hundred actions, in order and in a circle, without recursion."""
        chain = "".join(
            f"  - {{id: a{number}, type: set, needs: [a{number - 1}], config: 1}}\n" for number in range(1, 500)
        )

        assert told(f"actions:\n  - {{id: a0, type: set, config: 1}}\n{chain}") == []
        (circle,) = told(f"actions:\n  - {{id: a0, type: set, needs: [a499], config: 1}}\n{chain}")
        assert "wait for each other: a0 → a499 → " in circle

    def test_five_hundred_actions_are_the_most(self) -> None:
        """Nested ones count."""
        many = "".join(f"          - {{id: a{number}, type: set, needs: [], config: 1}}\n" for number in range(500))
        text = f"actions:\n  - id: g\n    type: group\n    config:\n        actions:\n{many}"

        assert [line for line in told(text) if "at most 500 actions, this one has 501" in line]


class TestTriggers:
    def test_a_trigger_that_fills_what_has_no_default(self) -> None:
        """By a value that fits or by a template."""
        text = """
            inputs: {a: {type: string}, n: {type: integer}, d: {type: boolean, default: false}}
            triggers:
              - {type: http, config: {path: "/x/{id}", auth: none}, inputs: {a: $trigger.params.id, n: 5}}
              - {type: schedule, config: {cron: "0 3 * * mon-fri", timezone: Europe/Paris}, inputs: {a: x, n: "{{ $last.output.n }}"}}
              - {type: run, config: {workflow: [a, b]}, inputs: {a: $trigger.run.id, n: 1}}
            actions: [{id: a, type: set, config: $trigger.params.id}]
        """

        assert told(text) == []

    @pytest.mark.parametrize(
        "auth",
        [
            "none",
            "{bearer: $secret.T}",
            "{basic: {username: u, password: $env.P}}",
            "{hmac: {header: X-Hub-Signature-256, prefix: 'sha256=', secret: $secret.T}}",
            "{hmac: {header: X-Slack-Signature, prefix: v0=, secret: $secret.T, signed: 'v0:{timestamp}:{body}', timestamp_header: X-Slack-Request-Timestamp, tolerance: 5m}}",
            "{jwt: {jwks_url: 'https://a.test/keys', audience: a, issuer: b, algorithms: [RS256]}}",
        ],
    )
    def test_every_kind_of_proof(self, auth: str) -> None:
        """Written out, `none` too."""
        assert (
            told(
                f"triggers: [{{type: http, config: {{path: /x, auth: {auth}}}}}]\nactions: [{{id: a, type: set, config: 1}}]"
            )
            == []
        )
