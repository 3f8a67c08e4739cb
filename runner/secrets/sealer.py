"""
Values kept for later, each run's under a key of its own; and idempotency keys.

    sealing subkey ──HKDF(run)──► the run's key ──AES-256-GCM, bound to the run──► key's id │ blob

The recorder seals what was masked and may be needed again (design §2.14). The keys are the vault's, or those of
`runner.key` where there is no vault; what was sealed under one of them opens as long as the sealer is given it.
"""

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from runner.errors import SecretError
from runner.secrets.cipher import digest, mac, packed, seal, unseal
from runner.secrets.key_file import read_key_file
from runner.secrets.keys import Derivation, Keys, derive

_ID: Final = 4
_SALT: Final = b"runner.key"


class RunSealer:
    """
    Seals under the first of `keys`, opens what any of them sealed. Implements `runner.ports.Sealer`.

    Idempotency keys come from the last one, the oldest: they stay the same when a master key is set later.
    """

    def __init__(self, *keys: Keys) -> None:
        self._sealing = {digest(b"sealing key", each.sealing)[:_ID]: each.sealing for each in keys}
        self._first = next(iter(self._sealing))
        self._idempotency = keys[-1].idempotency

    def seal(self, run: str, data: bytes) -> bytes:
        """Authenticated encryption bound to the run; 33 bytes longer than the data."""
        return self._first + seal(_run_key(self._sealing[self._first], run), data, _bound(run))

    def open(self, run: str, data: bytes) -> bytes:
        """What was sealed. Raises SecretError where the key is another's or the bytes were changed."""
        key = self._sealing.get(data[:_ID])
        if key is None:
            raise SecretError(f"Run {run}: a kept value was sealed under a key that is not here any more.")
        try:
            return unseal(_run_key(key, run), data[_ID:], _bound(run))
        except ValueError:
            raise SecretError(f"Run {run}: a kept value was changed, or belongs to another run.") from None

    def idempotency_key(self, *parts: str) -> str:
        """An HMAC over the parts under a key of this installation: 32 hexadecimal digits."""
        return mac(self._idempotency, [part.encode("utf-8", "surrogatepass") for part in parts]).hex()[:32]


async def open_sealer(key_path: Path, vault_keys: Keys | None) -> RunSealer:
    """
    The sealer of this installation. Without a vault its key lies in `key_path`, which is made (0600) where it is not.

    With one, an existing `key_path` still opens what it sealed. Raises VaultKeyError, SecretError.
    """
    master = read_key_file(key_path, make=vault_keys is None)
    of_file = [await derive(master, Derivation("random"), _SALT)] if master else []
    return RunSealer(*([vault_keys] if vault_keys else []), *of_file)


def _run_key(sealing: bytes, run: str) -> bytes:
    return HKDFExpand(SHA256(), 32, b"run " + run.encode()).derive(sealing)


def _bound(run: str) -> bytes:
    return packed(b"kept value", run.encode())
