"""
Put the settings together from where they may stand, strictest rule first.

    config.toml ─┐
    …_FILE      ─┤ Given by key, the later source wins ──► each converted to its kind ──► checked together ──► Loaded
    variables   ─┤
    flags       ─┘

`runner.daemon` and the command line call `load` once. Relative paths of config.toml and of defaults count from the
folder of config.toml (without one: the working directory), those of variables and flags from the working directory.
"""

import difflib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import msgspec

from runner.errors import SettingsError
from runner.settings.kinds import choices, convert, expected, found
from runner.settings.model import Settings, keys
from runner.settings.sources import PREFIX, Given, from_flags, from_toml, from_variables, nearest, variable_of

_MASTER_KEYS = ("dashboard.master_key", "dashboard.master_key_file", "dashboard.master_key_command")


class Loaded(NamedTuple):
    """
    The settings, where each key came from (`flag`, a variable's name, the file's path, `default`), and what to warn of.

    `path` is the config.toml that was read, None where there was none.
    """

    settings: Settings
    origins: Mapping[str, str]
    warnings: tuple[str, ...]
    path: Path | None


_OF_COMMANDS: Final = frozenset({"RUNNERD_URL", "RUNNERD_TOKEN", "RUNNERD_TOKEN_FILE"})
"""Variables of commands that ask a daemon elsewhere (`runner.cli.elsewhere`)."""


def load(path: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any] | None = None) -> Loaded:
    """
    Read the settings. `path` is a config.toml that must be there, or None; `flags` is `{"server.port": 8081}`.

    Raises SettingsError, which names the key, where it was set, what was expected and the nearest name.
    """
    given: dict[str, Given] = {}
    for source in (from_toml(path), from_variables(environ), from_flags(flags or {})):
        given.update(source)
    _choose_master_key(given, environ)
    folder = path.absolute().parent if path else Path.cwd()
    values: dict[str, dict[str, Any]] = {}
    for key, field in keys().items():
        section, name = key.split(".")
        place = given.get(key)
        value = field.default if place is None else _converted(key, field.type, place)
        values.setdefault(section, {})[name] = _absolute(value, folder if place is None else place.folder)
    settings = Settings(
        **{each.name: each.type(**values[each.name]) for each in msgspec.structs.fields(Settings)},
    )
    _check(settings)
    origins = {key: given[key].origin if key in given else "default" for key in keys()}
    return Loaded(settings, origins, (*_unknown_variables(environ), *_open_file(path, given)), path)


def _converted(key: str, kind: Any, given: Given) -> Any:
    if type(None) in get_args(kind):
        kind = get_args(kind)[0]
    try:
        return convert(given.value, kind, is_text=given.is_text)
    except (ValueError, TypeError, RecursionError):
        close = difflib.get_close_matches(str(given.value).lower(), choices(kind), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise SettingsError(
            f"{given.where}: {key}: expected {expected(kind)}, found {found(given.value)}{hint}"
        ) from None


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return Path(os.path.normpath(folder / value))
    if isinstance(value, tuple):
        return tuple(_absolute(item, folder) for item in value)
    return value


def _choose_master_key(given: dict[str, Given], environ: Mapping[str, str]) -> None:
    """Of the three ways to give the key the one from the strongest source; two from the same source are an error."""
    here = {key: given[key] for key in _MASTER_KEYS if key in given}
    strongest = max((place.rank for place in here.values()), default=0)
    chosen = [key for key, place in here.items() if place.rank == strongest]
    if len(chosen) > 1:
        names = " and ".join(f"{key} ({here[key].where})" for key in chosen)
        raise SettingsError(f"{names}: both say where the master key is; keep one")
    for key in here:
        if key not in chosen:
            del given[key]
    credentials = environ.get("CREDENTIALS_DIRECTORY", "")
    if not here and credentials and (Path(credentials) / "master_key").is_file():
        given["dashboard.master_key_file"] = Given(
            str(Path(credentials) / "master_key"), "$CREDENTIALS_DIRECTORY", "$CREDENTIALS_DIRECTORY", 0, Path.cwd()
        )


def _check(settings: Settings) -> None:
    """What no single key can be wrong about."""
    server, dashboard = settings.server, settings.dashboard
    everywhere = {"0.0.0.0", "::"}  # noqa: S104  compared with, not bound
    if (
        server.port
        and server.port == dashboard.port
        and ({server.host, dashboard.host} & everywhere or server.host == dashboard.host)
    ):
        raise SettingsError(f"server.port and dashboard.port are both {server.port}: expected two different ports")
    if dashboard.master_key_previous and dashboard.master_key_previous_file:
        raise SettingsError(
            "dashboard.master_key_previous and dashboard.master_key_previous_file: both are set; keep one"
        )
    if settings.tracing.enabled and not settings.tracing.collector_endpoint:
        raise SettingsError("tracing.collector_endpoint: expected an address, since tracing.enabled is true")
    if settings.sqlite.path.suffix == ".key" or settings.sqlite.path.is_dir():
        raise SettingsError(f"sqlite.path: expected the path of a database file, found {settings.sqlite.path}")


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = {variable_of(key) for key in keys()}
    known |= {f"{name}_FILE" for name in known} | _OF_COMMANDS
    return [
        f"{name}: no setting has this variable{nearest(name, known)}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]


def _open_file(path: Path | None, given: Mapping[str, Given]) -> list[str]:
    key = given.get("dashboard.master_key")
    if path is None or key is None or key.origin != str(path):
        return []
    mode = stat.S_IMODE(path.stat().st_mode)
    return [f"{path} holds the master key and its mode is {mode:04o}: chmod 600 {path}"] if mode & 0o077 else []
