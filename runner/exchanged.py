"""
The values that cross the seam between the engine and its executors.

    engine ──ExecutorLimits (once), Call──► executor ──Result──► engine          executor ◄──Token──► TokenCache

Frozen values, the cache of tokens, and what an executor may know of its attempt; `runner.ports` names them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from runner.expressions.labels import NO_LABELS, Labels, Names
from runner.origins import Origin
from runner.secret import Secret


class Result(msgspec.Struct, frozen=True):
    """
    What an attempt got: a JSON value, and labels for the parts that are secret though no vault knows them (tokens).
    """

    value: Any
    labels: Labels = NO_LABELS


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token that Runner was given: good until `expires_at` (wall seconds), renewed by `refresh` if it is rotated."""

    access: Secret
    expires_at: float
    refresh: Secret | None = None


class TokenCache(Protocol):
    """Keeps tokens between attempts, by an opaque key that changes with the credentials. What it keeps may be lost."""

    async def load(self, key: str) -> Token | None:
        """The token that was kept last, expired or not."""

    async def keep(self, key: str, token: Token) -> None:
        """Keep it instead of the one before. When this returns it is kept."""


class Call(Protocol):
    """What an executor may know of the attempt it carries out."""

    run: str
    workflow: str
    place: str
    attempt: int
    timeout: float | None
    """Seconds that the attempt may take; the engine enforces it, an executor may pass it on to a server."""

    def idempotency_key(self, page: int = 0) -> str:
        """The same on every attempt and after recovery: an HMAC of run, generation, place and page, 32 hex digits."""

    @property
    def pages(self) -> Sequence[Result]:
        """Pages that an earlier attempt has journaled."""

    def leaving(self) -> None:
        """What may change something outside is about to be sent: an attempt cut off after this is `effect: unknown`."""

    async def keep_page(self, page: Result) -> None:
        """Journal a page, so that a repeated attempt need not fetch it again."""

    def seal(self, data: bytes) -> bytes:
        """Encrypted under the run's key: what an executor keeps outside for a later attempt."""

    def unseal(self, data: bytes) -> bytes:
        """What an attempt of this run sealed. Raises SecretError where the key is gone or the bytes were changed."""

    async def bound(self, names: Names, data: Sequence[bytes] = ()) -> Mapping[str, Sequence[Origin]]:
        """The origins of secrets that may go to these only: of `names`, and of those whose value stands in `data`."""

    def sending(self, names: Names, to: Origin) -> None:
        """To be told what was let go: people ask for which hosts a secret is used."""

    def refused(self, secret: str, to: str) -> None:
        """To be told what was not let go, for the audit log; `to` as it may be shown."""


class ExecutorLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that executors need, as plain values. Sizes in bytes."""

    max_response_size: int = 10_000_000
    max_rows: int = 10_000
    allow_private_networks: bool = True
    allow_metadata: bool = False
    own_ports: tuple[int, ...] = ()
    """Runner's own ports on this machine, which no action may call with a `Host` of the dashboard."""
    file_roots: tuple[str, ...] = ()
    """Folders that `sqlite://` paths, certificates and CA files may lie in (resolved)."""
    own_files: tuple[str, ...] = ()
    """The daemon's own files, refused by inode."""
    retention: float = 30 * 86400.0
    """Seconds that a run may be carried on after it ended: what an executor keeps for its attempts lives longer."""
