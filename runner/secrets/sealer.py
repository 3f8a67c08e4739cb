"""
Values kept for later, each run's under a key of its own; and idempotency keys.

    sealing key ──HKDF(run)──► the run's key ──AES-256-GCM, bound to the run──► format byte │ key's id │ blob

The recorder seals what was masked and may be needed again (design §2.14). The keys are those of the vault's ring, which
outlive the master key, or those of `runner.key` where there is no vault; a vault that is made later takes them in.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio.to_thread
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from runner.errors import SecretError
from runner.secrets.cipher import mac, packed, seal, unseal
from runner.secrets.key_file import read_key_file, remove_key_file
from runner.secrets.keys import Derivation, derive
from runner.secrets.ring import ID_SIZE, Ring, of_keys
from runner.secrets.vault import Vault

_FORMAT: Final = b"\x02"
"""Leads each blob; those of the first format had none and began with the key's id."""

_SALT: Final = b"runner.key"


class RunSealer:
    """
    Seals under the first key of the ring, opens what any of them sealed. Implements `runner.ports.Sealer`.

    `ring` gives the keys as they are now: a rotation adds one.
    """

    def __init__(self, ring: Callable[[], Ring]) -> None:
        self._ring = ring

    def seal(self, run: str, data: bytes) -> bytes:
        """Authenticated encryption bound to the run; 34 bytes longer than the data."""
        name, key = next(iter(self._ring().sealing.items()))
        return _FORMAT + name + seal(_run_key(key, run), data, _bound(run))

    def open(self, run: str, data: bytes) -> bytes:
        """What was sealed. Raises SecretError where the key is another's or the bytes were changed."""
        sealing = self._ring().sealing
        start = len(_FORMAT) if data[:1] == _FORMAT and data[1 : 1 + ID_SIZE] in sealing else 0  # 0: no format byte
        key = sealing.get(data[start : start + ID_SIZE])
        if key is None:
            raise SecretError(f"Run {run}: a kept value was sealed under a key that is not here any more.")
        try:
            return unseal(_run_key(key, run), data[start + ID_SIZE :], _bound(run))
        except ValueError:
            raise SecretError(f"Run {run}: a kept value was changed, or belongs to another run.") from None

    def idempotency_key(self, *parts: str) -> str:
        """An HMAC over the parts under a key of this installation: 32 hexadecimal digits."""
        return mac(self._ring().idempotency, [part.encode("utf-8", "surrogatepass") for part in parts]).hex()[:32]


async def open_sealer(key_path: Path, vault: Vault | None) -> RunSealer:
    """
    The sealer of this installation. Without a vault its key lies in `key_path`, which is made (0600) where it is not.

    A vault takes in the key of an existing `key_path`, which is removed then. Raises VaultKeyError, SecretError.
    """
    master = read_key_file(key_path, make=vault is None)
    if master is None:
        assert vault is not None
        return RunSealer(lambda: vault.ring)
    of_file = of_keys(await derive(master, Derivation("random"), _SALT))
    if vault is None:
        return RunSealer(lambda: of_file)
    await vault.adopt(of_file)
    await anyio.to_thread.run_sync(remove_key_file, key_path)
    return RunSealer(lambda: vault.ring)


def _run_key(sealing: bytes, run: str) -> bytes:
    return HKDFExpand(SHA256(), 32, b"run " + run.encode()).derive(sealing)


def _bound(run: str) -> bytes:
    return packed(b"kept value", run.encode())
