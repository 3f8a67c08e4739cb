"""
Where settings may stand: config.toml, `RUNNERD_` variables, files that `…_FILE` variables name, flags.

`runner.settings.load` asks each in turn for what it gives, by key. Names are checked here, values are not.
"""

import difflib
import os
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from runner.errors import SettingsError
from runner.settings.kinds import found
from runner.settings.model import Settings, keys

PREFIX: Final = "RUNNERD_"
_MOST: Final = 1_000_000
_KEYS_WITH_FILES: Final = frozenset({"dashboard.master_key", "dashboard.master_key_previous"})
_OPTIONAL: Final = _KEYS_WITH_FILES | {f"{key}_file" for key in _KEYS_WITH_FILES} | {"dashboard.master_key_command"}
"""Keys of which an empty text means that they are not set."""


class Given(NamedTuple):
    """A value and where it stood. `where` begins an error, `folder` is what relative paths count from."""

    value: Any
    where: str
    origin: str
    rank: int
    folder: Path
    is_text: bool = False


def variable_of(key: str) -> str:
    """`server.port` → `RUNNERD_SERVER_PORT`."""
    return PREFIX + key.replace(".", "_").upper()


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or nothing."""
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


def from_toml(path: Path | None) -> dict[str, Given]:
    """What config.toml says. Raises SettingsError."""
    if path is None:
        return {}
    try:
        tables = tomllib.loads(read_file(path, str(path)))
    except RecursionError:
        raise SettingsError(f"{path}: brackets are nested too deep") from None
    except ValueError as error:
        raise SettingsError(f"{path}: this is not TOML: {error}") from None
    sections = {section.name for section in msgspec.structs.fields(Settings)}
    given: dict[str, Given] = {}
    for section, table in tables.items():
        if section not in sections:
            raise SettingsError(f"{path}: {section}: there is no such section{nearest(section, sections)}")
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: {section}: expected a section, written [{section}], found {found(table)}")
        for name, value in table.items():
            key = f"{section}.{name}"
            _must_exist(str(path), key)
            if not (value == "" and key in _OPTIONAL):
                given[key] = Given(value, str(path), str(path), 1, path.absolute().parent)
    return given


def from_variables(environ: Mapping[str, str]) -> dict[str, Given]:
    """What variables say, and files that variables name; an empty one is unset. Raises SettingsError."""
    given: dict[str, Given] = {}
    for key in keys():
        name = variable_of(key)
        value, file = environ.get(name, ""), environ.get(f"{name}_FILE", "")
        if key in _KEYS_WITH_FILES:
            file = ""  # RUNNERD_DASHBOARD_MASTER_KEY_FILE is the variable of dashboard.master_key_file
        if value and file:
            raise SettingsError(f"{name} and {name}_FILE are both set: expected one of them")
        if value:
            given[key] = Given(value, name, name, 3, Path.cwd(), is_text=True)
        elif file:
            text = read_file(Path(file), f"{name}_FILE").removesuffix("\n").removesuffix("\r")
            given[key] = Given(text, f"{name}_FILE", f"{name}_FILE", 2, Path.cwd(), is_text=True)
    return given


def from_flags(flags: Mapping[str, Any]) -> dict[str, Given]:
    """What the command line says; None is a flag that was not given. Raises SettingsError."""
    for key in flags:
        _must_exist("command line", key)
    return {
        key: Given(value, "command line", "flag", 4, Path.cwd(), is_text=True)
        for key, value in flags.items()
        if value is not None
    }


def read_file(path: Path, where: str) -> str:
    """The text of a regular file of at most 1 MB; `where` says who named it. Raises SettingsError."""
    where = str(path) if where == str(path) else f"{where}: {path}"
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SettingsError(f"{where}: expected a regular file")
            data = file.read(_MOST + 1)
    except OSError as error:
        raise SettingsError(f"{where}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise SettingsError(f"{where}: expected a path, found one with a NUL in it") from None
    if len(data) > _MOST:
        raise SettingsError(f"{where}: expected at most {_MOST} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{where}: expected UTF-8, found another byte at offset {error.start}") from None


def _must_exist(where: str, key: str) -> None:
    if key in keys():
        return
    section, _, name = key.partition(".")
    same = {each.partition(".")[2] for each in keys() if each.startswith(f"{section}.")}
    raise SettingsError(f"{where}: {key}: there is no such key{nearest(name, same)}")
