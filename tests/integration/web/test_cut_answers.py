"""A secret that comes back in pieces: nothing is masked before the pieces of an answer are joined."""

import json
import zlib

import httpx
from aiohttp import web
from anyio.lowlevel import checkpoint

from runner.testing import TURNS
from tests.conftest import OpenServer
from tests.integration.web.conftest import Portal, loaded, started

SECRET = "cut-me-wherever-you-like-é!"
GIVEN = f"before {SECRET} after".encode()
FLOW = """
inputs: {{cuts: {{type: array}}}}
actions:
  - id: each
    type: http
    for_each: $input.cuts
    config: {{url: "{peer}/$item.path?at=$item.at"}}
    output: $this.body
output: $action.each
"""


async def in_two(request: web.Request) -> web.StreamResponse:
    """The text up to `at`, a few turns of the loop that the client shares, and the rest; bytes of gzip below `/gzip`."""
    at = int(request.query["at"])
    body = GIVEN
    answer = web.StreamResponse(headers={"content-type": "text/plain; charset=utf-8"})
    if request.path == "/gzip":
        body = zipped()
        answer.headers["content-encoding"] = "gzip"
    answer.enable_chunked_encoding()
    await answer.prepare(request)
    for piece in (body[:at], body[at:]):
        await answer.write(piece)
        for _ in range(TURNS):
            await checkpoint()
    await answer.write_eof()
    return answer


def zipped() -> bytes:
    """The text stored, not packed, so that the secret stands in the bytes as it is and can be cut."""
    packer = zlib.compressobj(0, wbits=zlib.MAX_WBITS | 16)
    return packer.compress(GIVEN) + packer.flush()


async def everywhere(portal: Portal, run: str, program: httpx.AsyncClient) -> str:
    """All that is told of the run: its document, journal, events, lines and page."""
    paths = (f"/api/v1/runs/{run}", f"/api/v1/runs/{run}/journal", f"/api/v1/events?run={run}")
    texts = [(await program.get(path)).raise_for_status().text for path in paths]
    async with portal.browser() as browser:
        texts += [(await browser.get(f"/runs/{run}{more}")).raise_for_status().text for more in ("", "/journal")]
    return "\n".join(texts)


async def test_a_secret_cut_at_every_byte_is_masked(portal: Portal, http_server: OpenServer) -> None:
    """In the run's output and wherever it is told, plain and compressed; the cut is within a character too."""
    vault = portal.services.vault
    assert vault is not None
    await vault.set("KNOWN", SECRET)
    assert await portal.services.mask(SECRET) == "[secret KNOWN]"
    peer = await http_server(in_two)
    await loaded(portal, cuts=FLOW.format(peer=peer.origin))
    cuts = []
    for path, body in (("plain", GIVEN), ("gzip", zipped())):
        first = body.index(SECRET.encode())
        cuts += [{"path": path, "at": at} for at in range(first, first + len(SECRET.encode()) + 1)]
    run = await started(portal, "cuts", cuts=cuts)
    async with portal.program("read") as program:
        output = (await program.get(f"/api/v1/runs/{run}")).json()["output"]
        told = await everywhere(portal, run, program)

    assert output == ["before [secret KNOWN] after"] * len(cuts)
    assert len(peer.requests) == len(cuts) == 2 * (len(SECRET.encode()) + 1)
    assert SECRET not in told
    assert json.dumps(SECRET)[1:-1] not in told
    assert SECRET[:10] not in told
    assert SECRET[-10:] not in told
