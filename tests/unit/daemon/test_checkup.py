"""The doctor looks once a minute, however often its findings are asked for."""

from typing import Any

import anyio
import pytest

from runner.daemon import doctor
from runner.daemon.checkup import KEPT_SECONDS, Checkup
from runner.testing import FakeClock


async def test_the_doctor_looks_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten who ask at once wait for one look; after the minute there is another."""
    looks: list[object] = []

    async def found(patient: Any) -> list[dict[str, Any]]:
        looks.append(patient)
        await anyio.lowlevel.checkpoint()
        return [{"name": f"look {len(looks)}"}]

    monkeypatch.setattr(doctor, "found", found)
    clock = FakeClock()
    patient: Any = object()
    checkup = Checkup(patient, clock)
    answers: list[list[dict[str, Any]]] = []

    async def ask() -> None:
        answers.append(await checkup.found())

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ask)
    await clock.advance(KEPT_SECONDS - 1)
    await ask()
    assert answers == [[{"name": "look 1"}]] * 11

    await clock.advance(1)
    await ask()

    assert answers[-1] == [{"name": "look 2"}]
    assert looks == [patient, patient]
