"""
Commands that need not load anything: a process that has loaded all of them makes a fork of itself for each.

    Warm(…).run(words, folder, environ, stdin) ──words, three files──► the warm process ──fork──► runner.cli.main(words)
                                               ◄── exit status ──────

Each command is a process of its own with a folder, an environment and files of its own, at a tenth of the price. For
tests of what a command says; how one starts is for those that start it. `tests/acceptance/conftest.py` opens it.
"""

import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from runner.cli import _COMMANDS, main

LONGEST = 131_072
"""Bytes of what is asked for: the words and the environment."""


class Warm:
    """The warm process, within the block. One command at a time."""

    def __init__(self, patience: float) -> None:
        self._here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._here.settimeout(patience)
        with there:
            number = there.fileno()
            self._process = subprocess.Popen([sys.executable, __file__, str(number)], pass_fds=[number])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._here.close()
        self._process.wait()

    def run(
        self, words: Sequence[str | Path], *, folder: Path, environ: Mapping[str, str], stdin: bytes | None
    ) -> "subprocess.CompletedProcess[bytes]":
        """`runner WORDS` in that folder; without `stdin` there is nothing to read."""
        asked = {"words": [str(word) for word in words], "folder": str(folder), "environ": dict(environ)}
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            given.write(stdin or b"")
            given.seek(0)
            socket.send_fds(self._here, [json.dumps(asked).encode()], [file.fileno() for file in (given, out, said)])
            status = int(self._here.recv(LONGEST))
            out.seek(0)
            said.seek(0)
            return subprocess.CompletedProcess([*words], status, out.read(), said.read())


def serve(asking: socket.socket) -> None:
    """Until nobody asks any more. In a fork it comes back with the words of its command as `sys.argv`."""
    while True:
        text, files, _, _ = socket.recv_fds(asking, LONGEST, 3)
        if not text:
            sys.exit(0)
        fork = os.fork()
        if not fork:
            asking.close()
            _become(json.loads(text), files)
            return
        for number in files:
            os.close(number)
        asking.send(str(os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])).encode())


def _become(asked: dict[str, object], files: Sequence[int]) -> None:
    for place, number in enumerate(files):
        os.dup2(number, place)
        os.close(number)
    os.chdir(str(asked["folder"]))
    os.environ.clear()
    environ, words = asked["environ"], asked["words"]
    assert isinstance(environ, dict)
    assert isinstance(words, list)
    os.environ.update(environ)
    time.tzset()
    sys.argv = ["runner", *words]


if __name__ == "__main__":
    for place, _ in _COMMANDS.values():
        importlib.import_module(place.partition(":")[0])
    serve(socket.socket(fileno=int(sys.argv[1])))
    main()
