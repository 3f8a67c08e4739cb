"""Which secrets a workflow names and where, and what is wrong with them once the vault is known."""

import textwrap

import pytest

from runner.definitions.load import load_text
from runner.definitions.secret_uses import KnownSecret, KnownSecrets, SecretUse, secret_problems, secret_uses
from runner.executors import action_types

FREE, BOUND = KnownSecret(has_hosts=False), KnownSecret(has_hosts=True)


def uses(text: str) -> tuple[SecretUse, ...]:
    """The uses of a workflow `flow`."""
    text = textwrap.dedent(text)
    types = action_types()
    return secret_uses(load_text(text, "flow.yaml", types).workflow, text, "flow.yaml", types)


def request(url: str, *, more: str = "") -> str:
    """A workflow with one request that carries a secret."""
    return f"""\
inputs: {{host: {{type: string}}}}
vars: {{base: "https://$input.host", path: "https://api.test/$input.host"}}
actions:
  - id: call
    type: http
    config:
      url: "{url}"
      headers: {{Authorization: "Bearer $secret.KEY"}}
{more}"""


class TestUses:
    def test_every_place_is_found_with_its_line(self) -> None:
        """In configs, conditions, loops, outputs, triggers, groups, SQL, and by way of `vars`."""
        found = uses("""\
            vars: {token: "Bearer $secret.VAR"}
            triggers:
              - type: http
                config: {method: POST, path: /x, auth: {bearer: $secret.TRIGGER}}
            actions:
              - id: a
                type: http
                config:
                  url: https://api.test/
                  headers: {A: $vars.token, B: "{{ $secret.SA | b64encode }}"}
              - id: g
                type: group
                if: $secret.COND == 'x'
                config:
                  actions:
                    - id: b
                      type: sql
                      config:
                        connection_string: $secret.DB
                        query: |
                          select 1,
                            $secret.PARAM
            output: {o: $secret.OUT}
            """)

        assert [(use.secret, use.action, use.path, use.line) for use in found] == [
            ("TRIGGER", "", "triggers[0].config.auth.bearer", 4),
            ("VAR", "a", "actions[0].config.headers.A", 10),
            ("SA", "a", "actions[0].config.headers.B", 10),
            ("COND", "g", "actions[1].if", 13),
            ("DB", "b", "actions[1].config.actions[0].config.connection_string", 19),
            ("PARAM", "b", "actions[1].config.actions[0].config.query", 22),
            ("OUT", "", "output.o", 23),
        ]

    def test_a_text_that_is_no_template_names_nothing(self) -> None:
        """`$$secret.X` is text, and so is a literal."""
        assert uses("actions: [{id: a, type: set, config: {a: '$$secret.X'}}]") == ()


class TestProblems:
    def test_a_missing_one_is_told_once_an_action(self) -> None:
        """With the command that cures it."""
        found = uses("""\
            actions:
              - {id: a, type: set, config: ["$secret.GONE", "$secret.GONE", "$secret.HERE"]}
              - {id: b, type: set, config: $secret.GONE}
            """)
        problems = list(secret_problems(found, KnownSecrets({"HERE": FREE})))

        assert [(problem.line, problem.severity) for problem in problems] == [(2, "warning"), (3, "warning")]
        assert "there is no secret GONE: set it with `runner secrets set GONE`" in problems[0].message

    def test_one_that_this_workflow_may_not_use(self) -> None:
        """By the name of the workflow."""
        found = uses("actions: [{id: a, type: set, config: $secret.KEY}]")

        assert (
            list(secret_problems(found, KnownSecrets({"KEY": KnownSecret(has_hosts=True, workflows=("flow",))}))) == []
        )
        (problem,) = secret_problems(found, KnownSecrets({"KEY": KnownSecret(has_hosts=True, workflows=("other",))}))
        assert "may not be used by this workflow (allowed_workflows)" in problem.message

    @pytest.mark.parametrize(
        ("url", "is_open"),
        [
            ("https://$input.host/x", True),
            ("https://{{ $input.host }}.test", True),
            ("$input.host", True),
            ("{{ $input.host ~ '/x' }}", True),
            ("https://u:p@$input.host:8443/x", True),
            ("$vars.base", True),
            ("https://api.test/$input.host", False),
            ("https://api.test?q=$input.host", False),
            ("https://$env.HOST/$input.host", False),
        ],
    )
    def test_a_host_that_comes_from_outside_wants_allowed_hosts(self, url: str, *, is_open: bool) -> None:
        """A warning, an error where it is strict, nothing where the secret is bound."""
        found = uses(request(url))

        assert [problem.severity for problem in secret_problems(found, KnownSecrets({"KEY": FREE}))] == [
            "warning"
        ] * is_open
        strict = secret_problems(found, KnownSecrets({"KEY": FREE}), strict_hosts=True)
        assert [problem.severity for problem in strict] == ["error"] * is_open
        assert list(secret_problems(found, KnownSecrets({"KEY": BOUND}), strict_hosts=True)) == []
