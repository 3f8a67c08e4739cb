"""`/metrics` of a real daemon: who may read it, what is in it, and what never is."""

from pathlib import Path

import anyio
import httpx
import pytest
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint
from prometheus_client.parser import text_string_to_metric_families as parse

from runner.accounts.credentials import SCOPES
from tests.integration.web.conftest import Portal, open_portal

WORKFLOW = """
inputs: {by: {type: integer, default: 1}}
triggers: [{type: http, config: {path: /orders, auth: {bearer: $env.PORTAL_BEARER}}}]
actions: [{id: sum, type: set, config: {n: 1}}, {id: divide, type: set, config: {n: "{{ 1 / $input.by }}"}}]
"""


async def _read(program: httpx.AsyncClient) -> tuple[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]]:
    answer = await program.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(answer.text)
        for sample in family.samples
    }
    return answer.text, samples


async def test_it_takes_a_token_that_may_read(portal: Portal) -> None:
    """401 without, 403 with every other scope, a session does; the triggers' port has nothing there."""
    async with (
        portal.stranger() as stranger,
        portal.program(*[each for each in SCOPES if each != "read"], name="others") as others,
        portal.program("read") as reader,
        portal.browser() as browser,
    ):
        answers = [await who.get("/metrics") for who in (stranger, others, reader, browser)]
        posted = await reader.post("/metrics")
        trigger = await reader.get(f"http://127.0.0.1:{portal.service.ports[0]}/metrics")

    assert [answer.status_code for answer in answers] == [401, 403, 200, 200]
    assert posted.status_code == 405
    assert trigger.status_code == 404
    assert "runner_" not in trigger.text


async def test_it_counts_what_happened(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs by workflow and state, actions by type, what a trigger refused and why, the store's commits and sizes."""
    monkeypatch.setenv("PORTAL_BEARER", "the bearer of this test")
    (portal.folder / "workflows" / "orders.yaml").write_text(WORKFLOW)
    async with portal.program("read", "run") as program:
        while (await program.get("/api/v1/workflows/orders")).status_code != 200:
            pass
        done = await program.post("/api/v1/workflows/orders/runs", json={}, headers={"prefer": "wait=10"})
        failed = await program.post(
            "/api/v1/workflows/orders/runs", json={"inputs": {"by": 0}}, headers={"prefer": "wait=10"}
        )
        async with portal.stranger() as stranger:
            await stranger.post(f"http://127.0.0.1:{portal.service.ports[0]}/orders")
        text, found = await _read(program)

    def value(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    assert (done.json()["state"], failed.json()["state"]) == ("succeeded", "failed")
    assert value("runner_runs_ended_total", workflow="orders", state="succeeded") == 1
    assert value("runner_runs_ended_total", workflow="orders", state="failed") == 1
    assert value("runner_run_seconds_count", workflow="orders") == 2
    assert value("runner_actions_ended_total", type="set", state="succeeded") == 3
    assert value("runner_actions_ended_total", type="set", state="failed") == 1
    assert value("runner_runs", state="failed") == 1
    assert value("runner_triggers_refused_total", trigger="http", workflow="orders", reason="caller") == 1
    assert value("runner_commit_seconds_count") > 0
    assert value("runner_commit_items_sum") >= value("runner_commit_items_count")
    assert value("runner_store_bytes", part="database") > 0
    assert value("runner_store_degraded") == 0
    assert value("runner_workflows", state="ok") == 1
    assert value("runner_audit_head") > 0
    assert value("runner_loop_lag_seconds_count") >= 0
    assert done.json()["run"] not in text
    assert "127.0.0.1" not in text


async def test_it_counts_the_tasks_of_the_loop(portal: Portal) -> None:
    """Three more that wait are three more; the daemon is in this process, so that they can be counted here."""
    async with portal.program("read") as program:
        before = (await _read(program))[1]["runner_tasks", ()]
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                await tasks.start(_waits)
            during = (await _read(program))[1]["runner_tasks", ()]
            tasks.cancel_scope.cancel()
        after = (await _read(program))[1]["runner_tasks", ()]

    assert before > 3
    assert (during - before, after - before) == (3, 0)


async def _waits(*, task_status: TaskStatus[None]) -> None:
    task_status.started()
    await anyio.sleep_forever()


async def test_it_says_which_secrets_want_something(portal: Portal) -> None:
    """A secret that a workflow names and nobody set, and the vault's generation, which every change moves."""
    (portal.folder / "workflows" / "uses.yaml").write_text(
        'actions: [{id: a, type: http, if: "false", config: {url: "https://h.example/", headers: {X: $secret.NOBODY}}}]\n'
    )
    async with portal.program("read", "secrets") as program:
        while (await program.get("/api/v1/workflows/uses")).status_code != 200:
            pass
        _, before = await _read(program)
        await program.put("/api/v1/secrets/SOME_KEY", json={"value": "a value of this test"})
        text, after = await _read(program)

    assert before["runner_secrets_due", (("what", "missing"),)] == 1
    assert after["runner_secrets_due", (("what", "expired"),)] == 0
    assert after["runner_vault_generation", ()] > before["runner_vault_generation", ()]
    assert "a value of this test" not in text
    assert "NOBODY" not in text


async def test_without_a_vault_it_counts_the_secrets_that_are_missing(tmp_path: Path) -> None:
    """Under the same label; the vault's own figures are not there. A broken file is counted as one."""
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "broken.yaml").write_text("action: []\n")
    async with open_portal(tmp_path, has_vault=False) as portal, portal.program("read") as program:
        while not portal.service.catalogs.broken_count:
            await checkpoint()  # the watcher is in this process
        text, found = await _read(program)

    assert [dict(labels) for name, labels in found if name == "runner_secrets_due"] == [{"what": "missing"}]
    assert "runner_vault_generation" not in text
    assert "runner_audit_head" not in text
    assert found["runner_workflows", (("state", "broken"),)] == 1
    assert found["runner_workflows", (("state", "ok"),)] == 0
