"""
Commands that need not load anything: a process that has loaded all of them makes a fork of itself for each.

    shared().start(command, folder, …) ──words, three files──► the warm process ──fork──► runner.cli.main()
                                   ◄─── the fork's number ──────────┘

Each command, `start` among them, is a process of its own with a folder, an environment and files of its own, at a tenth
of the price, and a child of who asked (a subreaper: the fork's own parent ends at once). For tests of what a command
says and a daemon does; those of how one starts start it. Used by `tests/acceptance/conftest.py`.
"""

import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from runner.cli import _COMMANDS, main

LONGEST: Final = 131_072
"""Bytes of what is asked for: the words and the environment."""

_SUBREAPER: Final = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""

PATIENCE: Final = 60.0
"""Seconds for the warm process to load and for a fork to be made."""


class Forked:
    """A fork that runs a command: of `subprocess.Popen` what the tests use."""

    def __init__(self, pid: int, words: Sequence[str]) -> None:
        self.pid = pid
        self.args = words
        self.returncode: int | None = None
        self.stderr: IO[bytes] | None = None
        self._reaping = threading.Lock()
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """The exit status, or the number of the signal that ended it, negative; None while it lives."""
        with self._reaping:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
                    os.close(self._handle)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended. Raises TimeoutExpired."""
        poll = select.poll()
        if self.returncode is None:
            poll.register(self._handle, select.POLLIN)
            poll.poll(None if timeout is None else timeout * 1000)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Nothing happens where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Warm:
    """The warm process, until it is closed. Forks of it outlive it."""

    def __init__(self) -> None:
        if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
        self._asking = threading.Lock()
        self._here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._here.settimeout(PATIENCE)
        with there:
            number = there.fileno()
            self._process = subprocess.Popen([sys.executable, __file__, str(number)], pass_fds=[number])

    def close(self) -> None:
        """End the warm process."""
        self._here.close()
        self._process.wait()

    def start(
        self, command: Sequence[str | Path], *, folder: Path, environ: Mapping[str, str], files: Sequence[int]
    ) -> Forked:
        """
        A command in that folder, on its way; `files` are its standard input, output and error.

        Its first word is `runner`, wherever it is installed, or a Python file that is run in its place.
        """
        texts = [str(word) for word in command]
        asked = {"words": texts, "folder": str(folder), "environ": dict(environ)}
        with self._asking:
            socket.send_fds(self._here, [json.dumps(asked).encode()], files)
            return Forked(int(self._here.recv(LONGEST)), texts)


@functools.cache
def shared() -> Warm:
    """The one of this process of the tests, made when it is first asked for."""
    warm = Warm()
    atexit.register(warm.close)
    return warm


def serve(asking: socket.socket) -> None:
    """Until nobody asks any more. In a fork it comes back with the words of its command as `sys.argv`."""
    while True:
        text, files, _, _ = socket.recv_fds(asking, LONGEST, 3)
        if not text:
            sys.exit(0)
        between = os.fork()
        if not between:
            if fork := os.fork():
                asking.send(str(fork).encode())
                os._exit(0)
            asking.close()
            _become(json.loads(text), files)
            return
        for number in files:
            os.close(number)
        os.waitpid(between, 0)


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
    sys.argv = words


def _status() -> int:
    """What the command of `sys.argv` ends with."""
    try:
        if sys.argv[0].endswith(".py"):
            runpy.run_path(sys.argv[0], run_name="__main__")
        else:
            main(prog_name="runner")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _end(status: int) -> None:
    """Without taking the modules apart, which copies every page that is shared with the warm process."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    for place, _ in _COMMANDS.values():
        importlib.import_module(place.partition(":")[0])
    importlib.import_module("runner.daemon.service")
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
    _end(_status())
