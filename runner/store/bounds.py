"""
The few fixed numbers and words that both stores keep to.
"""

from typing import Final

ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})
"""States of a run that has ended."""

AT_ONCE: Final = 0.0
"""The due time of a parked place whose signal has come: before any wall clock."""

MOST_WAITING: Final = 50_000
"""Appends that may wait for the disk before admissions are refused; appends never are."""

PART: Final = 131_072
"""Bytes of a row of a large value: what deletes it takes one row at a time, and its pages are then few."""

PREFIX: Final = 6
"""Characters that an abbreviated run id has at least."""

FIRINGS: Final = 200
"""
Firings of one schedule that are kept for people; what was decided is known by its mark. Twice what `catch_up: all`
makes at once, so that the row which tells of those it dropped stays.
"""

SCHEDULE_SECONDS: Final = 400 * 86_400.0
"""How long a schedule is remembered that decides nothing any more: its workflow is gone, or its trigger was changed."""
