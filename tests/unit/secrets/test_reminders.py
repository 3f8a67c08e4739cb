"""When a secret is said to want a new value."""

import pytest

from runner.secrets.content import SecretInfo, VersionInfo
from runner.secrets.policy import Policy
from runner.secrets.reminders import Reminder, counts, due, reminders

DAY = 86_400.0


def info(name: str, policy: Policy, *, set_at: float = 0.0) -> SecretInfo:
    """A secret whose current version was set then, after an older one at 0."""
    versions = (
        VersionInfo(1, 0.0, "", is_current=False, given_for_less=()),
        VersionInfo(2, set_at, "", is_current=True, given_for_less=()),
    )
    return SecretInfo(name, 2, 0.0, set_at, versions, policy)


class TestDue:
    @pytest.mark.parametrize(
        ("day", "said"),
        [
            (85.9, None),
            (86.0, "expires 1970-04-11, then refused"),
            (99.9, "expires 1970-04-11, then refused"),
            (100.0, "expired 1970-04-11, refused"),
        ],
    )
    def test_an_expiry_is_said_two_weeks_ahead(self, day: float, said: str | None) -> None:
        """And from its instant on, with what it means."""
        found = due(info("K", Policy(expires_at=100 * DAY, on_expiry="refuse")), day * DAY)

        assert (str(found) if found else None) == said

    @pytest.mark.parametrize(("day", "said"), [(99.9, None), (100.0, "rotate since 1970-04-11")])
    def test_a_rotation_counts_from_the_day_of_the_current_value(self, day: float, said: str | None) -> None:
        """Not from that of the secret."""
        found = due(info("K", Policy(rotate_every=90 * DAY), set_at=10 * DAY), day * DAY)

        assert (str(found) if found else None) == said

    def test_an_expiry_counts_more_than_a_rotation(self) -> None:
        """One thing is said of a secret."""
        policy = Policy(expires_at=100 * DAY, rotate_every=DAY)

        assert due(info("K", policy), 99 * DAY) == Reminder("K", "expires", 100 * DAY)

    def test_the_longest_due_come_first(self) -> None:
        """Those of which nothing is to be said are not there."""
        secrets = [
            info("B", Policy(rotate_every=20 * DAY)),
            info("A", Policy()),
            info("C", Policy(expires_at=10 * DAY)),
        ]

        assert [each.name for each in reminders(secrets, 30 * DAY)] == ["C", "B"]

    def test_they_are_counted(self) -> None:
        """Each thing has its number, though it be 0."""
        infos = [
            info("A", Policy(expires_at=10 * DAY)),
            info("B", Policy(expires_at=20 * DAY)),
            info("C", Policy(expires_at=1 * DAY)),
            info("D", Policy()),
        ]

        assert counts(infos, 12 * DAY) == {"expired": 2, "expires": 1, "rotate": 0}
