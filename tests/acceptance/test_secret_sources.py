"""An installed package brings secrets that the vault does not have."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Installation

CABINET = """
from contextlib import asynccontextmanager

class Cabinet:
    async def find(self, names, workflow):
        if "BROKEN" in names:
            raise ValueError("canary-cabinet-value")
        held = {"DRAWER": "canary-cabinet-value", "BOTH": "canary-cabinet-both", "UNASKED": "canary-unasked"}
        return held

    async def names(self):
        return LISTED

@asynccontextmanager
async def open_cabinet():
    yield Cabinet()
"""

FLOW = """
actions:
  - {id: a, type: set, config: {drawer: "{{ $secret.DRAWER | length }}", shown: $secret.DRAWER, both: "{{ $secret.BOTH | length }}"}}
output:
  a: $action.a
"""


def install(folder: Path, listed: str = "()") -> dict[str, str]:
    """The package as an installer leaves it, in a folder of its own; the variable that leads there."""
    info = folder / "runner_cabinet-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: runner-cabinet\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[runner.secret_sources]\ncabinet = runner_cabinet:open_cabinet\n")
    (folder / "runner_cabinet.py").write_text(f"{CABINET}\nLISTED = {listed}\n")
    return {"PYTHONPATH": str(folder)}


def test_a_source_is_asked_after_the_vault(installation: Installation, tmp_path: Path) -> None:
    """The vault's own name is the vault's; what the source gives is masked; who has none is told who was asked."""
    environ = install(tmp_path / "packages")
    installation.set_secret("BOTH", "canary-of-the-vault")
    installation.write("flow.yaml", FLOW)
    done = installation.run("run", "flow", "--json", check=True, environ=environ)
    assert json.loads(done.stdout)["output"]["a"] == {"drawer": 20, "shown": "[secret DRAWER]", "both": 19}

    for name, told in (
        ("GONE", "neither in the vault nor in cabinet"),
        ("BROKEN", "The secret source cabinet broke (ValueError)"),
    ):
        installation.write("flow.yaml", f"actions: [{{id: a, type: set, config: $secret.{name}}}]")
        failed = installation.run("run", "flow", "--json", environ=environ)
        assert told in json.loads(failed.stdout)["error"]["message"]
    assert installation.leaks("canary-cabinet-value") == []


@pytest.mark.parametrize(
    ("listed", "states", "problems"),
    [
        ('{"DRAWER", "BOTH", "UNASKED"}', {"GONE": "missing", "UNASKED": "unused"}, ["there is no secret GONE"]),
        ("None", {"DRAWER": "unlisted", "GONE": "unlisted"}, []),
    ],
    ids=["lists", "cannot list"],
)
def test_what_a_source_lists_is_there(
    installation: Installation, tmp_path: Path, listed: str, states: dict[str, str], problems: list[str]
) -> None:
    """For the daemon, for the commands without one; of a source that cannot list nobody says what is missing."""
    environ = install(tmp_path / "packages", listed)
    installation.set_secret("BOTH", "canary-of-the-vault")
    installation.write("flow.yaml", FLOW + "  gone: $secret.GONE\n")
    expected = {"DRAWER": "used", "BOTH": "used", **states}

    def usage() -> dict[str, dict[str, Any]]:
        done = installation.run("secrets", "usage", "--json", check=True, environ=environ)
        return {each["name"]: each for each in map(json.loads, done.stdout.splitlines())}

    kept = usage()
    checked = installation.run("validate", "--json", check=True, environ=environ)
    with installation.daemon(environ=environ):
        alive = usage()
        shown = json.loads(installation.run("workflows", "show", "flow", "--json", check=True).stdout)

    for found in (kept, alive):
        assert {name: each["state"] for name, each in found.items()} == expected
        assert (found["BOTH"]["source"], found["GONE"]["source"]) == ("vault", None)
    for told in (map(json.loads, checked.stdout.splitlines()), shown["problems"]):
        assert [each["message"].partition(":")[0] for each in told] == problems


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
