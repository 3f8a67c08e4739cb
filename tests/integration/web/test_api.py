"""The API whole: every endpoint with each scope, what it answers held against its model, what it refuses and how."""

import json
from typing import Any

import anyio
import httpx
import msgspec
import pytest

from runner.accounts.credentials import SCOPES
from runner.web.api import models, run_models
from runner.web.api.openapi import document
from runner.web.api.table import ENDPOINTS
from tests.integration.web.conftest import Portal, form_token

HELLO = """
inputs: {name: {type: string, default: world}, n: {type: integer, default: 1}}
actions:
  - {id: greet, type: set, config: {text: "hello {{ $input.name }}", n: $input.n}}
output: $action.greet
"""
USER = """
actions:
  - {id: call, type: http, if: "false", config: {url: "https://api.example.com/", headers: {X-Key: $secret.USED_KEY}}}
"""
WAITS = "actions: [{id: wait, type: wait, config: {for: 1h}}]\n"


async def ready(portal: Portal) -> None:
    """Three workflows and a broken file, loaded."""
    for name, text in (("hello", HELLO), ("uses", USER), ("waits", WAITS), ("broken", "action: []\n")):
        (portal.folder / "workflows" / f"{name}.yaml").write_text(text)
    async with portal.program("read", name="waiter") as program:
        while len((await program.get("/api/v1/workflows")).json()["items"]) < 4:
            pass


def checked(answer: Any, model: Any) -> Any:
    """The answer as its model; a field more or less fails."""
    assert answer.headers["content-type"] == "application/json", answer.text
    return msgspec.json.decode(answer.content, type=model)


class TestScopes:
    async def test_each_endpoint_asks_for_its_scope_and_no_other_opens_it(self, portal: Portal) -> None:
        """401 without a token, 403 with the three others, which names the one that is missing; with it neither."""
        rows = ENDPOINTS
        assert {each.scope for each in rows} == {None, *SCOPES}
        for scope in SCOPES:
            others = [other for other in SCOPES if other != scope]
            async with (
                portal.program(scope) as right,
                portal.program(*others, name="wrong") as wrong,
                portal.stranger() as stranger,
            ):
                for each in [row for row in rows if row.scope == scope]:
                    path = "/api/v1" + each.path.replace("{name}", "nothing").replace("{run}", "nothing").replace(
                        "{action}", "nothing"
                    )
                    path += "?run=nothing" if each.path == "/events" else ""
                    refused, told, allowed = [await who.request(each.method, path) for who in (stranger, wrong, right)]

                    assert refused.status_code == 401, path
                    assert told.status_code == 403, path
                    assert f"'{scope}'" in told.json()["detail"]
                    assert allowed.status_code not in {401, 403}, path

    async def test_a_browser_may_do_everything_with_its_form_token(self, portal: Portal) -> None:
        """And changes nothing without."""
        async with portal.browser() as browser:
            token = form_token((await browser.get("/")).text)
            body = {"name": "made", "scopes": ["read"]}
            refused = await browser.post("/api/v1/tokens", json=body)
            made = await browser.post("/api/v1/tokens", json=body, headers={"x-csrf-token": token})

        assert (refused.status_code, made.status_code) == (403, 201)


