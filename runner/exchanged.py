"""
The values that cross the seam between the engine and its executors.

    engine ──ExecutorLimits (once), Call──► executor ──Result──► engine          executor ◄──Token──► TokenCache

Frozen values, and the cache of tokens, beside `runner.ports`, which names them.
"""

from typing import Any, Protocol

import msgspec

from runner.expressions.labels import NO_LABELS, Labels
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
