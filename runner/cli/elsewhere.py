"""
`--url`: a command asks a daemon elsewhere by its API, with a token that is never an argument.

    --url or RUNNERD_URL; RUNNERD_TOKEN, --token-file or RUNNERD_TOKEN_FILE ──elsewhere()──► Api, or None: this machine

The commands that take it wear `elsewhere_options`; the others work on this machine alone.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from runner.client.address import address
from runner.client.api import Api, open_api
from runner.errors import UsageError
from runner.settings.sources import read_file

Command = TypeVar("Command", bound=Callable[..., Any])

_KEY: Final = "runner.cli.elsewhere"


def elsewhere_options(command: Command) -> Command:
    """`--url U`, `--token-file F`, `--plain-http`; `elsewhere()` gives what they lead to."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def elsewhere() -> Api | None:
    """The daemon that this command was told to ask, until the command ends. Raises UsageError, SettingsError."""
    context = click.get_current_context()
    given = context.meta.setdefault(_KEY, {})
    url = given.get("url")
    if not url:
        if given.get("plain_http") or context.get_parameter_source("token_file") is _COMMAND_LINE:
            raise UsageError("--token-file and --plain-http: expected --url or RUNNERD_URL beside them")
        return None
    if "api" not in given:
        token = _token(given.get("token_file"))
        place = address(url, has_token=bool(token), may_be_plain=bool(given.get("plain_http")))
        given["api"] = context.with_resource(open_api(place, token))
    api: Api = given["api"]
    return api


def _token(file: Path | None) -> str:
    text = os.environ.get("RUNNERD_TOKEN", "")
    if text and file is not None:
        raise UsageError("RUNNERD_TOKEN and --token-file (RUNNERD_TOKEN_FILE): expected one of them")
    if file is not None:
        text = read_file(file, "--token-file")
    text = text.strip()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise UsageError("the token: expected what `runner tokens create` printed, found something else")
    return text


def _kept(context: click.Context, option: click.Parameter, value: Any) -> None:
    context.meta.setdefault(_KEY, {})[option.name] = value


_COMMAND_LINE: Final = click.core.ParameterSource.COMMANDLINE
_OPTIONS: Final = (
    click.option(
        "--url",
        envvar="RUNNERD_URL",
        metavar="U",
        expose_value=False,
        callback=_kept,
        help="Ask the daemon whose dashboard is at this address, with the token of RUNNERD_TOKEN [env: RUNNERD_URL].",
    ),
    click.option(
        "--token-file",
        envvar="RUNNERD_TOKEN_FILE",
        type=click.Path(path_type=Path),
        metavar="F",
        expose_value=False,
        callback=_kept,
        help="The token stands in this file [env: RUNNERD_TOKEN_FILE].",
    ),
    click.option(
        "--plain-http",
        is_flag=True,
        expose_value=False,
        callback=_kept,
        help="Send the token to another machine by http:// too.",
    ),
)
