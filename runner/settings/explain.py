"""
Each setting as `runner config` shows it: its value as config.toml would spell it, and where it came from.

Keys, commands and what stands before the `@` of an address are masked.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from runner.secret import Secret
from runner.settings.kinds import Seconds
from runner.settings.load import Loaded

MASK: Final = "****"
_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


class Shown(NamedTuple):
    """One line of `runner config`."""

    key: str
    value: str
    origin: str


def explain(loaded: Loaded) -> Iterator[Shown]:
    """Every key, in the order of config.toml.example."""
    for key, origin in loaded.origins.items():
        section, name = key.split(".")
        value = getattr(getattr(loaded.settings, section), name)
        masked = value if not (value and key == "dashboard.master_key_command") else Secret(frozenset({key}), value)
        yield Shown(key, _spelled(masked), origin)


def _spelled(value: Any) -> str:
    if isinstance(value, Secret):
        return json.dumps(MASK)
    if isinstance(value, Seconds):
        return json.dumps(_duration(value))
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, tuple):
        return json.dumps([str(item) for item in value], ensure_ascii=False)
    return json.dumps(re.sub(r"//[^/@]*@", f"//{MASK}@", str(value or "")), ensure_ascii=False)


def _duration(seconds: float) -> str:
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size and seconds % size == 0), ("ms", 0.001))
    return f"{round(seconds / size)}{unit}"