class TestRuns:
    async def test_one_is_started_listed_shown_and_its_journal_read(self, portal: Portal) -> None:
        """Each answer is as its model says; integers keep every digit; pages follow each other without a gap."""
        await ready(portal)
        big = 123456789012345678901234567890
        async with portal.program("read", "run") as program:
            ended = await program.post(
                "/api/v1/workflows/hello/runs",
                json={"inputs": {"n": big}},
                headers={"prefer": "respond-async, wait=20"},
            )
            runs = [
                checked(await program.post("/api/v1/workflows/hello/runs", json={}), run_models.Accepted).run
                for _ in range(4)
            ]
            detail = checked(ended, run_models.RunDetail)
            first = await program.get(f"/api/v1/runs/{detail.run}")
            same = await program.get(f"/api/v1/runs/{detail.run}", headers={"if-none-match": first.headers["etag"]})
            journal = checked(await program.get(f"/api/v1/runs/{detail.run}/journal"), run_models.JournalList)
            seen: list[str] = []
            cursor: str | None = ""
            while cursor is not None:
                page = await program.get("/api/v1/runs", params={"limit": 2, "cursor": cursor, "workflow": "hello"})
                part: run_models.RunList = checked(page, run_models.RunList)
                seen += [each.run for each in part.items]
                cursor = part.next
            none = checked(await program.get("/api/v1/runs?state=failed&state=cancelled"), run_models.RunList)

        assert ended.status_code == 200
        assert ended.headers["location"] == f"/api/v1/runs/{detail.run}"
        assert detail.output == {"text": "hello world", "n": big}
        assert str(big).encode() in ended.content
        assert (same.status_code, same.content) == (304, b"")
        assert next(event["e"] for each in journal.items for event in each.events) == "accepted"
        assert seen == [*reversed(runs), detail.run]
        assert none.items == []

    async def test_the_same_key_is_the_same_run(self, portal: Portal) -> None:
        """Of the same token and workflow; another token's is another run."""
        await ready(portal)
        path, key = "/api/v1/workflows/hello/runs", {"idempotency-key": "order-7"}
        async with portal.program("run") as one, portal.program("run", name="other") as two:
            answers = [await who.post(path, json={}, headers=key) for who in (one, one, two)]

        first, again, other = [answer.json() for answer in answers]
        assert (again["run"], again["verdict"]) == (first["run"], "duplicate")
        assert other["run"] != first["run"]

    async def test_one_is_cancelled_and_run_again(self, portal: Portal) -> None:
        """202 each; too late and too early are 409, an unknown one 404; the token is named in the journal."""
        await ready(portal)
        async with portal.program("read", "run", name="robot") as program:
            run = (await program.post("/api/v1/workflows/waits/runs", json={})).json()["run"]
            early = await program.post(f"/api/v1/runs/{run}/rerun", json={})
            cancelled = checked(await program.post(f"/api/v1/runs/{run}/cancel"), run_models.Cancelling)
            await portal.service.engine.dispatcher.wait(run)
            late = await program.post(f"/api/v1/runs/{run}/cancel")
            again = await program.post(f"/api/v1/runs/{run}/rerun", json={"from": "wait"})
            unknown = await program.post("/api/v1/runs/nothing/cancel")
            journal = (await program.get(f"/api/v1/runs/{run}/journal")).text

        assert cancelled.run == run
        assert [early.status_code, late.status_code, again.status_code, unknown.status_code] == [409, 409, 202, 404]
        assert "token robot" in journal

    async def test_a_workflow_is_paused_and_resumed(self, portal: Portal) -> None:
        """And shown so; one that is not there cannot be."""
        await ready(portal)
        async with portal.program("read", "run", name="robot") as program:
            paused = checked(await program.post("/api/v1/workflows/hello/pause"), models.Pause)
            shown = checked(await program.get("/api/v1/workflows/hello"), models.WorkflowItem)
            resumed = checked(await program.post("/api/v1/workflows/hello/resume"), models.Pause)
            unknown = await program.post("/api/v1/workflows/nothing/pause")
            everything = checked(await program.get("/api/v1/workflows"), models.WorkflowList)

        assert paused.paused is not None
        assert paused.paused.by == "token robot"
        assert shown.paused == paused.paused
        assert resumed.paused is None
        assert unknown.status_code == 404
        assert [each.state for each in everything.items] == ["broken", "ok", "ok", "ok"]

    async def test_a_file_is_checked_before_it_is_dropped(self, portal: Portal) -> None:
        """All errors with line and column."""
        async with portal.program("read") as program:
            path, yaml = "/api/v1/workflows/validate", {"content-type": "application/yaml"}
            good = await program.post(path, content=HELLO, headers=yaml)
            bad = await program.post(path, content="action: []\n", headers=yaml)
            bytes_ = await program.post(path, content=b"\xff\xfe", headers=yaml)
            kind = await program.post(path, json={})

        assert checked(good, models.Validation).valid
        assert [each.line for each in checked(bad, models.Validation).problems] == [1, 1]
        assert (bytes_.status_code, kind.status_code) == (400, 415)


