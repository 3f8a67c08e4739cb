"""
A process that appends until it is killed: `python -m tests.integration.store.appending PATH`.

It takes up what an earlier one left, then runs twenty runs at a time. What it was promised is on disk it says on its
standard output, one `run seq` a line; every append with an even seq has a value and a parked place of its own.
"""

import os
import sys

import anyio
import msgspec

from runner.ports import Append, Blob, Park, RunChange
from runner.store.sqlite import SqliteStore, open_store
from tests.contracts.store.made import admission, append, ended

LENGTH = 7
"""Appends of a whole run; the last of them ends it."""


def step(run: str, seq: int, boot: int) -> Append:
    """The append of a run at `seq`."""
    if seq == LENGTH:
        return ended(run, seq, boot=boot)
    made = append(run, seq, boot=boot, change=RunChange(state="running", error=str(seq)))
    if seq % 2:
        return made
    blobs, parks = (Blob(seq, run.encode() * 500),), (Park(str(seq), float(seq)),)
    return msgspec.structs.replace(made, blobs=blobs, parks=parks, waiting=True)


async def go_on(store: SqliteStore, run: str, seq: int) -> None:
    """Append from `seq` to the run's end, all at once, and tell of each when it is on disk."""
    promises = [(each, store.append(step(run, each, store.boot))) for each in range(seq, LENGTH + 1)]
    for each, promise in promises:
        await promise
        os.write(1, f"{run} {each}\n".encode())


async def work(store: SqliteStore, name: str) -> None:
    """One run after the other."""
    number = 0
    while True:
        run = f"{store.boot:04}-{number:06}-{name}"
        await store.admit(admission(run, boot=store.boot))
        os.write(1, f"{run} 1\n".encode())
        await go_on(store, run, 2)
        number += 1


async def main(path: str) -> None:
    """Until it is killed."""
    async with open_store(path) as store, anyio.create_task_group() as group:
        for claimed in await store.live():
            journal = await store.read(claimed.run)
            group.start_soon(go_on, store, claimed.run, journal[-1].seq + 1)
        for number in range(20):
            group.start_soon(work, store, str(number))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
