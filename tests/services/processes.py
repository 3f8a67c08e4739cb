"""
Start a server program of this machine for the length of a block, whoever we are.

    program(...) ── not there ──► apt-get install (as root or by sudo) ──► program(...)
    folder() ──► run(initdb) ──► server(postgres) ──► wait_for(answers) … block … ──► stop signal to that pid, wait, kill

Database servers refuse to run as root: then their folder and their processes belong to an unprivileged account. Called by
`tests.services.postgres` and `tests.services.mariadb`, which know their programs; this knows none.
"""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 20
POLL_SECONDS = 0.1


class ServiceError(Exception):
    """A server could not be found, installed or started; the message says what to do."""


def say(text: str) -> None:
    """A line of progress for the person before the terminal; standard output stays free."""
    sys.stderr.write(f"services: {text}\n")


def program(name: str, *, places: Sequence[str] = (), package: str) -> str:
    """The path of a program on PATH or in `places` (patterns; the last match is the newest); installs `package` if need be."""
    found = _look_for(name, places)
    if found is None:
        _install(package, name)
        found = _look_for(name, places)
    if found is None:
        raise ServiceError(
            f"{package} was installed, yet {name} is neither on PATH nor in {', '.join(places) or 'its places'}"
        )
    return found


@contextlib.contextmanager
def folder(account: str) -> Iterator[Path]:
    """A new folder that the account which runs the server may write to; gone at the end. Its path is short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="runner-services-", dir="/tmp"))
    try:
        if _is_root():
            entry = _entry(account)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def run(command: Sequence[str], *, account: str, cwd: Path) -> None:
    """Run a program to its end as the server's account. Raises ServiceError with the tail of what it printed."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **_identity(account)
    )
    if done.returncode:
        raise ServiceError(f"{command[0]} ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-2000:]}")


@contextlib.contextmanager
def server(
    command: Sequence[str], *, account: str, cwd: Path, stop: signal.Signals, answers: Callable[[], bool]
) -> "Iterator[subprocess.Popen[bytes]]":
    """
    Run a server within the block; it answers when the block begins and has ended when the block has. Yields its process.

    It has a session of its own, so that Ctrl-C in the terminal reaches the tests and not the database under them.
    """
    log = cwd / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **_identity(account),
        )
    try:
        _wait_for(answers, process, log)
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of the loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        ended = process.poll()
        if ended is not None or time.monotonic() > deadline:
            state = f"ended with {ended}" if ended is not None else f"did not answer within {START_SECONDS} s"
            raise ServiceError(f"{process.args!r} {state}: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(POLL_SECONDS)


def _look_for(name: str, places: Sequence[str]) -> str | None:
    on_path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")
    if on_path:
        return on_path
    matches = sorted((match for place in places for match in glob.glob(f"{place}/{name}")), key=_version_order)  # noqa: PTH207  the patterns are absolute
    return matches[-1] if matches else None


def _version_order(path: str) -> tuple[int, ...]:
    return tuple(int(part) for part in path.split("/") if part.isdigit())


def _install(package: str, name: str) -> None:
    cure = (
        f"{name} is not on this machine: install the package {package}, or name a running server (see CONTRIBUTING.md)"
    )
    apt = shutil.which("apt-get")
    sudo = [] if _is_root() else ["sudo", "-n"]
    if apt is None or (sudo and shutil.which("sudo") is None):
        raise ServiceError(cure)
    say(f"installing {package} by apt-get")
    environment = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive"]
    for command in ([apt, "update", "-q"], [apt, "install", "-q", "-y", "--no-install-recommends", package]):
        done = subprocess.run(
            [*environment, *command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise ServiceError(
                f"{cure}; {' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-1000:]}"
            )


def _identity(account: str) -> dict[str, Any]:
    """What makes a child of root belong to the account; nothing where we are nobody special."""
    if not _is_root():
        return {}
    entry = _entry(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _entry(account: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(account)
    except KeyError:
        return pwd.getpwnam("nobody")


def _is_root() -> bool:
    return os.geteuid() == 0
