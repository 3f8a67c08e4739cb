"""`runner test` and `runner runs record`: a run goes the same way again offline, and a changed workflow is told from it."""

import json
from typing import Any

from aiohttp import web

from tests.acceptance.conftest import Installation
from tests.conftest import OpenServer
from tests.integration.rehearsal.flow import FLOW, GOOD

TOKEN = "s3cret-of-a-recorded-run"

ORDERS = """
inputs: {{since: {{type: string}}, pin: {{type: string, secret: true}}}}
actions:
  - id: fetch
    type: http
    retry: {{max_attempts: 3, delay: 100ms}}
    config: {{url: "{origin}/orders", query: {{since: $input.since}}, headers: {{Authorization: "Bearer $secret.TOKEN", X-Pin: $input.pin}}}}
  - {{id: none, type: stop, if: not $action.fetch.body.orders}}
  - id: each
    type: group
    for_each: $action.fetch.body.orders
    on_error: continue
    config:
      actions:
        - {{id: send, type: http, config: {{method: POST, url: "{origin}/send", body: {{n: $item.n, token: $action.fetch.body.token}}}}, output: $this.body.got}}
      output: $action.send
  - {{id: rest, type: wait, config: {{for: 1s}}}}
  - {{id: priced, type: workflow, config: {{name: price, inputs: {{n: "{{{{ $action.each | length }}}}"}}}}}}
output: {{each: $action.each, price: $action.priced, at: "{{{{ now() }}}}"}}
"""


async def test_a_recorded_run_goes_the_same_way_offline_and_a_changed_workflow_does_not(
    installation: Installation, http_server: OpenServer
) -> None:
    """Retries, items, errors, waits and children; no secret in the file; what changed is told by its action."""
    asked = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if request.path == "/send":
            n = (await request.json())["n"]
            return web.json_response({"got": n * 10}, status=500 if n == 2 else 200)
        if asked == 1:
            return web.json_response({}, status=503)
        return web.json_response({"orders": [{"n": 1}, {"n": 2}, {"n": 3}], "token": TOKEN, "code": "08"})

    server = await http_server(handler)
    installation.write("orders.yaml", ORDERS.format(origin=server.origin))
    installation.write(
        "price.yaml",
        "inputs: {n: {type: integer}}\nactions: [{id: a, type: set, config: '{{ $input.n * 5 }}'}]\noutput: $action.a\n",
    )
    installation.set_secret("TOKEN", TOKEN)
    result = await installation.result("orders", "-i", "since=2026-01-31", "-i", "pin=the-secret-pin")
    before = asked

    file = "workflows/orders.test.yaml"
    recorded = await installation.arun("runs", "record", result["run"], "--into", file, check=True)
    text = (installation.folder / file).read_text()
    (installation.folder / "config.toml").unlink()
    (installation.folder / "data").rename(installation.folder / "gone")
    passed = await installation.arun("test")

    assert result["state"] == "succeeded"
    assert recorded.stderr == b""
    assert passed.returncode == 0, passed.stdout.decode()
    assert b"1 test, 0 failed" in passed.stderr
    assert not (installation.folder / "data").exists()
    assert TOKEN not in text
    assert "the-secret-pin" not in text
    assert "[secret TOKEN]" in text

    changed = ORDERS.format(origin=server.origin).replace("/send", "/push").replace("n: $item.n", "m: $item.n")
    installation.write("orders.yaml", changed)
    failed = await installation.arun("test", file)
    listed = await installation.arun("test", file, "--json")
    broken = await installation.arun("workflows", "list")

    assert failed.returncode == 1
    assert (
        f'action each[0]/send: sent.url: expected "{server.origin}/send", found "{server.origin}/push"'
        in failed.stdout.decode()
    )
    assert "action each[2]/send: sent.body.m: expected nothing, found 3" in failed.stdout.decode()
    document = json.loads(listed.stdout)
    assert (document["file"], document["passed"]) == (file, False)
    assert b"test" not in broken.stdout
    assert asked == before


def rehearsed(installation: Installation, tests: Any) -> tuple[int, list[dict[str, Any]]]:
    """Status and documents of `runner test` over these tests of FLOW."""
    installation.write("flow.yaml", FLOW)
    (installation.folder / "workflows" / "flow.test.yaml").write_text(f"tests:\n  - {tests}\n")
    done = installation.run("test", "--json")
    assert done.stdout, done.stderr.decode()
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_written_test_says_answers_and_what_is_expected(installation: Installation) -> None:
    """Errors, waits of a month, an approval, a trigger and the last run; secrets are made up and masked."""
    status, found = rehearsed(
        installation,
        "{name: all, trigger: {body: {x: 7}}, last: {output: before}, answers: {"
        + GOOD
        + "}, expect: {output: {n: 5}, exact: false, actions: {"
        "ask: {attempts: 2, sent: {url: https://api.test/1, headers: {K: '[secret KEY]'}}},"
        "keep: {state: succeeded, sent: {connection_string: '[secret env.DATABASE_URL]', query: {text: "
        "'insert into t values ($action.ask.body, $trigger.body.x, $last.output)', values: {$action.ask.body: {n: 5}, $trigger.body.x: 7, $last.output: before}}}}}}}",
    )

    assert (status, found[0]["differences"]) == (0, [])


def test_a_run_that_waits_for_ever_is_told(installation: Installation) -> None:
    """Nothing hangs: what it waits for is named."""
    installation.write("w.yaml", "actions: [{id: ask, type: wait, config: {callback: {ok: {type: boolean}}}}]\n")
    (installation.folder / "workflows" / "w.test.yaml").write_text("tests: [{name: a}]\n")

    done = installation.run("test")

    assert done.returncode == 1
    assert b"ask: the test has no answer, and it waits for one" in done.stdout


def test_runs_that_cannot_be_recorded_and_files_that_are_no_tests_are_refused(installation: Installation) -> None:
    """With the reason; wrong use is status 2."""
    installation.write("w.yaml", "actions: [{id: a, type: set, config: 1}]\n")
    run = json.loads(installation.run("run", "w", "--json", check=True).stdout)["run"]

    assert installation.run("runs", "record", "nosuchrun").returncode == 1
    assert installation.run("runs", "record", run, "--into", "workflows/w.yaml").returncode == 2
    assert b"tests:" in installation.run("runs", "record", run, check=True).stdout
    assert installation.run("test", "workflows/w.yaml").returncode == 2
    assert installation.run("test").returncode == 0
