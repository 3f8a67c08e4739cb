"""Sealed bytes open under what they were sealed under, and under nothing else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.secrets.cipher import Bound, digest, mac, new_key, packed, seal, unseal


class TestSeal:
    @given(st.binary(max_size=200), st.binary(max_size=50))
    @settings(deadline=None)
    def test_what_was_sealed_comes_back(self, data: Any, bound: Any) -> None:
        """Whatever bytes; twice the same is never the same."""
        key = new_key()

        one, other = seal(key, data, bound), seal(key, data, bound)

        assert unseal(key, one, bound) == unseal(key, other, bound) == data
        assert one != other

    @pytest.mark.parametrize("change", range(3))
    def test_another_key_binding_or_byte_is_refused(self, change: Any) -> None:
        """And so is an empty or a short blob."""
        key, bound = new_key(), b"bound"
        blob = seal(key, b"data", bound)
        wrong = [(new_key(), blob, bound), (key, blob, b"other"), (key, blob[:-1], bound)][change]

        with pytest.raises(ValueError, match="tag"):
            unseal(*wrong)

    @pytest.mark.parametrize("blob", [b"", b"\x02" + b"x" * 60, b"\x00"])
    def test_another_format_is_refused(self, blob: Any) -> None:
        """The first byte says which one it is."""
        with pytest.raises(ValueError, match="format"):
            unseal(new_key(), blob, b"")


class TestPacked:
    def test_no_two_lists_of_parts_are_packed_alike(self) -> None:
        """Where one part ends and the next begins is part of it."""
        assert len({packed(b"ab", b"c"), packed(b"a", b"bc"), packed(b"abc"), packed(b"abc", b""), packed()}) == 5
        assert digest(b"ab", b"c") != digest(b"a", b"bc")
        assert mac(b"k", [b"ab", b"c"]) != mac(b"k", [b"a", b"bc"])

    @pytest.mark.parametrize("change", Bound._fields)
    def test_each_field_is_bound(self, change: Any) -> None:
        """None can be exchanged without the bytes changing."""
        bound = Bound(b"vault", b"secret", "NAME", 1, "value", b"policy")
        other: dict[str, Any] = {"version": 2, "name": "OTHER", "purpose": "data key"}

        assert bound._replace(**{change: other.get(change, b"other")}).encoded() != bound.encoded()
