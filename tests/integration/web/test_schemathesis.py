"""
The whole API against what its own description allows and what it does not: requests that Schemathesis makes of it.

`RUNNER_API_EXAMPLES` is how many of each endpoint; a long run takes 500.
"""

import os
import re
import sys
from pathlib import Path

import anyio
import pytest

from runner.accounts.credentials import SCOPES
from runner.web.api.table import ENDPOINTS
from tests.integration.web.conftest import Portal

EXAMPLES = int(os.environ.get("RUNNER_API_EXAMPLES", "3"))
NAME = "the.one.that.asks"
"""Of the token: one that no generated request hits upon to revoke."""

LEFT_OUT = {
    "ignored_auth": "many wrong tokens are answered 429 before long, as they should be",
    "positive_data_acceptance": "422 also says what no schema can: dates that are over, headers that exclude each other",
}


@pytest.mark.timeout(60 + 20 * EXAMPLES)
async def test_nothing_that_is_sent_breaks_the_api(portal: Portal, tmp_path: Path) -> None:
    """No 5xx, every answer as described, everything refused that the description excludes; the daemon goes on."""
    (portal.folder / "workflows" / "hello.yaml").write_text(
        "inputs: {n: {type: integer, default: 1}}\nactions: [{id: a, type: set, config: {n: $input.n}}]\n"
    )
    token = await portal.accounts.make_token(NAME, SCOPES, by="test")
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{portal.origin}/api/openapi.json"),
        *("--header", f"Authorization: Bearer {token}"),
        *("--exclude-path", "/api/v1/events"),  # a stream without end; tests of its own ask it
        *("--exclude-checks", ",".join(LEFT_OUT)),
        *("--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "20"),
        *("--request-timeout", "20", "--generation-database", "none", "--no-color"),
    ]
    done = await anyio.run_process(command, check=False, cwd=tmp_path, env={**os.environ, "NO_PROXY": "127.0.0.1"})
    async with portal.stranger() as stranger:
        alive = await stranger.get("/healthz")

    said = done.stdout.decode().replace(token, "TOKEN") + done.stderr.decode()
    assert done.returncode == 0, said[-8000:]
    tested = re.search(r"Tested:\s+(\d+)", said)
    assert tested, said[-2000:]
    assert int(tested[1]) >= len(ENDPOINTS) - 1
    assert alive.status_code == 200
