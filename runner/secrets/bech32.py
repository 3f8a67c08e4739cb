"""
Bech32, as BIP 173 describes it: bytes as text that survives being copied by hand.

`runner.secrets.keys` writes and reads the master key with it. Any change of up to four characters is found.
"""

from collections.abc import Iterable
from typing import Final

ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM: Final = 6


def encode(prefix: str, data: bytes) -> str:
    """The data and a checksum over prefix and data, without the prefix; lower case."""
    words = list(_regroup(data, 8, 5))
    words += _checksum(prefix, words)
    return "".join(ALPHABET[word] for word in words)


def decode(prefix: str, text: str) -> bytes:
    """What `encode` was given. Raises ValueError for anything that it did not write; upper case alone is read too."""
    if text not in (text.lower(), text.upper()):
        raise ValueError("upper and lower case are mixed")
    words = [ALPHABET.find(character) for character in text.lower()]
    if len(words) < _CHECKSUM or min(words) < 0:
        raise ValueError("a character is none of Bech32's")
    if _polymod((*_expanded(prefix), *words)) != 1:
        raise ValueError("the checksum does not fit")
    values = list(_regroup(words[:-_CHECKSUM], 5, 8))
    data = bytes(values[: len(words[:-_CHECKSUM]) * 5 // 8])
    if encode(prefix, data) != text.lower():
        raise ValueError("the last bits are not zero")
    return data


def _regroup(values: Iterable[int], width: int, new: int) -> Iterable[int]:
    """The same bits in groups of another width, the last one filled with zeros."""
    gathered = bits = 0
    for value in values:
        gathered = gathered << width | value
        bits += width
        while bits >= new:
            bits -= new
            yield gathered >> bits & (1 << new) - 1
    if bits:
        yield gathered << new - bits & (1 << new) - 1


def _checksum(prefix: str, words: list[int]) -> list[int]:
    rest = _polymod((*_expanded(prefix), *words, *(0,) * _CHECKSUM)) ^ 1
    return [rest >> 5 * (5 - index) & 31 for index in range(_CHECKSUM)]


def _expanded(prefix: str) -> tuple[int, ...]:
    codes = prefix.encode()
    return (*(code >> 5 for code in codes), 0, *(code & 31 for code in codes))


def _polymod(words: Iterable[int]) -> int:
    rest = 1
    for word in words:
        top = rest >> 25
        rest = (rest & 0x1FFFFFF) << 5 ^ word
        for index, generator in enumerate(_GENERATOR):
            rest ^= generator if top >> index & 1 else 0
    return rest
