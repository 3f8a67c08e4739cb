"""What a secret may be used for: one spelling, and what makes it wider."""

from typing import Any

import pytest

from runner.errors import SecretError, SecretRefusedError
from runner.secrets.policy import EVERYTHING, UNCHANGED, Policy, PolicyChange, check_use, decode, widens

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


class TestChanges:
    def test_what_is_not_said_stays(self) -> None:
        """Unset leaves a field alone, None takes its limit away, hosts get their one spelling."""
        old = Policy(allowed_hosts=(A,), allowed_workflows=("w",), expires_at=5.0, on_expiry="refuse")

        new = PolicyChange(allowed_hosts=("B.example.com:443", A), expires_at=None).applied("K", old)

        assert new == Policy(allowed_hosts=(A, B), allowed_workflows=("w",), on_expiry="refuse")
        assert UNCHANGED.applied("K", old) is old

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                PolicyChange(allowed_workflows=("Not A Name",)),
                "K: allowed_workflows: 'Not A Name': expected a workflow's name",
            ),
            (PolicyChange(allowed_workflows=("w",) * 101), "K: allowed_workflows: expected at most 100, found 101"),
            (
                PolicyChange(allowed_hosts=("ftp://a.example.com",)),
                "K: allowed_hosts: 'ftp://a.example.com' has a scheme",
            ),
            (PolicyChange(allowed_hosts=("",)), "K: allowed_hosts: "),
            (PolicyChange(expires_at=float("inf")), "K: expires_at: expected seconds from 1970"),
            (PolicyChange(expires_at=1e15), "K: expires_at: expected seconds from 1970"),
            (PolicyChange(rotate_every=0.0), "K: rotate_every: expected seconds from 1970"),
        ],
    )
    def test_what_cannot_be_is_named(self, change: PolicyChange, message: str) -> None:
        """With the secret, the field and what was expected."""
        with pytest.raises(SecretError) as raised:
            change.applied("K", EVERYTHING)

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

    def test_a_pattern_admits_what_it_means(self) -> None:
        """A name below `*.` is no wider, the pattern itself is, and so are another port and plain http."""
        old = Policy(allowed_hosts=("https://*.example.com",))

        assert widens(old, Policy(allowed_hosts=(A, "https://x.a.example.com"))) == []
        assert widens(Policy(allowed_hosts=(A,)), old) == ["https://*.example.com"]
        wider = ["http://a.example.com", "https://a.example.com:8443"]
        assert widens(old, Policy(allowed_hosts=tuple(wider))) == wider

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


class TestUse:
    def test_a_workflow_that_is_not_named_is_refused(self) -> None:
        """With the secret, the workflow, those that may, and what to do."""
        with pytest.raises(SecretRefusedError) as raised:
            check_use("KEY", Policy(allowed_workflows=("orders", "bills")), "report", 0.0)

        assert raised.value.name == "KEY"
        assert "The secret KEY may not be used by the workflow report (allowed: orders, bills)" in str(raised.value)
        assert "runner secrets set KEY" in str(raised.value)

    def test_an_expired_one_is_refused_where_it_was_told_so(self) -> None:
        """With its date; where it was told to warn it is handed out."""
        with pytest.raises(SecretRefusedError, match=r"KEY expired on 1970-01-01T00:01:40\.000Z"):
            check_use("KEY", Policy(expires_at=100.0, on_expiry="refuse"), "report", 100.0)

        check_use("KEY", Policy(expires_at=100.0, on_expiry="refuse"), "report", 99.0)
        check_use("KEY", Policy(expires_at=100.0), "report", 100.0)
