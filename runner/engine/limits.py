"""
The bounds of the engine, as plain values from the settings; each has its key there and an error that names it.

Sizes in bytes, times in seconds.
"""

import msgspec


class EngineLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one run may take (design §6, Sizes)."""

    items: int = 10_000
    value_size: int = 10_000_000
    journal_size: int = 100_000_000
    depth: int = 10
    cleanup_timeout: float = 60.0
    cancel_grace: float = 10.0
    max_concurrent_runs: int = 100
    queued_runs: int = 10_000
    max_recoveries: int = 3
