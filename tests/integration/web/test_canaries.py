"""What the port is sent where it does not belong comes back in no answer, where that is a secret."""

from runner.accounts.credentials import SCOPES
from tests.acceptance.leaks import visited
from tests.acceptance.leaks.needles import ALL
from tests.integration.web.conftest import Portal
from tests.unit.redaction.shapes import SECRETS

CANARIES = tuple(SECRETS.values())


async def test_no_secret_in_a_wrong_place_is_in_an_answer(portal: Portal) -> None:
    """
    Twenty of them, in body, field, key, query, header, path and form of the endpoints and the pages: none of the forms
    that a secret is written in is in a byte or a header of any answer.
    """
    vault = portal.services.vault
    assert vault is not None
    for name, value in SECRETS.items():
        await vault.set(name, value)
    for name, value in SECRETS.items():
        assert await portal.services.mask(f"<{value}>") == f"<[secret {name}]>"
    outputs: dict[str, bytes] = {}
    async with portal.program(*SCOPES) as client:
        program = visited.Visit(client, outputs, "API")
        await visited.see_endpoints(program, {"name": SECRETS})
        await visited.send_wrong(program, CANARIES)
    async with portal.browser() as client:
        person = visited.Visit(client, outputs, "page")
        await visited.see_pages(person, {"name": ["PLAIN"]})
        await visited.send_forms(person, CANARIES)
    async with portal.stranger() as client:
        stranger = visited.Visit(client, outputs, "stranger")
        for canary in CANARIES:
            for each in ("Authorization", "Host", "Origin", "Cookie"):
                header = visited.as_header(canary)
                await stranger.ask("/api/v1/runs", place=each, headers={each: header})

    assert {place: found for place, data in outputs.items() if (found := ALL.in_(data))} == {}
    assert [
        path for visit in (program, person) for path, status in visit.statuses.items() if status in {401, 500}
    ] == []
