"""
`runner init [DIR]`: make a folder ready for `runner start`; what is there already is never touched.

    DIR/config.toml          0600, with a fresh random master key
    DIR/workflows/hello.yaml an example that needs nothing but the daemon
    DIR/data/runner.db       an empty vault, beside a config.toml that is new
    DIR/.gitignore           keeps the key and the data out of git

The verification key of the vault's audit log is printed and written nowhere.
"""

import os
from pathlib import Path
from typing import Final

import anyio
import click

from runner.cli.options import who
from runner.clock import SystemClock
from runner.errors import RunnerError
from runner.secrets.keys import new_master_key, parse
from runner.secrets.vault import open_vault

_CONFIG: Final = """\
# Runner's settings; config.toml.example lists every key. This file holds the master key: keep it out of git, mode 0600.
# Without the key the secrets cannot be read again by anybody: keep a copy of it apart from the data.

[server]
port = 8080
workflows = "./workflows"

[dashboard]
port = 3000
master_key = "{key}"

[sqlite]
path = "./data/runner.db"
"""

_VAULT: Final = Path("data", "runner.db")
"""As the config says."""

_EXAMPLE: Final = """\
# The daemon asks itself how it is. Start it by hand:  runner run hello --input name=you
name: hello
description: An example; change it while the daemon runs and it is loaded anew.
inputs:
  name: {type: string, default: world}
actions:
  - id: health
    type: http
    config:
      url: http://127.0.0.1:8080/healthz
    retry: {max_attempts: 3, delay: 1s}
  - id: greeting
    type: set
    config: "Hello {{ $input.name }}, Runner {{ $action.health.body.version }} is {{ $action.health.body.status }}."
output: $action.greeting
"""

_IGNORED: Final = """\
config.toml
data/
runner.key
*.db
*.db-wal
*.db-shm
"""


@click.command(short_help="Make a folder ready: config.toml with a fresh master key, an example, .gitignore.")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(*, folder: Path) -> None:
    """Make DIR (the working folder) ready for `runner start`. What is there already is not touched."""
    has_workflows = (folder / "workflows").exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        key = new_master_key()
        is_new = _write(folder / "config.toml", _CONFIG.format(key=key), mode=0o600)
        if not has_workflows:
            (folder / "workflows").mkdir()
            _write(folder / "workflows" / "hello.yaml", _EXAMPLE, mode=0o644)
        else:
            click.echo(f"kept   {folder / 'workflows'}")
        _write(folder / ".gitignore", _IGNORED, mode=0o644)
    except OSError as error:
        raise RunnerError(f"{error.filename}: cannot be made: {error.strerror}") from None
    if is_new and not (folder / _VAULT).exists():
        anyio.run(_make_vault, (folder / _VAULT).absolute(), key)
    where = "" if folder == Path() else f"cd {folder}\n  "
    click.echo(f"\nNext:\n  {where}runner start\n  runner run hello              in a second terminal")
    click.echo("  runner secrets set API_KEY    what $secret.API_KEY in a workflow means")


async def _make_vault(path: Path, key: str) -> None:
    """An empty vault; the verification key of its audit log is shown, and lies nowhere."""
    async with open_vault(path, parse(key), clock=SystemClock()) as vault:
        verification_key = vault.verification_key
        assert verification_key is not None
        _show(verification_key.text())
        await vault.shown_audit_key(verification_key, by=who())


def _show(verification_key: str) -> None:
    click.echo(f"wrote  {_VAULT}\n\nThe key that verifies the audit log, shown this once; keep it on another machine:")
    click.echo(f"  {verification_key}")


def _write(path: Path, text: str, *, mode: int) -> bool:
    """A new file, private from its first byte where it has to be; one that is there is kept: False."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        click.echo(f"kept   {path}")
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    click.echo(f"wrote  {path}")
    return True
