"""`runner secrets`: versions, policies and what is due, as a person and a program see them."""

import json
from typing import Any

from tests.acceptance.conftest import Installation

VALUE = "canary-value-of-the-key"
USES_IT = "actions: [{id: a, type: set, config: '{{ $secret.A_KEY | length }}'}]\noutput: $action.a"


WRONG = (
    ("policy A_KEY", 2, "there is nothing to change"),
    ("policy A_KEY --any-host --allowed-host a.example.com", 2, "--allowed-host and --any-host"),
    ("policy A_KEY --expires-at soon", 2, "--expires-at: expected a date as 2027-01-31"),
    ("policy A_KEY --rotate-every often", 2, "--rotate-every: expected a duration such as 90d"),
    ("policy A_KEY --allowed-host ftp://a.example.com", 1, "A_KEY: allowed_hosts: "),
    ("policy A_KEY --any-workflow", 1, "A_KEY: every workflow would be allowed that was not before"),
    ("policy A_KEY --on-expiry warn --if-match 7", 1, "A_KEY: expected version 7, but version 1"),
    ("rollback A_KEY 9", 1, "A_KEY has no version 9; kept are 1."),
    ("history NOPE", 1, "There is no secret NOPE."),
    ("set A_KEY - --new", 1, "A_KEY: expected no such secret, but version 1 is there"),
)


def put(installation: Installation, value: str, *words: str) -> str:
    """`runner secrets set A_KEY - WORDS`; what it printed, whichever way it ended."""
    done = installation.run("secrets", "set", "A_KEY", "-", *words, stdin=value.encode())
    return (done.stdout + done.stderr).decode()


def one(installation: Installation, *words: str) -> dict[str, Any]:
    """The document that `runner secrets WORDS --json` prints."""
    document: dict[str, Any] = json.loads(installation.run("secrets", *words, "--json", check=True).stdout)
    return document


class TestCommands:
    def test_a_secret_is_set_narrowed_replaced_and_rolled_back(self, installation: Installation) -> None:
        """Each command as JSON, and no value in anything."""
        assert json.loads(put(installation, VALUE, "--new", "--json")) == {"name": "A_KEY", "version": 1}
        narrow = one(installation, "policy", "A_KEY", "--allowed-host", "API.example.com", "--rotate-every", "90d")
        assert (narrow["allowed_hosts"], narrow["rotate_every"]) == (["https://api.example.com"], 7_776_000)
        put(installation, f"{VALUE}-2", "--if-match", "1", "--no-rotation", "--expires-at", "2020-01-31T12:00+00:00")
        shown = one(installation, "show", "A_KEY")
        assert (shown["version"], shown["versions"], shown["rotate_every"]) == (2, [1, 2], None)
        assert (shown["expires_at"], shown["due"]) == ("2020-01-31T12:00:00.000Z", "expired 2020-01-31")

        assert one(installation, "rollback", "A_KEY", "1") == {"name": "A_KEY", "version": 1, "changed": True}
        history = installation.run("secrets", "history", "A_KEY", "--json", check=True).stdout.splitlines()

        assert [(each["version"], each["current"]) for each in map(json.loads, history)] == [(2, False), (1, True)]
        assert one(installation, "delete", "A_KEY", "--yes") == {"name": "A_KEY", "deleted": True, "erased": True}
        assert installation.leaks(VALUE) == []

    def test_a_person_sees_hosts_workflows_and_what_is_due(self, installation: Installation) -> None:
        """In the list, with `show` and `history` for the rest."""
        put(
            installation,
            VALUE,
            "--allowed-workflow",
            "orders",
            "--allowed-host",
            "*.example.com",
            "--expires-at",
            "2020-01-31",
        )

        listed = installation.run("secrets", "list", check=True).stdout.decode().splitlines()
        shown = installation.run("secrets", "show", "A_KEY", check=True).stdout.decode()
        history = installation.run("secrets", "history", "A_KEY", check=True).stdout.decode()

        assert listed[0].split() == ["NAME", "VERSION", "SET", "HOSTS", "WORKFLOWS", "DUE"]
        assert "https://*.example.com  orders     expired 2020-01-3" in listed[1]
        assert "allowed workflows orders\n" in shown
        assert history.splitlines()[1].endswith("current")

    def test_what_cannot_be_is_one_sentence(self, installation: Installation) -> None:
        """With the name and what was expected; nothing is changed."""
        put(installation, VALUE, "--allowed-workflow", "orders")

        for words, status, message in WRONG:
            done = installation.run("secrets", *words.split(), stdin=VALUE.encode())
            assert (done.returncode, done.stderr.decode()[: len(message) + 8]) == (status, f"runner: {message}")

        assert one(installation, "show", "A_KEY")["version"] == 1


class TestDaemon:
    def test_only_the_named_workflow_gets_it_and_what_is_due_is_logged(self, installation: Installation) -> None:
        """At the start, once; a policy that changes counts for the next run."""
        put(installation, VALUE, "--expires-at", "2020-01-31T12:00Z", "--allowed-workflow", "allowed")
        for name in ("allowed", "other"):
            installation.write(f"{name}.yaml", USES_IT)
        with installation.daemon() as daemon:
            said = daemon.wait_for("a secret has expired", secret="A_KEY")
            ran = [installation.run("run", name, "--json") for name in ("allowed", "other")]
            one(installation, "policy", "A_KEY", "--on-expiry", "refuse")
            refused = json.loads(installation.run("run", "allowed", "--json").stdout)

        assert (said["level"], said["day"]) == ("warning", "2020-01-31T12:00:00.000Z")
        documents = [json.loads(done.stdout) for done in ran]
        assert [each["state"] for each in documents] == ["succeeded", "failed"]
        assert "A_KEY may not be used by the workflow other (allowed: allowed)" in json.dumps(documents[1])
        assert "The secret A_KEY expired on 2020-01-31" in json.dumps(refused)
        assert installation.leaks(VALUE) == []
