"""
Which run and action a task is at, written on the task itself, so that a stall of the loop can be laid at its door.

    start_soon(…, name=task_name("orders", ""))      at(workflow, action) ──► the running task's name
    runner.daemon.loop_watch, from a thread of its own ──read_name()──► ("orders", "fetch")

A task's name is the one thing of it that another thread may read while it holds the loop.
"""

import asyncio
from typing import Final

_MARK: Final = "\0run"


def task_name(workflow: str, action: str) -> str:
    """The name of a task of a run; `action` is empty where it is at none."""
    return f"{_MARK}\0{workflow}\0{action}"


def at(workflow: str, action: str) -> None:
    """From now on the running task is at this action."""
    task = asyncio.current_task()
    if task is not None:
        task.set_name(task_name(workflow, action))


def read_name(name: str) -> tuple[str, str] | None:
    """Workflow and action; None where the task is of no run."""
    parts = name.split("\0")
    return (parts[2], parts[3]) if name.startswith(_MARK) else None
