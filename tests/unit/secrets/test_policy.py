"""What a secret may be used for: one spelling, and what makes it wider."""

from typing import Any

import pytest

from runner.errors import SecretError
from runner.secrets.policy import EVERYTHING, Policy, check_policy, decode, widens

A, B = "https://a.example.com", "https://b.example.com"


class TestSpelling:
    def test_nothing_said_is_an_empty_object(self) -> None:
        """The policy of a secret that every workflow may use, for every host."""
        assert (EVERYTHING.encode(), decode("K", "{}")) == ("{}", EVERYTHING)

    def test_the_order_in_which_it_was_said_does_not_count(self) -> None:
        """Its hash is bound to every version, so that one meaning has one spelling."""
        one = Policy(allowed_hosts=(B, A, B), allowed_workflows=("w", "v"), rotate_every=86400.0)

        assert (
            one.encode()
            == Policy(allowed_workflows=("v", "w"), allowed_hosts=(A, B), rotate_every=86400.0).encode()
            == (f'{{"allowed_hosts":["{A}","{B}"],"allowed_workflows":["v","w"],"rotate_every":86400.0}}')
        )

    def test_nowhere_is_not_everywhere(self) -> None:
        """An empty list survives; only a list that is not there admits all."""
        nowhere = decode("K", Policy(allowed_workflows=()).encode())

        assert (nowhere.allowed_workflows, nowhere.admits("w"), EVERYTHING.admits("w")) == ((), False, True)

    @pytest.mark.parametrize("text", ['{"hosts":[]}', '{"on_expiry":"ignore"}', "[]", "", '{"expires_at":"soon"}'])
    def test_what_it_does_not_know_is_refused(self, text: str) -> None:
        """A newer version's rule is never taken as no rule."""
        with pytest.raises(SecretError, match=r"^The policy of K cannot be read"):
            decode("K", text)


class TestChecks:
    @pytest.mark.parametrize(
        ("policy", "message"),
        [
            (Policy(allowed_workflows=("Not A Name",)), "K: allowed_workflows: 'Not A Name'"),
            (Policy(allowed_workflows=("w",) * 101), "K: allowed_workflows: expected at most 100"),
            (Policy(allowed_hosts=("",)), "K: allowed_hosts: expected"),
            (Policy(expires_at=float("inf")), "K: expires_at: expected a time"),
            (Policy(rotate_every=0.0), "K: rotate_every: expected a time"),
        ],
    )
    def test_what_cannot_be_is_named(self, policy: Policy, message: str) -> None:
        """With the secret, the field and what was expected."""
        with pytest.raises(SecretError) as raised:
            check_policy("K", policy)

        assert str(raised.value).startswith(message)


class TestWidening:
    @pytest.mark.parametrize(
        ("old", "new", "wider"),
        [
            (None, None, []),
            (None, ("w",), []),
            (("w",), None, ["every workflow"]),
            (("v", "w"), ("w",), []),
            (("w",), (), []),
            ((), ("w",), ["w"]),
            (("w",), ("w", "v", "u"), ["u", "v"]),
        ],
    )
    def test_workflows(self, old: Any, new: Any, wider: list[str]) -> None:
        """More names, or no list any more."""
        assert widens(Policy(allowed_workflows=old), Policy(allowed_workflows=new)) == wider

    def test_hosts(self) -> None:
        """Likewise, beside the workflows."""
        old = Policy(allowed_hosts=(A,), allowed_workflows=("w",))

        assert widens(old, Policy(allowed_hosts=(A, B))) == [B, "every workflow"]
        assert widens(old, Policy(allowed_workflows=("w",))) == ["every host"]

    def test_times_are_no_wider(self) -> None:
        """Who may use it where is what the value is demanded for."""
        assert widens(Policy(expires_at=1.0, on_expiry="refuse"), Policy(expires_at=9.0)) == []


class TestTimes:
    def test_the_day_itself_is_over(self) -> None:
        """From that instant on it is expired; without a date never."""
        assert [Policy(expires_at=5.0).is_expired(at) for at in (4.9, 5.0)] == [False, True]
        assert not EVERYTHING.is_expired(1e12)

    def test_a_new_value_is_due_at_the_earlier_of_both(self) -> None:
        """Rotation counts from the day of the value."""
        policy = Policy(expires_at=100.0, rotate_every=30.0)

        assert [policy.due_at(since) for since in (10.0, 90.0)] == [40.0, 100.0]
        assert EVERYTHING.due_at(0.0) is None
