"""The master key as text, and the keys that come from it."""

import pickle
from itertools import combinations
from typing import Any

import pytest

from runner.errors import VaultKeyError
from runner.secrets import bech32
from runner.secrets.keys import PREFIX, Derivation, Keys, MasterKey, derive, new_master_key, parse

SALT = b"0123456789abcdef"


class TestBech32:
    @pytest.mark.parametrize(
        ("prefix", "text"),
        [("a", "2uel5l"), ("abcdef", "qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"), ("A".lower(), "2UEL5L")],
    )
    def test_reads_the_examples_of_bip_173(self, prefix: Any, text: Any) -> None:
        """The valid strings of the specification, upper case too."""
        assert bech32.encode(prefix, bech32.decode(prefix, text)) == text.lower()

    @pytest.mark.parametrize("text", ["", "2uel5", "2uel5L", "2uel5b", "2uel5q", "é2uel5l"])
    def test_refuses_everything_else(self, text: Any) -> None:
        """Cut off, mixed case, foreign letters, another checksum."""
        with pytest.raises(ValueError, match=r"mixed|none of|checksum|zero"):
            bech32.decode("a", text)

    def test_every_typo_in_a_key_is_found(self) -> None:
        """Each character exchanged for each other one, and each two neighbours swapped."""
        key = new_master_key()
        body = key[len(PREFIX) :]
        typos = {body[:at] + letter + body[at + 1 :] for at in range(len(body)) for letter in bech32.ALPHABET} - {body}
        typos |= {body[:at] + body[at + 1] + body[at] + body[at + 2 :] for at in range(len(body) - 1)} - {body}

        assert len(typos) > 1700
        for typo in typos:
            with pytest.raises(VaultKeyError):
                parse(PREFIX + typo)


class TestParse:
    def test_a_new_key_reads_back_as_32_random_bytes(self) -> None:
        """Around it spaces may stand, in upper case it is the same."""
        key = new_master_key()

        assert parse(key).kind == "random"
        assert len(parse(key).material) == 32
        assert parse(f" {key}\n") == parse(key) == parse(key.upper())
        assert new_master_key() != key

    @pytest.mark.parametrize(
        "text",
        [
            "your-secure-master-key",
            "your-secure-master-key-here",
            "change-me-to-a-random-value",
            "CHANGEME_CHANGEME_CHANGEME",
            "my-super-secret-master-key",
            "passwordpassword",
            "1234567890123456",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "ababababababababab",
            "must-be-at-least-32-characters",
            "<replace this with a secret key>",
        ],
    )
    def test_samples_and_what_is_easy_to_guess_are_refused(self, text: Any) -> None:
        """What stands in configuration files that were copied."""
        with pytest.raises(
            VaultKeyError, match=r"^The master key is a sample or easy to guess: make one with `runner init`\.$"
        ):
            parse(text)

    @pytest.mark.parametrize(
        "text", ["correct horse battery staple", "Tr0ub4dor&3-Tr0ub4dor", "f3b1c9d0e8a7426f", "größe-der-schlüssel"]
    )
    def test_a_passphrase_of_some_strength_is_taken(self, text: Any) -> None:
        """Sixteen characters that are not a sample."""
        assert parse(text).kind == "passphrase"

    def test_text_that_is_no_unicode_is_refused(self) -> None:
        """A variable with bytes that are not UTF-8 arrives with lone surrogates."""
        with pytest.raises(VaultKeyError, match="not Unicode"):
            parse("\udcff" + "passphrase-of-somebody")


class TestDerive:
    @pytest.mark.parametrize("text", [new_master_key(), "correct horse battery staple"], ids=["random", "passphrase"])
    async def test_each_purpose_has_a_key_of_its_own(self, text: Any) -> None:
        """Five keys of 32 bytes, no two alike, and none of them the master key."""
        master = parse(text)

        keys = await derive(master, Derivation(master.kind), SALT)

        assert {len(key) for key in keys} == {32}
        assert all(one != other for one, other in combinations([*keys, master.material], 2))

    async def test_salt_and_cost_count(self) -> None:
        """The same passphrase gives other keys in another vault, and at another cost."""
        master, cheap = (
            parse("correct horse battery staple"),
            Derivation("passphrase", memory=19_456, iterations=1, lanes=1),
        )

        first = await derive(master, cheap, SALT)

        assert first == await derive(master, cheap, SALT)
        assert first != await derive(master, cheap, SALT[::-1])
        assert first != await derive(master, Derivation("passphrase", memory=19_456, iterations=2, lanes=1), SALT)

    def test_keys_do_not_print(self) -> None:
        """In no repr, format or f-string."""
        master, keys = MasterKey("random", b"canary" * 5), Keys(*(b"canary" * 5 for _ in range(5)))

        assert "canary" not in f"{master!r} {master} {keys!r} {keys} {[keys]}"
        assert b"canary" in pickle.dumps(keys)
