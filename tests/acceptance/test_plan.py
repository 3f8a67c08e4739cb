"""`runner plan`: what would be sent where, without sending it and without a secret."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Installation
from tests.conftest import OpenServer
from tests.services.http_server import answer

SYNC = """
inputs: {{since: {{type: string, default: "1970"}}, pin: {{type: string, secret: true, default: "12345678"}}, who: {{type: string}}}}
vars: {{auth: "Bearer $secret.API_KEY"}}
actions:
  - id: fetch
    type: http
    config: {{url: "{origin}/orders", query: {{since: $input.since}}, headers: {{Authorization: $vars.auth, X-Pin: $input.pin}}}}
  - {{id: nothing, type: stop, if: not $action.fetch.body.orders}}
  - {{id: old, type: set, if: "$input.since == '1970'", config: {{n: 3, body: $action.fetch.body}}}}
  - id: each
    type: group
    for_each: [a, b]
    config:
      actions:
        - {{id: post, type: http, config: {{method: POST, url: "{origin}/$item", body: {{n: "{{{{ $action.old.n * 2 }}}}", got: $action.old.body}}}}}}
  - id: keep
    type: sql
    config: {{connection_string: "sqlite://./data/files/x.db", query: "insert into t values ($input.since, $action.each, $input.who)"}}
on_failure:
  - {{id: tell, type: http, config: {{url: $secret.SLACK, method: POST, body: {{text: "$run.workflow failed: $run.error"}}}}}}
"""


async def test_what_would_be_sent_is_shown_and_nothing_is(installation: Installation, http_server: OpenServer) -> None:
    """Known values in place, unknown ones as references, secrets by name; no request, no database, no value of a secret."""
    server = await http_server(answer({}))
    installation.write("sync.yaml", SYNC.format(origin=server.origin))
    installation.set_secret("API_KEY", "s3cret-api-key-value")

    before = sorted(path for path in installation.folder.rglob("*") if path.is_file())
    shown = await installation.arun("plan", "sync", "-i", "pin=the-secret-pin", check=True)
    text = shown.stdout.decode()

    assert server.requests == []
    assert sorted(path for path in installation.folder.rglob("*") if path.is_file()) == before
    assert [line for line in text.splitlines() if not line.startswith(" ")] == [
        "fetch  http",
        "nothing  stop, only if not $action.fetch.body.orders",
        "old  set",
        "each  group, for each of 2 items",
        "keep  sql",
        "",
        "where it fails:",
        "tell  http",
    ]
    for line in (
        f"GET {server.origin}/orders", "? since=1970", "Authorization: Bearer [secret API_KEY]", "X-Pin: [secret input.pin]",
        f"POST {server.origin}/b", 'body: {"n":6,"got":"<$action.fetch.body>"}', '$input.since = "1970"',
        "$action.each = [null,null]", '$input.who = "<$input.who>"', "POST [secret SLACK]",
        'body: {"text":"sync failed: <$run.error>"}',
    ):  # fmt: skip
        assert line in [each.strip() for each in text.splitlines()], line
    assert "the-secret-pin" not in text
    assert "s3cret-api-key-value" not in text


def plan(installation: Installation, text: str, *words: str | Path) -> tuple[int, dict[str, Any], str]:
    """Status, documents by place, and errors."""
    installation.write("w.yaml", text)
    done = installation.run("plan", "w", "--json", *words)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {each["place"]: each for each in found}, done.stderr.decode()


@pytest.mark.parametrize(
    ("text", "decisions"),
    [
        (
            "actions: [{id: a, type: stop}, {id: b, type: set, config: 1}]\nfinally: [{id: c, type: set, config: 1}]",
            {"a": "runs", "b": "not reached", "c": "runs"},
        ),
        (
            "actions: [{id: a, type: set, if: 'false', config: 1}, {id: b, type: set, if: $action.a, config: 1}]",
            {"a": "skipped", "b": "skipped"},
        ),
        ("actions: [{id: a, type: set, config: '{{ 1 / 0 }}'}]", {"a": "fails"}),
        (
            "actions: [{id: b, needs: [a], type: set, config: 1}, {id: a, needs: [], type: set, config: 1}]",
            {"a": "runs", "b": "runs"},
        ),
        (
            "actions: [{id: a, type: set, if: $trigger.body.x, config: 1}]",
            {"a": "depends"},
        ),
    ],
)
def test_guards_ends_and_failures_are_foreseen(
    installation: Installation, text: str, decisions: dict[str, str]
) -> None:
    """Each action in an order in which it may run, with what is decided already; a certain failure is status 1."""
    status, found, _ = plan(installation, text)

    assert [(place, each["decision"]) for place, each in found.items()] == list(decisions.items())
    assert status == (1 if "fails" in decisions.values() else 0)


def test_a_trigger_a_file_and_variables_are_taken_as_by_run(installation: Installation, tmp_path: Path) -> None:
    """`--trigger`, a FILE, `$env` of this command but for secret ones; wrong use is said."""
    file = tmp_path / "other.yaml"
    file.write_text(
        "inputs: {n: {type: integer}}\nactions: [{id: a, type: set, config: [$trigger.body.x, $env.PLAIN_HERE, $env.MY_TOKEN, $input.n]}]\n"
    )
    fired = tmp_path / "fired.json"
    fired.write_text('{"body": {"x": 7}}')
    environ = {"PLAIN_HERE": "plain", "MY_TOKEN": "hidden-token-value"}

    done = installation.run("plan", file, "--trigger", fired, "-i", "n=5", "--json", check=True, environ=environ)
    assert json.loads(done.stdout)["config"] == [7, "plain", "[secret env.MY_TOKEN]", 5]
    assert installation.run("plan", file, "-i", "n=five").returncode == 1
    assert installation.run("plan", file, "-i", "m=5").returncode == 1
    assert installation.run("plan", "nosuch").returncode == 1


def test_validate_live_asks_databases_and_vault(installation: Installation) -> None:
    """Without it the file is right; with it the table and the secret that are not there are errors at their lines."""
    files = installation.folder / "data" / "files"
    files.mkdir(parents=True, exist_ok=True)
    sqlite3.connect(files / "x.db").execute("create table there (n integer)").connection.close()
    installation.write(
        "w.yaml",
        "actions:\n  - id: a\n    type: sql\n    config:\n      connection_string: sqlite://./data/files/x.db\n"
        "      query: insert into nowhere values ($secret.NOT_SET)\n",
    )

    assert installation.run("validate").returncode == 0
    live = installation.run("validate", "--live")
    assert live.returncode == 1
    assert "w.yaml:6:" in live.stdout.decode()
    assert "There is no secret NOT_SET" in live.stdout.decode()
    installation.set_secret("NOT_SET", "a-value-of-a-secret")
    live = installation.run("validate", "--live")
    (told,) = live.stdout.decode().splitlines()
    assert "w.yaml:6:" in told
    assert "no such table: nowhere" in told
    assert installation.run("validate", "--live", "--url", "http://127.0.0.1:9").returncode == 2
