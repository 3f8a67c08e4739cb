"""A disk that refuses to write, below the whole daemon (design §2.11)."""

import sys
from pathlib import Path

import anyio

from runner.ports import RunFilter
from runner.secrets.keys import new_master_key
from runner.store.sqlite import open_store
from tests.integration.daemon.full_disk import LATE

ROOT = Path(__file__).parents[3]


async def test_nothing_new_starts_and_no_outcome_is_lost(tmp_path: Path) -> None:
    """503 for readiness and for commands, 200 once it writes again; a stop while it refuses leaves its runs in flight."""
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "now.yaml").write_text("actions: [{id: a, type: set, config: 1}]\n")
    (tmp_path / "workflows" / "late.yaml").write_text("actions: [{id: a, type: wait, config: {for: 500ms}}]\n")
    (tmp_path / "config.toml").write_text(
        f'[server]\nport = 0\nhost = "127.0.0.1"\n[dashboard]\nmaster_key = "{new_master_key()}"\n'
        '[log]\nlevel = "error"\nformat = "console"\n'
    )
    (tmp_path / "config.toml").chmod(0o600)

    words = [sys.executable, "-m", "tests.integration.daemon.full_disk", str(tmp_path)]
    done = await anyio.run_process(words, cwd=ROOT, check=False)

    assert done.returncode == 0, done.stderr.decode()
    async with open_store(tmp_path / "data" / "runner-runs.db") as store:
        assert await store.live()
        states = [row.state for row in await store.find(RunFilter(workflow="late"))]
        assert {*states[:LATE]} <= {"running", "queued"}
        assert states[LATE:] == ["succeeded"] * LATE
