"""
Where the master key stands, and how it is exchanged there so that a kill at any instant leaves what can be started.

    config.toml   master_key = "old"   ──stage──► master_key = "new", master_key_previous = "old"   ──settle──► the new
    a key file    F                    ──stage──► F.previous holds the old one, F the new one       ──settle──► F
    a variable, a command              cannot be written: the sentence says what to change

`runner.cli.secrets.rotating` stages before the vault is rotated and settles after it.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from runner.errors import UsageError
from runner.secrets.master_key import previous_file
from runner.settings import Loaded
from runner.sync import sync

_KEY: Final = "master_key"
_PREVIOUS: Final = "master_key_previous"


class ConfigPlace(NamedTuple):
    """In text in a config.toml."""

    path: Path

    def told(self) -> str:
        """For a sentence: file, line and key."""
        lines = self.path.read_text("utf-8").splitlines()
        number = next((index for index, line in enumerate(lines, 1) if _names(line, _KEY)), 0)
        return f"{self.path}:{number}: [dashboard] {_KEY}"

    def stage(self, new: str, old: str) -> None:
        """The new key, and the old one as the previous. Raises UsageError, OSError."""
        self._write(new, old)

    def settle(self, new: str) -> None:
        """The new key alone. Raises UsageError, OSError."""
        self._write(new, None)

    def _write(self, new: str, old: str | None) -> None:
        lines = [line for line in self.path.read_text("utf-8").splitlines() if not _names(line, _PREVIOUS)]
        at = [index for index, line in enumerate(lines) if _names(line, _KEY)]
        added = [] if old is None else [f"{_PREVIOUS} = {_quoted(old)}"]
        if len(at) == 1:
            lines[at[0] : at[0] + 1] = [f"{_KEY} = {_quoted(new)}", *added]
        text = "\n".join(lines) + "\n"
        try:
            section = tomllib.loads(text)["dashboard"]
        except (KeyError, ValueError):
            section = {}
        if (section.get(_KEY), section.get(_PREVIOUS)) != (new, old):
            raise UsageError(f"--write: {self.path} is not written in a way that can be changed: change {_KEY} by hand")
        _replace(self.path, text)


class FilePlace(NamedTuple):
    """In a file of its own."""

    path: Path

    def told(self) -> str:
        """For a sentence."""
        return f"the file {self.path}"

    def stage(self, new: str, old: str) -> None:
        """The old key beside it first, then the new one. Raises OSError."""
        _replace(previous_file(self.path), f"{old}\n")
        _replace(self.path, f"{new}\n")

    def settle(self, new: str) -> None:
        """The old one away."""
        assert new
        previous_file(self.path).unlink(missing_ok=True)


class OtherPlace(NamedTuple):
    """A variable, a flag or a command: nothing that can be written."""

    name: str

    def told(self) -> str:
        """For a sentence."""
        return self.name


def key_place(loaded: Loaded) -> ConfigPlace | FilePlace | OtherPlace:
    """Where the master key of these settings stands."""
    dashboard = loaded.settings.dashboard
    if dashboard.master_key_file is not None:
        return FilePlace(dashboard.master_key_file)
    if dashboard.master_key_command is not None:
        return OtherPlace("what [dashboard] master_key_command prints")
    origin = loaded.origins["dashboard.master_key"]
    if loaded.path is not None and origin == str(loaded.path):
        return ConfigPlace(loaded.path)
    return OtherPlace(f"the variable {origin}")


def _names(line: str, key: str) -> bool:
    return re.match(rf"\s*{key}\s*=", line) is not None


def _quoted(text: str) -> str:
    """As a basic string of TOML, whose escapes are JSON's."""
    return msgspec.json.encode(text).decode()


def _replace(path: Path, text: str) -> None:
    """The file whole or as it was, on disk when this returns, readable by its owner alone."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        found = path.stat()
        os.chown(fresh, found.st_uid, found.st_gid)
    fresh.replace(path)
    sync(path.parent)
