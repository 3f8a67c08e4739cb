"""
The daemon, with a SIGKILL aimed at a commit of its own journal: `python journal_aimed.py N start …`.

It ends right after the N-th commit that holds an append of a run that was accepted in this life, or of a child of one;
before anybody is told of it. Run by `test_journal_aimed`.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from runner.cli import main
from runner.ports import Admission, Append
from runner.store.batch import Item, Outcome
from runner.store.writer import Writer

Commit = Callable[[Writer, list[Item]], list[Outcome]]


def aimed(commit: Commit, at: int) -> Commit:
    """The commit, and the end of this process after the one that is meant."""
    accepted: set[str] = set()
    seen = 0

    def commit_or_die(writer: Writer, batch: list[Item]) -> list[Outcome]:
        nonlocal seen
        outcomes = commit(writer, batch)
        works = [item.work for item in batch]
        accepted.update(work.run for work in works if isinstance(work, Admission))
        seen += any(_run_of(work) in accepted for work in works)
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes

    return commit_or_die


def _run_of(work: Any) -> str | None:
    return work.run if isinstance(work, Append | Admission) else None


if __name__ == "__main__":
    _, number, *words = sys.argv
    Writer._commit = aimed(Writer._commit, int(number))  # type: ignore[method-assign,assignment]  # to die in it
    main(words, prog_name="runner")
