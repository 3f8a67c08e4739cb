"""
The daemon, with a SIGKILL aimed at a COMMIT of an sql action: `python aimed.py before|after N start …`.

It ends right before the N-th COMMIT is sent to the database, or right after its answer has come. Run by `test_aimed`.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from runner.cli import main
from runner.executors.sql.mysql.session import MysqlSession
from runner.executors.sql.postgres.session import PostgresSession
from runner.executors.sql.sqlite.session import SqliteSession


def aimed(commit: Callable[[Any], Awaitable[None]], when: str, at: int) -> Callable[[Any], Awaitable[None]]:
    """The commit, and the end of this process at the one that is meant."""
    commits = count(1)

    async def commit_or_die(session: Any) -> None:
        is_meant = next(commits) == at
        if is_meant and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await commit(session)
        if is_meant:
            os.kill(os.getpid(), signal.SIGKILL)

    return commit_or_die


if __name__ == "__main__":
    _, when, at, *words = sys.argv
    for session in (MysqlSession, PostgresSession, SqliteSession):
        session.commit = aimed(session.commit, when, int(at))  # type: ignore[method-assign,assignment]  # to die in it
    main(words, prog_name="runner")