async def told(program: httpx.AsyncClient, run: str, last: str = "0") -> list[tuple[str, str, Any]]:
    """The messages of a run's stream until it ends: id, event, data."""
    found = []
    async with program.stream("GET", "/api/v1/events", params={"run": run}, headers={"last-event-id": last}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                number = value
            elif name == "event":
                kind = value
            elif name == "data":
                found.append((number, kind, json.loads(value)))
    return found


class TestEvents:
    async def test_a_reader_hears_everything_once_however_often_it_comes_again(self, portal: Portal) -> None:
        """From the beginning while the run goes on; from any place afterwards; at the end there is no more."""
        await ready(portal)
        async with portal.program("read", "run") as program:
            run = (await program.post("/api/v1/workflows/waits/runs", json={})).json()["run"]
            live: list[tuple[str, str, Any]] = []

            async def follow() -> None:
                live.extend(await told(program, run))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(follow)
                await program.post(f"/api/v1/runs/{run}/cancel")
            whole = await told(program, run)
            rest = await told(program, run, last="2")
            over = await program.get("/api/v1/events", params={"run": run}, headers={"last-event-id": whole[-1][0]})
            unknown = await program.get("/api/v1/events?run=nothing")
            wrong = await program.get("/api/v1/events", params={"run": run}, headers={"last-event-id": "a"})

        assert [each[:2] for each in live] == [each[:2] for each in whole]
        assert [each[1] for each in whole][0 :: len(whole) - 1] == ["accepted", "ended_run"]
        assert [int(each[0]) for each in whole[:-1]] == list(range(1, len(whole)))
        assert rest == whole[2:]
        assert whole[-1][2]["state"] == "cancelled"
        assert (over.status_code, unknown.status_code, wrong.status_code) == (204, 404, 422)


class TestSecrets:
    async def test_versions_are_made_guarded_and_taken_back(self, portal: Portal) -> None:
        """The whole life of a secret; `If-Match` and `If-None-Match` keep two people apart."""
        path = "/api/v1/secrets/USED_KEY"
        async with portal.program("secrets") as program:
            made = await program.put(path, json={"value": "first-value-1", "allowed_hosts": ["api.example.com"]})
            twice = await program.put(path, json={"value": "x-value-22"}, headers={"if-none-match": "*"})
            stale = await program.put(path, json={"value": "x-value-22"}, headers={"if-match": '"7"'})
            second = await program.put(path, json={"value": "second-value"}, headers={"if-match": made.headers["etag"]})
            narrow = await program.put(path, json={"expires_at": "2990-01-31T00:00:00Z", "rotate_every": 86400})
            wider = await program.put(path, json={"allowed_hosts": None})
            empty = await program.put(path, json={})
            back = await program.post(f"{path}/rollback", json={"version": 1})
            gone = await program.post(f"{path}/rollback", json={"version": 9})
            history = checked(await program.get(f"{path}/history"), models.VersionList)
            listed = checked(await program.get("/api/v1/secrets"), models.SecretList)

        assert (made.status_code, made.headers["etag"], made.headers["location"]) == (201, '"1"', path)
        assert checked(made, models.SecretItem).allowed_hosts == ["https://api.example.com"]
        assert (twice.status_code, stale.status_code) == (412, 412)
        assert (second.status_code, second.headers["etag"]) == (200, '"2"')
        assert checked(narrow, models.SecretItem).rotate_every == 86400
        assert (wider.status_code, empty.status_code) == (409, 422)
        assert (back.status_code, back.headers["etag"], gone.status_code) == (200, '"1"', 404)
        assert [(each.version, each.current, each.created_by) for each in history.items] == [
            (2, False, "token secrets"),
            (1, True, "token secrets"),
        ]
        assert [each.name for each in listed.items] == ["USED_KEY"]

    async def test_one_that_is_used_goes_by_force_alone(self, portal: Portal) -> None:
        """409 names who would break."""
        await ready(portal)
        path = "/api/v1/secrets/USED_KEY"
        async with portal.program("secrets") as program:
            missing = checked(await program.get("/api/v1/usage"), models.UsageList)
            await program.put(path, json={"value": "some-value-1"})
            refused = await program.delete(path)
            stale = await program.delete(f"{path}?force=true", headers={"if-match": '"3"'})
            deleted = checked(await program.delete(f"{path}?force=true"), models.Deleted)
            again = await program.delete(path)

        assert [(each.name, each.state) for each in missing.items] == [("USED_KEY", "missing")]
        assert refused.status_code == 409
        assert "uses:call" in refused.json()["detail"]
        assert stale.status_code == 412
        assert deleted.deleted
        assert again.status_code == 404

    async def test_the_audit_log_has_it_all(self, portal: Portal) -> None:
        """Newest first, by pages and filters; it is whole, and another head is found out."""
        async with portal.program("secrets", "admin", name="robot") as program:
            await program.put("/api/v1/secrets/A_KEY", json={"value": "some-value-1"})
            await program.put("/api/v1/secrets/A_KEY", json={"value": "some-value-2"})
            rows: list[models.AuditItem] = []
            cursor: str | None = ""
            while cursor is not None:
                page = await program.get("/api/v1/audit", params={"limit": 2, "cursor": cursor})
                part: models.AuditList = checked(page, models.AuditList)
                rows, cursor = rows + part.items, part.next
            some = checked(await program.get("/api/v1/audit?action=replace&subject=A_KEY"), models.AuditList)
            whole = checked(await program.get("/api/v1/audit/verify"), models.Verification)
            head = f"{whole.head.partition(':')[0]}:{'0' * 64}"
            other = checked(await program.get("/api/v1/audit/verify", params={"head": head}), models.Verification)
            wrong = await program.get("/api/v1/audit/verify?head=nothing")

        assert [row.sequence for row in rows] == list(range(len(rows), 0, -1))
        assert [(row.action, row.actor) for row in rows][:2] == [("replace", "token robot"), ("set", "token robot")]
        assert len(some.items) == 1
        assert (whole.whole, other.whole, wrong.status_code) == (True, False, 422)

    async def test_a_token_makes_and_revokes_others(self, portal: Portal) -> None:
        """Its text is in the one answer alone."""
        async with portal.program("admin") as program, portal.stranger() as stranger:
            made = await program.post(
                "/api/v1/tokens", json={"name": "new", "scopes": ["read"], "expires_at": "2990-01-01T00:00:00+02:00"}
            )
            taken = await program.post("/api/v1/tokens", json={"name": "new", "scopes": ["read"]})
            over = await program.post(
                "/api/v1/tokens", json={"name": "old", "scopes": ["read"], "expires_at": "1990-01-01T00:00:00Z"}
            )
            token = checked(made, models.NewToken)
            listed = await program.get("/api/v1/tokens")
            as_new = {"authorization": f"Bearer {token.token}"}
            used = await stranger.get("/api/v1/runs", headers=as_new)
            revoked = checked(await program.delete("/api/v1/tokens/new"), models.Revoked)
            after = await stranger.get("/api/v1/runs", headers=as_new)
            again = await program.delete("/api/v1/tokens/new")

        assert made.status_code == 201
        assert (taken.status_code, over.status_code, again.status_code) == (409, 422, 404)
        assert [each.name for each in checked(listed, models.TokenList).items] == ["admin", "new"]
        assert token.token not in listed.text
        assert (used.status_code, revoked.revoked, after.status_code) == (200, True, 401)


CANARY = "cAnArY-9f8e7d6c5b4a"


class TestErrors:
    @pytest.mark.parametrize(
        ("method", "path", "body", "status", "place"),
        [
            ("POST", "/workflows/hello/runs", '{"inputs": ["%s"]}', 422, "inputs"),
            ("POST", "/workflows/hello/runs", '{"inputs": {"n": "%s"}}', 422, "inputs.n"),
            ("POST", "/workflows/hello/runs", '{"%s": 1}', 422, ""),
            ("POST", "/workflows/hello/runs", '{"inputs": "%s', 400, None),
            ("POST", "/workflows/hello/runs", '{"trigger": %nested', 400, None),
            ("POST", "/workflows/hello/runs", '"\\ud800%s"', 400, None),
            ("PUT", "/secrets/A_KEY", '{"value": {"a": "%s"}}', 422, "value"),
            ("PUT", "/secrets/A_KEY", '{"value": "%s", "on_expiry": "%s"}', 422, "on_expiry"),
            ("PUT", "/secrets/A_KEY", '{"value": "%s", "allowed_hosts": ["http://%s /"]}', 422, None),
            ("PUT", "/secrets/A_KEY", '{"value": "%s", "expires_at": "%s"}', 422, "expires_at"),
            ("PUT", "/secrets/1-%s", '{"value": "%s"}', 422, None),
            ("PUT", "/secrets/A_KEY", '{"value": ""}', 422, None),
            ("POST", "/tokens", '{"name": "%s ", "scopes": ["read"]}', 422, None),
            ("POST", "/tokens", '{"name": "a", "scopes": ["%s"]}', 422, "scopes[0]"),
            ("GET", "/runs?state=%s", None, 422, "state[0]"),
            ("GET", "/runs?limit=%s", None, 422, "limit"),
            ("GET", "/runs?limit=201", None, 422, "limit"),
            ("GET", "/runs?limit=1&limit=2", None, 422, None),
            ("GET", "/runs?%s=1", None, 422, ""),
            ("GET", "/runs?cursor=%s", None, 422, None),
            ("GET", "/audit/verify?head=%s", None, 422, None),
            ("PATCH", "/runs", "%s", 405, None),
        ],
        ids=str,
    )
    async def test_what_is_wrong_is_told_by_its_place_alone(
        self, program_of_everything: Any, method: str, path: str, body: str | None, status: int, place: str | None
    ) -> None:
        """A problem document with the path, without anything that was sent."""
        content = None if body is None else body.replace("%s", CANARY).replace("%nested", "[" * 100_000)
        headers = {} if content is None else {"content-type": "application/json"}
        answer = await program_of_everything.request(
            method, "/api/v1" + path.replace("%s", CANARY), content=content, headers=headers
        )

        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        found = answer.json()
        assert found.keys() >= {"type", "title", "status", "detail"}
        assert CANARY.lower() not in (answer.text + str(answer.headers)).lower()
        if place is not None:
            assert [error["path"] for error in found["errors"]] == [place]

    async def test_another_type_of_body_is_told(self, program_of_everything: Any) -> None:
        """415 names the one that is expected."""
        answer = await program_of_everything.post(
            "/api/v1/tokens", content=b"a=1", headers={"content-type": "text/csv"}
        )

        assert (answer.status_code, answer.json()["detail"]) == (415, "expected a body of type application/json")

    async def test_a_method_that_is_not_answered_is_told_with_those_that_are(self, program_of_everything: Any) -> None:
        """405 names every method of the path."""
        answer = await program_of_everything.patch("/api/v1/secrets/A_KEY", json={})

        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT", "DELETE"}

    async def test_what_is_no_error_of_the_sender_is_a_conflict(self, program_of_everything: Any) -> None:
        """A workflow that is not paused, a run that succeeded: 409."""
        run = await program_of_everything.post(
            "/api/v1/workflows/hello/runs", json={"inputs": {"n": 1}}, headers={"prefer": "wait=20"}
        )
        answers = [
            await program_of_everything.post("/api/v1/workflows/hello/resume"),
            await program_of_everything.post(f"/api/v1/runs/{run.json()['run']}/rerun", json={}),
        ]

        assert [answer.status_code for answer in answers] == [409, 409]


class TestOpenApi:
    async def test_the_document_names_every_endpoint(self, portal: Portal) -> None:
        """The document that is served, its page, and the table agree; the page has nothing from elsewhere."""
        async with portal.browser() as browser:
            served = (await browser.get("/api/openapi.json")).json()
            page = (await browser.get("/api")).text
        rows = ENDPOINTS

        assert served == json.loads(msgspec.json.encode(document(rows)))
        assert {(path, method.upper()) for path, methods in served["paths"].items() for method in methods} == {
            ("/api/v1" + each.path, each.method) for each in rows
        }
        assert all(f"<code>{each.method} /api/v1{each.path}</code>" in page for each in rows)
        assert "http" not in page.replace("https://127", "").replace("http://127", "").partition("<main")[0]
