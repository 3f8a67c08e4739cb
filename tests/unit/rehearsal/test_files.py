"""What is written as a workflow test reads back as the same, whatever texts are in it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.rehearsal.clock import SwiftClock
from runner.rehearsal.files import Case, CaseFile, Reply, read_cases, written

WORDS = st.sampled_from(
    [
        "08",
        "0o17",
        "1_000",
        ".inf",
        "no",
        "null",
        "~",
        "12:30",
        "2026-01-01",
        "a: b",
        "- x",
        "#c",
        "[secret A]",
        "\u2028",
        "",
    ]
)
TEXTS = WORDS | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(value=VALUES)
def test_whatever_is_written_reads_back(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Texts that YAML would read as something else are quoted."""
    file: Path = tmp_path_factory.getbasetemp() / "x.test.yaml"
    cases = CaseFile(tests=[Case(name="a", answers={"x": Reply(value=value)})])

    file.write_text(written(cases), "utf-8", newline="")

    assert read_cases(file) == cases


async def test_ticks_do_not_hold_time_up() -> None:
    """Of those who sleep the one who slept before the last thing happened is waited for."""
    clock = SwiftClock(1000.0)
    assert not clock.pass_on(None)
    assert clock.pass_on(1500.0)
    assert (clock.wall(), clock.monotonic()) == (1500.0, 500.0)
