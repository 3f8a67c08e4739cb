"""
`runner backup FILE` and `runner restore FILE`.

    backup   ──► the daemon's control socket, or the files under the store's lock where none runs
    restore  ──► the files under the lock: refused while a daemon runs

What they do is `runner.daemon.backup` and `runner.daemon.restore`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import click
import msgspec

from runner.cli.options import config_option, json_option, load_settings, who
from runner.cli.output import json_lines
from runner.client import connect
from runner.errors import StoreError
from runner.settings import Settings

_MEGA = 1_000_000


@click.command(short_help="Back both databases up into one file, while runs go on.")
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@json_option
def backup(*, file: Path, config: Path | None, as_json: bool) -> None:
    """
    Back the vault and the runs up into FILE, mode 0600, while runs go on. FILE must not be there yet.

    The master key is not in it, and without the key nobody opens the vault: keep the two apart, and keep both.
    """
    settings = load_settings(config).settings
    done = False
    for document in _documents(settings, file.absolute()):
        done = done or "backup" in document
        if as_json:
            json_lines([document])
        elif "copied" in document:
            click.echo(f"copied {document['copied']} ({document['bytes'] / _MEGA:.1f} MB)", err=True)
        else:
            click.echo(f"{document['backup']} ({document['bytes'] / _MEGA:.1f} MB)")
    if not done:
        raise StoreError("the daemon ended the backup in the middle: its log tells why")


def _documents(settings: Settings, file: Path) -> Iterator[dict[str, Any]]:
    with connect(settings.sqlite.path, os.environ) as daemon:
        if daemon is not None:
            for line in daemon.lines("POST", "/backup", body={"path": str(file)}):
                yield msgspec.json.decode(line)
            return
    yield from anyio.run(_alone, settings, file)


async def _alone(settings: Settings, file: Path) -> list[dict[str, Any]]:
    from runner.clock import SystemClock  # noqa: PLC0415  loaded where no daemon answers
    from runner.daemon.backup import back_up  # noqa: PLC0415  loaded where no daemon answers
    from runner.store import files  # noqa: PLC0415  loaded where no daemon answers

    if not settings.sqlite.runs_path.exists() and not settings.sqlite.path.exists():
        raise StoreError(f"{settings.sqlite.path}: there is nothing to back up yet")
    with files.lock(settings.sqlite.runs_path):
        return [document async for document in back_up(settings, file, SystemClock())]


@click.command(short_help="Put a backup in the place of the databases; no daemon may run.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--resume", is_flag=True, help="Let unfinished runs of the backup go on, and schedules catch up.")
@config_option
def restore(*, file: Path, resume: bool, config: Path | None) -> None:
    """
    Put the backup FILE in the place of the databases. What lies there is kept beside them under a name with the date.

    Unfinished runs of the backup are cancelled and schedules begin from now on: since it was made the same work may
    have been done. With --resume both go on from where they were.
    """
    from runner.clock import SystemClock  # noqa: PLC0415  help needs none of it
    from runner.daemon.restore import restore as put_back  # noqa: PLC0415  help needs none of it

    settings = load_settings(config).settings
    restored = anyio.run(
        lambda: put_back(settings, file.absolute(), SystemClock(), resume=resume, by=f"{who()} (restore)")
    )
    click.echo(f"restored the backup of {restored.made_at}")
    if not resume:
        click.echo(f"{restored.cancelled} unfinished runs are cancelled (restored)")
    for path in restored.aside:
        click.echo(f"kept {path}")
