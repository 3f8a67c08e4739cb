"""
What definitions must know of an action type to read and check its `config`.

An `ActionType` of the ports is one; so are the engine's own types (`runner.definitions.builtins`). The composition root
hands the mapping of names to specs to `runner.definitions.load`; nothing in here knows executors.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from runner.definitions.paths import Path
from runner.errors import Problem


class WrittenConfig(msgspec.Struct, frozen=True):
    """A config as it stands in the file, and the paths of its texts that are templates: what `check` is given."""

    raw: Any
    templates: frozenset[Path]


class ActionSpec(Protocol):
    """Name and config model of a type, and its checks at load: problems counted from the leaf's own text (1:1)."""

    @property
    def name(self) -> str:
        """What `type:` says."""

    @property
    def config(self) -> type[msgspec.Struct]:
        """The model of `config`."""

    @property
    def check(self) -> Callable[[Any], Iterable[Problem]]:
        """Checks that a model cannot express, over a `WrittenConfig`; a problem's path begins below `config`."""


Specs = Mapping[str, ActionSpec]
