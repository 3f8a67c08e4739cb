"""
A vault of its own for each test, and its bytes.

    vault_path   where it lies: a folder that is not there yet
    master       a random master key
    vault        opened, empty
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runner.clock import SystemClock
from runner.secrets.keys import MasterKey, new_master_key, parse
from runner.secrets.vault import Vault, open_vault


@pytest.fixture
def vault_path(tmp_path: Path) -> Path:
    """`data/runner.db` in a folder that does not exist."""
    return tmp_path / "data" / "runner.db"


@pytest.fixture
def master() -> MasterKey:
    """A random key: no passphrase to stretch, so opening takes milliseconds."""
    return parse(new_master_key())


@pytest.fixture
async def vault(vault_path: Path, master: MasterKey) -> AsyncIterator[Vault]:
    """Open, empty."""
    async with open_vault(vault_path, master, clock=SystemClock(), erase_within=0.0) as vault:
        yield vault
