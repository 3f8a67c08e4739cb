"""An installed package brings secrets that the vault does not have."""

import json
from pathlib import Path

from tests.acceptance.conftest import Installation

CABINET = """
from contextlib import asynccontextmanager

class Cabinet:
    async def find(self, names, workflow):
        if "BROKEN" in names:
            raise ValueError("canary-cabinet-value")
        held = {"DRAWER": "canary-cabinet-value", "BOTH": "canary-cabinet-both", "UNASKED": "canary-unasked"}
        return held

@asynccontextmanager
async def open_cabinet():
    yield Cabinet()
"""

FLOW = """
actions:
  - {id: a, type: set, config: {drawer: "{{ $secret.DRAWER | length }}", shown: $secret.DRAWER, both: "{{ $secret.BOTH | length }}"}}
output: $action.a
"""


def install(folder: Path) -> dict[str, str]:
    """The package as an installer leaves it, in a folder of its own; the variable that leads there."""
    info = folder / "runner_cabinet-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: runner-cabinet\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[runner.secret_sources]\ncabinet = runner_cabinet:open_cabinet\n")
    (folder / "runner_cabinet.py").write_text(CABINET)
    return {"PYTHONPATH": str(folder)}


def test_a_source_is_asked_after_the_vault(installation: Installation, tmp_path: Path) -> None:
    """The vault's own name is the vault's; what the source gives is masked; who has none is told who was asked."""
    environ = install(tmp_path / "packages")
    installation.set_secret("BOTH", "canary-of-the-vault")
    installation.write("flow.yaml", FLOW)
    done = installation.run("run", "flow", "--json", check=True, environ=environ)
    assert json.loads(done.stdout)["output"] == {"drawer": 20, "shown": "[secret DRAWER]", "both": 19}

    for name, told in (
        ("GONE", "neither in the vault nor in cabinet"),
        ("BROKEN", "The secret source cabinet broke (ValueError)"),
    ):
        installation.write("flow.yaml", f"actions: [{{id: a, type: set, config: $secret.{name}}}]")
        failed = installation.run("run", "flow", "--json", environ=environ)
        assert told in json.loads(failed.stdout)["error"]["message"]
    assert installation.leaks("canary-cabinet-value") == []


def test_one_that_cannot_be_opened_is_named_at_the_start(installation: Installation, tmp_path: Path) -> None:
    """With its distribution, in one sentence."""
    environ = install(tmp_path / "packages")
    (tmp_path / "packages" / "runner_cabinet.py").write_text("open_cabinet = None\n")
    done = installation.run("start", environ=environ)

    assert done.returncode == 1
    assert (
        b"the entry point 'cabinet' of 'runner-cabinet' (runner.secret_sources) cannot be opened (TypeError)"
        in done.stderr
    )
