"""Values kept for later: each run's under its own key."""

import pytest

from runner.errors import SecretError
from runner.ports import Sealer
from runner.secrets.cipher import new_key
from runner.secrets.ring import Ring, key_id
from runner.secrets.sealer import RunSealer, _run_key


def some_ring(*, older: Ring | None = None) -> Ring:
    key = new_key()
    return Ring({key_id("sealing", key): key, **(older.sealing if older else {})}, new_key())


def some_sealer() -> RunSealer:
    ring = some_ring()
    return RunSealer(lambda: ring)


class TestRunSealer:
    def test_a_run_opens_what_it_sealed(self) -> None:
        """And nothing of it can be read meanwhile."""
        sealer: Sealer = some_sealer()

        sealed = sealer.seal("01RUN", b"canary-value")

        assert b"canary" not in sealed
        assert len(sealed) == len(b"canary-value") + 34
        assert sealer.open("01RUN", sealed) == b"canary-value"
        assert sealer.seal("01RUN", b"canary-value") != sealed

    def test_another_run_cannot_open_it(self) -> None:
        """The key is the run's."""
        sealer = some_sealer()

        with pytest.raises(SecretError, match=r"^Run 02RUN: a kept value was changed, or belongs to another run"):
            sealer.open("02RUN", sealer.seal("01RUN", b"canary-value"))

    def test_another_installation_cannot_open_it(self) -> None:
        """Not even under this one's key id."""
        ours, theirs = some_sealer(), some_sealer()
        sealed = ours.seal("01RUN", b"data")[:5] + theirs.seal("01RUN", b"data")[5:]

        with pytest.raises(SecretError, match="was changed"):
            ours.open("01RUN", sealed)

    def test_each_run_has_a_key_of_its_own(self) -> None:
        """So that the key of one run gives away no other's."""
        assert len({_run_key(b"k" * 32, run) for run in ("01RUN", "02RUN", "")}) == 3

    def test_each_byte_counts(self) -> None:
        """Of key's id, format, nonce, ciphertext and tag."""
        sealer = some_sealer()
        sealed = sealer.seal("01RUN", b"data")

        for position in range(len(sealed)):
            changed = bytearray(sealed)
            changed[position] ^= 1
            with pytest.raises(SecretError):
                sealer.open("01RUN", bytes(changed))
        with pytest.raises(SecretError):
            sealer.open("01RUN", b"")

    def test_what_an_older_key_sealed_opens_as_long_as_it_is_given(self) -> None:
        """And without it, it says so."""
        old = some_ring()
        sealed = RunSealer(lambda: old).seal("01RUN", b"data")

        assert RunSealer(lambda: some_ring(older=old)).open("01RUN", sealed) == b"data"
        with pytest.raises(SecretError, match="sealed under a key that is not here any more"):
            some_sealer().open("01RUN", sealed)

    def test_what_the_first_format_sealed_opens(self) -> None:
        """It had no format byte: the key's id led the blob, whatever byte that began with."""
        for _ in range(3):
            ring = some_ring()
            sealer = RunSealer(lambda ring=ring: ring)  # type: ignore[misc]  # a lambda with its loop's value

            assert sealer.open("01RUN", sealer.seal("01RUN", b"data")[1:]) == b"data"


class TestIdempotencyKey:
    def test_the_same_parts_give_the_same_key_and_others_another(self) -> None:
        """32 hexadecimal digits; parts do not run into each other."""
        sealer = some_sealer()

        keys = {sealer.idempotency_key(*parts) for parts in (("a", "b"), ("ab",), ("a", "b", ""), ("a", "b\ud800"))}

        assert sealer.idempotency_key("a", "b") in keys
        assert len(keys) == 4
        assert all(len(key) == 32 and int(key, 16) >= 0 for key in keys)
        assert some_sealer().idempotency_key("a", "b") not in keys
