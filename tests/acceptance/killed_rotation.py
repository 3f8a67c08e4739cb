"""
A rotation of the master key that is killed right before each of its writes to the files that hold keys, one after the
other: `python killed_rotation.py FOLDER`, where FOLDER is an installation whose vault has the secret API_KEY.

    for N = 1, 2, …   a copy of FOLDER ──rotate-master-key --write, SIGKILL at step N──► secrets list ──► rotate again
                      ──► a line of JSON: `Killed`                       … until a rotation comes to its end

Run by `test_rotation`. Each command is a fork of this process, which has loaded the code and done nothing yet.
"""

import json
import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import runner.cli.secrets.rotating
import runner.cli.secrets.showing  # noqa: F401  what the commands load, once for all forks
from runner.cli import main

WRITES = frozenset({"os.rename", "os.remove", "os.chown"})
OUTPUT = "said"
ROTATE = ("secrets", "rotate-master-key", "--write")


class Killed(NamedTuple):
    """
    What a kill left: the step it was right before, whether the vault opens, every file that holds keys, and those files
    after the rotation was asked for again.
    """

    step: str
    opens: bool
    files: dict[str, str]
    files_again: dict[str, str]


def dying(at: int, folder: Path) -> None:
    """From now on this process dies right before its `at`-th write to a file of `folder`, beside the data."""
    steps, fsync = count(1), os.fsync

    def step(name: str) -> None:
        if next(steps) == at:
            os.write(1, f"\n{name}".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, words: tuple[Any, ...]) -> None:
        is_write = event in WRITES or (event == "open" and isinstance(words[2], int) and words[2] & os.O_WRONLY)
        path = str(words[0]) if words else ""
        if is_write and Path(path).parent.resolve() == folder and Path(path).name != OUTPUT:
            step(f"{event} {Path(path).name}")

    def dying_fsync(descriptor: Any) -> None:
        step("fsync")
        fsync(descriptor)

    sys.addaudithook(hook)
    os.fsync = dying_fsync  # type: ignore[assignment]  # to die in it


def forked(folder: Path, words: tuple[str, ...], at: int = 0) -> tuple[int, str]:
    """A command in `folder`: what `os.waitpid` says of it, and its output."""
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        out = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        if at:
            dying(at, folder)
        main(list(words), prog_name="runner")
        os._exit(99)
    _, status = os.waitpid(child, 0)
    return status, (folder / OUTPUT).read_text()


def opens(folder: Path) -> bool:
    """Whether the vault opens and holds its secret."""
    status, said = forked(folder, ("secrets", "list"))
    return status == 0 and "API_KEY" in said


def files(folder: Path) -> dict[str, str]:
    """Every file beside the data, by name."""
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file() and path.name != OUTPUT}


def kill(original: Path, at: int) -> Killed | None:
    """One kill, in a copy; None where the rotation came to its end before that step."""
    folder = original.with_name(f"{original.name}-{at}").resolve()
    shutil.copytree(original, folder)
    status, said = forked(folder, ROTATE, at)
    if status == 0:
        return None
    assert os.WIFSIGNALED(status), said
    step, left, is_open = said.splitlines()[-1], files(folder), opens(folder)
    again, said = forked(folder, ROTATE)
    assert again == 0, said
    return Killed(step, is_open, left, files(folder))


if __name__ == "__main__":
    for number in count(1):
        killed = kill(Path(sys.argv[1]), number)
        if killed is None:
            break
        sys.stdout.write(f"{json.dumps(killed._asdict())}\n")
        sys.stdout.flush()
