"""What the port is sent where it does not belong comes back in no answer, where that is a secret."""

import pytest

from runner.accounts.credentials import SCOPES
from tests.acceptance.leaks import visited
from tests.acceptance.leaks.needles import Needles
from tests.integration.web.conftest import Portal
from tests.unit.redaction.shapes import SECRETS

SENT = ("QUOTES", "PUNCTUATION", "NON_ASCII")


@pytest.mark.parametrize("name", SENT)
async def test_a_secret_in_a_wrong_place_is_in_no_answer(portal: Portal, name: str) -> None:
    """In body, field, key, query, header, path and form of every endpoint and every page: no byte, no header has it."""
    vault = portal.services.vault
    assert vault is not None
    await vault.set("KNOWN", SECRETS[name])
    assert await portal.services.mask(SECRETS[name]) == "[secret KNOWN]"
    outputs: dict[str, bytes] = {}
    async with portal.program(*SCOPES) as client:
        program = visited.Visit(client, outputs, "API")
        await visited.see_endpoints(program, {"name": ["KNOWN"]})
        await visited.send_wrong(program, SECRETS[name])
    async with portal.browser() as client:
        person = visited.Visit(client, outputs, "page")
        await visited.see_pages(person, {"name": ["KNOWN"]})
        await visited.send_forms(person, SECRETS[name])

    needles = Needles({name: SECRETS[name]})
    assert {place: found for place, data in outputs.items() if (found := needles.in_(data))} == {}
    assert [
        path for visit in (program, person) for path, status in visit.statuses.items() if status in {401, 500}
    ] == []
