"""The list of runs by the API: the same filters as the page of runs has."""

import pytest

from tests.integration.web.conftest import Portal
from tests.integration.web.test_api import ready


async def found(portal: Portal, **query: str) -> list[str]:
    """Ids of the runs that a query finds."""
    async with portal.program("read") as program:
        answer = await program.get("/api/v1/runs", params=query)
    assert answer.status_code == 200, answer.text
    return [each["run"] for each in answer.json()["items"]]


@pytest.fixture
async def run(portal: Portal) -> str:
    """The one run that there is; a program started it."""
    await ready(portal)
    async with portal.program("run") as program:
        return str((await program.post("/api/v1/workflows/hello/runs", json={})).json()["run"])


@pytest.mark.parametrize(
    ("fits", "fits_not"),
    [
        ({"trigger": "api"}, {"trigger": "schedule"}),
        ({"text": "HELL"}, {"text": "nothing of it"}),
        ({"since": "1h"}, {"since": "2100-01-01T00:00:00Z"}),
        ({"until": "2100-01-01T00:00:00Z"}, {"until": "1h"}),
        ({"text": "hell", "trigger": "api", "since": "1h"}, {"label": "team=nobody"}),
    ],
)
async def test_a_filter_finds_what_fits(
    portal: Portal, run: str, fits: dict[str, str], fits_not: dict[str, str]
) -> None:
    """By what started it, a text whatever its case, the time of its acceptance, a label of its workflow."""
    assert await found(portal, **fits) == [run]
    assert await found(portal, **fits_not) == []


@pytest.mark.parametrize("query", [{"since": "2027-13-01T00:00:00Z"}, {"until": "yesterday"}, {"trigger": "mail"}])
async def test_a_filter_that_is_none_is_told(portal: Portal, query: dict[str, str]) -> None:
    """422, which names the field."""
    async with portal.program("read") as program:
        answer = await program.get("/api/v1/runs", params=query)

    assert answer.status_code == 422
    assert next(iter(query)) in answer.text
