"""
What several commands have in common: options, `--config` and the settings that it leads to, who asks.

    config.toml named by --config, else the one in the working folder, else none ──► Loaded
"""

import getpass
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from runner.settings import Loaded, load

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_CONFIG = Path("config.toml")


def config_option(command: Command) -> Command:
    """`--config F`; without it the config.toml of the working folder is read where there is one."""
    option = click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="F",
        help="The config.toml to read; by default that of the working folder, where there is one.",
    )
    return option(command)


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="JSON, one object a line.")(command)


def inputs_option(text: str) -> Callable[[Command], Command]:
    """`--input NAME=VALUE`, as often as there are inputs; `text` is its help."""
    return click.option("--input", "-i", "inputs", multiple=True, metavar="NAME=VALUE", help=text)


def trigger_option(command: Command) -> Command:
    """`--trigger F`."""
    option = click.option(
        "--trigger", type=click.Path(path_type=Path), metavar="F", help="A JSON file: what $trigger means."
    )
    return option(command)


def who() -> str:
    """Whose command this is, as history and the audit log show it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


def load_settings(config: Path | None, flags: Mapping[str, Any] | None = None) -> Loaded:
    """The settings as the daemon would read them here. Raises SettingsError."""
    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None)
    return load(path, os.environ, flags)
