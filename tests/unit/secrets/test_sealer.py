"""Values kept for later: each run's under its own key."""

from pathlib import Path

import pytest

from runner.errors import SecretError, VaultKeyError
from runner.ports import Sealer
from runner.secrets.keys import Derivation, Keys, derive, new_master_key, parse
from runner.secrets.sealer import RunSealer, _run_key, open_sealer


async def some_keys() -> Keys:
    return await derive(parse(new_master_key()), Derivation("random"), b"salt")


def is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


class TestRunSealer:
    async def test_a_run_opens_what_it_sealed(self) -> None:
        """And nothing of it can be read meanwhile."""
        sealer: Sealer = RunSealer(await some_keys())

        sealed = sealer.seal("01RUN", b"canary-value")

        assert b"canary" not in sealed
        assert len(sealed) == len(b"canary-value") + 33
        assert sealer.open("01RUN", sealed) == b"canary-value"
        assert sealer.seal("01RUN", b"canary-value") != sealed

    async def test_another_run_cannot_open_it(self) -> None:
        """The key is the run's."""
        sealer = RunSealer(await some_keys())

        with pytest.raises(SecretError, match=r"^Run 02RUN: a kept value was changed, or belongs to another run"):
            sealer.open("02RUN", sealer.seal("01RUN", b"canary-value"))

    async def test_another_installation_cannot_open_it(self) -> None:
        """Not even under this one's key id."""
        ours, theirs = RunSealer(await some_keys()), RunSealer(await some_keys())
        sealed = ours.seal("01RUN", b"data")[:4] + theirs.seal("01RUN", b"data")[4:]

        with pytest.raises(SecretError, match="was changed"):
            ours.open("01RUN", sealed)

    def test_each_run_has_a_key_of_its_own(self) -> None:
        """So that the key of one run gives away no other's."""
        assert len({_run_key(b"k" * 32, run) for run in ("01RUN", "02RUN", "")}) == 3

    async def test_each_byte_counts(self) -> None:
        """Of key's id, format, nonce, ciphertext and tag."""
        sealer = RunSealer(await some_keys())
        sealed = sealer.seal("01RUN", b"data")

        for position in range(len(sealed)):
            changed = bytearray(sealed)
            changed[position] ^= 1
            with pytest.raises(SecretError):
                sealer.open("01RUN", bytes(changed))
        with pytest.raises(SecretError):
            sealer.open("01RUN", b"")

    async def test_what_an_older_key_sealed_opens_as_long_as_it_is_given(self) -> None:
        """And without it, it says so."""
        old, new = await some_keys(), await some_keys()
        sealed = RunSealer(old).seal("01RUN", b"data")

        assert RunSealer(new, old).open("01RUN", sealed) == b"data"
        with pytest.raises(SecretError, match="sealed under a key that is not here any more"):
            RunSealer(new).open("01RUN", sealed)


class TestIdempotencyKey:
    async def test_the_same_parts_give_the_same_key_and_others_another(self) -> None:
        """32 hexadecimal digits; parts do not run into each other."""
        sealer = RunSealer(await some_keys())

        keys = {sealer.idempotency_key(*parts) for parts in (("a", "b"), ("ab",), ("a", "b", ""), ("a", "b\ud800"))}

        assert sealer.idempotency_key("a", "b") in keys
        assert len(keys) == 4
        assert all(len(key) == 32 and int(key, 16) >= 0 for key in keys)
        assert RunSealer(await some_keys()).idempotency_key("a", "b") not in keys


class TestOpenSealer:
    async def test_without_a_vault_the_key_lies_in_a_file(self, tmp_path: Path) -> None:
        """Made at the first start, the same at the second."""
        path = tmp_path / "runner.key"

        first, second = await open_sealer(path, None), await open_sealer(path, None)

        assert second.open("01RUN", first.seal("01RUN", b"data")) == b"data"
        assert first.idempotency_key("x") == second.idempotency_key("x")

    async def test_with_a_vault_no_file_is_made(self, tmp_path: Path) -> None:
        """Its keys do."""
        await open_sealer(tmp_path / "runner.key", await some_keys())

        assert is_empty(tmp_path)

    async def test_a_master_key_that_is_set_later_changes_nothing_for_runs_in_flight(self, tmp_path: Path) -> None:
        """What they sealed opens, and their idempotency keys stay the same."""
        path = tmp_path / "runner.key"
        before = await open_sealer(path, None)

        after = await open_sealer(path, await some_keys())

        assert after.open("01RUN", before.seal("01RUN", b"data")) == b"data"
        assert after.idempotency_key("x") == before.idempotency_key("x")

    async def test_a_broken_key_file_is_refused_with_or_without_a_vault(self, tmp_path: Path) -> None:
        """Rather than losing what was sealed under it."""
        path = tmp_path / "runner.key"
        path.write_text("nonsense")

        for keys in (None, await some_keys()):
            with pytest.raises(VaultKeyError):
                await open_sealer(path, keys)
