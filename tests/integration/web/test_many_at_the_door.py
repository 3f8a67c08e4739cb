"""
Many at the door at once, or one for long: memory stays flat, one hash at a time, whoever is right gets in.

`RUNNER_WRONG_PASSWORDS` is how many wrong ones come one after the other; a long run takes 10,000.
"""

import gc
import os
from collections import Counter

import anyio
import httpx
import psutil
import pytest

from runner.accounts import passwords
from runner.accounts.delays import FREE
from tests.integration.web.conftest import PASSWORD, Portal

WRONG = int(os.environ.get("RUNNER_WRONG_PASSWORDS", "300"))


async def test_wrong_passwords_without_end_wait_longer_and_cost_nothing(portal: Portal) -> None:
    """A few are looked at, all others are refused unseen; the wait grows; memory is what it was."""
    process = psutil.Process()
    async with portal.browser(), portal.stranger() as stranger:
        stranger.headers["origin"] = portal.origin
        statuses: Counter[int] = Counter()
        for number in range(20):
            statuses[(await stranger.post("/login", data={"password": f"wrong {number}"})).status_code] += 1
        gc.collect()
        before = process.memory_info().rss
        for number in range(WRONG - 20):
            answer = await stranger.post("/login", data={"password": f"wrong {number}"})
            statuses[answer.status_code] += 1
        gc.collect()
        grown = process.memory_info().rss - before
        right = await stranger.post("/login", data={"password": PASSWORD})

    assert set(statuses) == {422, 429}
    assert FREE <= statuses[422] < FREE + 20
    assert statuses.total() == WRONG
    assert grown < 32 * 1024 * 1024
    assert right.status_code == 429


async def test_a_hundred_who_sign_in_take_one_hash_at_a_time(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never two hashes at once, so never twice 64 MiB; who finds too many waiting is told to come again; some get in."""
    at_once, most = 0, 0
    real = passwords.is_right

    def counted(password: str, phc: str) -> bool:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return real(password, phc)
        finally:
            at_once -= 1

    async with portal.browser():
        monkeypatch.setattr(passwords, "is_right", counted)
        answers: list[httpx.Response] = []

        async def sign_in(stranger: httpx.AsyncClient) -> None:
            answers.append(
                await stranger.post("/login", data={"password": PASSWORD}, headers={"origin": portal.origin})
            )

        async with portal.stranger() as stranger, anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(sign_in, stranger)

    statuses = Counter(answer.status_code for answer in answers)
    refused = [answer for answer in answers if answer.status_code == 429]

    assert most == 1
    assert set(statuses) <= {303, 429}
    assert statuses[303] >= 1
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
