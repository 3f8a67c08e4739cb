"""
What `$env.NAME` resolves to, and which of it is masked like a secret.

    NAME set ──────────────► its value            secret where a pattern of [env] secret fits its name
    only NAME_FILE set ────► the file's content   always secret; read anew each time, one trailing newline removed

The resolver asks it. Runner's own variables and those outside of [env] allow cannot be read; which they are is said,
their values never.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

import anyio.to_thread

from runner.errors import SecretMissingError, SecretRefusedError
from runner.secrets.files import read_regular

OWN: Final = ("RUNNERD_*", "CREDENTIALS_DIRECTORY")
"""Runner's own variables: its settings, its master key."""

MOST_BYTES: Final = 1_048_576


class Variable(NamedTuple):
    """A variable's value, and whether it is masked."""

    value: str
    is_secret: bool

    def __repr__(self) -> str:
        return "Variable(****)"


class Environment:
    """The process's variables behind the rules of [env]. `allow` and `secret` are patterns with `*` and `?`."""

    def __init__(self, environ: Mapping[str, str], *, allow: tuple[str, ...], secret: tuple[str, ...]) -> None:
        self._environ = environ
        self._allow = allow
        self._secret = secret

    async def resolve(self, names: frozenset[str]) -> Mapping[str, Variable]:
        """All of `names`. Raises SecretRefusedError or SecretMissingError, which name the variable."""
        return {name: await self._resolve(name) for name in sorted(names)}

    def is_secret(self, name: str) -> bool:
        """Whether the variable is masked, whatever it holds."""
        return fits(name, self._secret)

    def secret_values(self) -> Mapping[str, tuple[str, ...]]:
        """
        The variables that are masked whether a workflow may read them or not, by name; for the redactor's start.

        With what their NAME_FILE holds now, where it can be read: a run that goes on may get it back before any asks.
        """
        return dict(self._secret_variables())

    def _secret_variables(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name, value in self._environ.items():
            if value and not fits(name, OWN) and fits(name, self._secret):
                yield name, (value,)
            variable = name.removesuffix("_FILE")
            is_file = variable != name and bool(value) and not self._environ.get(variable)
            if is_file and not fits(variable, OWN) and fits(variable, self._secret):
                with suppress(SecretMissingError):
                    yield variable, (_content(variable, Path(value)),)

    async def _resolve(self, name: str) -> Variable:
        if fits(name, OWN):
            raise SecretRefusedError(f"The variable {name} is Runner's own and cannot be read by workflows.", name=name)
        if not fits(name, self._allow):
            raise SecretRefusedError(f"The variable {name} is not among those that [env] allow names.", name=name)
        value, file = self._environ.get(name), self._environ.get(f"{name}_FILE")
        if file and not value:
            return Variable(await anyio.to_thread.run_sync(_content, name, Path(file)), is_secret=True)
        if value is None:
            raise SecretMissingError(f"There is no variable {name}, nor {name}_FILE.", name=name)
        return Variable(value, is_secret=fits(name, self._secret))


def _content(name: str, path: Path) -> str:
    try:
        data = read_regular(path, MOST_BYTES)
        return data.decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        problem = f"expected UTF-8, found another byte at offset {error.start}"
    except OSError as error:
        problem = error.strerror or "it cannot be read"
    except ValueError as error:
        problem = str(error)
    raise SecretMissingError(f"The file of {name}_FILE, {path}: {problem}.", name=name)


def fits(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a variable is one of those that the patterns name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
