"""
The errors of Runner, one tree.

    RunnerError
    ├── UsageError              the command line was used wrongly (exit status 2)
    ├── SettingsError           config.toml, a RUNNERD_ variable or a flag
    ├── DefinitionError         a workflow file; carries every `Problem` found in it
    ├── ExpressionError         a reference or `{{ }}`; carries where in its text
    │   ├── ExpressionSyntaxError   found when a file is loaded
    │   ├── EvaluationError         found when it is computed
    │   └── ExpressionLimitError    it would have been too long, too big or too deep
    ├── SecretError
    │   ├── SecretMissingError      no such secret or variable
    │   ├── SecretGoneError         a value that a run had kept sealed is there no more
    │   ├── SecretRefusedError      there is one, but this may not use it
    │   ├── SecretConflictError     it is at another version than was expected
    │   ├── VaultKeyError           the master key does not open this vault
    │   └── VaultTamperedError      the vault was changed by something that had no key
    ├── StoreError
    │   ├── StoreLockedError        another process executes on this store
    │   ├── StoreFencedError        an append under an old boot number, or at a sequence that is taken
    │   ├── StoreDegradedError      the disk refuses: nothing new starts
    │   ├── StoreReadError          the disk does not give what was written: another time it may
    │   └── StoreFormatError        a store of a newer version, or one that cannot be read
    ├── AccessError             who asks was not let in, or asked for a password or token that cannot be
    ├── RefusedError            a run was not accepted: inputs, a full queue, a workflow that is not there
    └── ActionError             an attempt failed; its two families are all that the engine knows
        ├── TemporaryError          trying again may help
        └── PermanentError          it will not

A message names the thing, what was expected and what was found, never a secret; facts are attributes.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Effect = Literal["none", "done", "unknown"]
"""What an attempt that failed did to the outer world. `unknown`: a POST that timed out after sending, a lost COMMIT."""

Kind = str
"""
One word that says how an attempt failed; `$action.ID.error.type`.

The words of `retry.on` are `connection`, `timeout`, `429`, `5xx`, `conflict`; the others are `status`, `response`,
`expect`, `until`, `expression`, `secret`, `config`, `statement`, `value`, `limit`, `interrupted`, `cancelled`,
`refused`, `internal`, `poison`, `unreadable`.
"""


class RunnerError(Exception):
    """Any error that Runner raises on purpose; `str(error)` is a sentence for a person."""


class UsageError(RunnerError):
    """The command line was used wrongly."""


class SettingsError(RunnerError):
    """The daemon's settings are wrong; the message names the key, where it was set and what was expected."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """
    One thing that is wrong in a workflow file. `line` and `column` count from 1; `path` is the key path, as
    `actions[0].config.url`.
    """

    message: str
    file: str = ""
    line: int = 1
    column: int = 1
    path: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """`file:line:column: path: message`, as editors and terminals link it."""
        place = f"{self.file}:{self.line}:{self.column}: "
        return place + (f"{self.path}: " if self.path else "") + self.message


class DefinitionError(RunnerError):
    """A workflow file that cannot be loaded."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class ExpressionError(RunnerError):
    """
    A reference or an expression is wrong.

    `path` leads to the text within the value that was compiled, `offset` counts characters within that text.
    """

    def __init__(self, message: str, *, path: tuple[str | int, ...] = (), offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        super().__init__(message)


class ExpressionSyntaxError(ExpressionError):
    """Found when the text is compiled."""


class EvaluationError(ExpressionError):
    """
    Found when it is computed: an absent path that is written, a sum of a text and a number, a filter's bad argument.
    """


class ExpressionLimitError(EvaluationError):
    """The evaluation passed a bound: steps, size of a result, digits of a number, depth."""


class SecretError(RunnerError):
    """A secret cannot be had. `name` is the secret's or the variable's name."""

    def __init__(self, message: str, *, name: str = "") -> None:
        self.name = name
        super().__init__(message)


class SecretMissingError(SecretError):
    """No secret or variable of that name."""


class SecretGoneError(SecretError):
    """A value that was kept sealed for a run was deleted: only its masked text is left, which is never used as data."""


class SecretRefusedError(SecretError):
    """The secret exists, but may not be used here."""


class SecretConflictError(SecretError):
    """A change that expected another version. `version` is the current one, 0 where there is no such secret."""

    def __init__(self, message: str, *, name: str, version: int) -> None:
        self.version = version
        super().__init__(message, name=name)


class VaultKeyError(SecretError):
    """The master key is missing, malformed, too weak or not this vault's."""


class VaultTamperedError(SecretError):
    """A row of the vault is not what its keys say; the message names which."""


class StoreError(RunnerError):
    """The store of runs and journals."""


class StoreLockedError(StoreError):
    """Another process holds the store's lock."""


class StoreFencedError(StoreError):
    """An append under an old boot number or at a sequence that is taken: this process no longer owns the run."""


class StoreDegradedError(StoreError):
    """The disk refuses to write; outcomes wait in memory, nothing new starts."""


class StoreReadError(StoreError):
    """The disk does not give what was written to it; nothing is said of what that is, and another time it may."""


class StoreFormatError(StoreError):
    """The store was made by a newer version, or is not a store."""


class AccessError(RunnerError):
    """
    A password, session or token that does not count, or cannot be made. `reason` is one of `wrong`, `setup`, `delayed`,
    `busy`, `password`, `token`, `taken`, `file`.

    `retry_after`: seconds until another try is looked at.
    """

    def __init__(self, message: str, *, reason: str, retry_after: float | None = None) -> None:
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(message)


class RefusedError(RunnerError):
    """
    A run was not accepted. `reason` is one of `inputs`, `full`, `unknown`, `paused`, `draining`, `degraded`, `skip`,
    `too_large`, `ended`, `live`, `gone`, `rerun`; of an answer to a callback also `answered`, `expired`, `ambiguous`,
    `busy`.

    `errors` holds one `{path, message}` for each input that does not fit.
    """

    def __init__(self, message: str, *, reason: str, errors: tuple[Mapping[str, str], ...] = ()) -> None:
        self.reason = reason
        self.errors = errors
        super().__init__(message)


class ActionError(RunnerError):
    """
    An attempt failed.

    `kind` is the word of `retry.on` and `$action.ID.error.type`; `effect` says what happened outside; `facts` holds
    what `$action.ID.error` shows besides: `status`, `headers`, `body`, `code`. `retry_after` is what the peer asked
    for, in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: Kind,
        effect: Effect = "none",
        facts: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.kind = kind
        self.effect: Effect = effect
        self.facts: Mapping[str, Any] = facts or {}
        self.retry_after = retry_after
        super().__init__(message)


class TemporaryError(ActionError):
    """Trying again may help: no connection, a deadlock, 503."""


class PermanentError(ActionError):
    """Trying again will not help: 404, a syntax error, a value that does not fit its column."""
