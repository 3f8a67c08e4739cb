"""
The way from a command to the daemon beside it: HTTP over a Unix socket that only its user can reach (design §4).

    connect(database) ──► Daemon, or None where none answers
    Daemon.lines("GET", "/runs") ──► JSON, one object a line

Where the socket lies is a rule that both ends need, so it stands here: the daemon makes it, the client looks for it.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from runner.client.lines import split_lines
from runner.client.refusals import refusal
from runner.errors import RunnerError

LONGEST_PATH: Final = 100
"""Bytes of a socket's path; the kernel takes 107 (Linux) or 103 (macOS)."""

_CONNECT_SECONDS: Final = 10


def control_sockets(database: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """
    Where the control socket of the daemon on this database may lie, the first choice first.

    Beside the database; where that path is too long, in a folder of its own in `$XDG_RUNTIME_DIR` or `/tmp`.
    """
    beside = database.with_name(f"{database.stem}.run") / "control"
    if len(os.fsencode(beside)) <= LONGEST_PATH:
        return (beside,)
    mark = hashlib.sha256(os.fsencode(os.path.realpath(database))).hexdigest()[:16]
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    folders = [Path(runtime) / f"runner-{mark}"] if runtime.startswith("/") else []
    folders.append(Path("/tmp") / f"runner-{os.geteuid()}-{mark}")  # noqa: S108  made 0700 and checked, or refused
    return tuple(folder / "control" for folder in folders if len(os.fsencode(folder / "control")) <= LONGEST_PATH)


class Daemon:
    """A daemon that answers. Raises RefusedError, DefinitionError or RunnerError for what it refuses."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def lines(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Iterator[bytes]:
        """The answer's lines as they come, a JSON object each."""
        content = None if body is None else msgspec.json.encode(body)
        try:
            with self._http.stream(method, path, params=query, content=content) as answer:
                if answer.is_error:
                    raise refusal(answer.read())
                yield from split_lines(answer.iter_raw())
        except httpx.HTTPError as error:
            raise RunnerError(f"the daemon hung up in the middle of its answer ({type(error).__name__})") from None


@contextmanager
def connect(database: Path, environ: Mapping[str, str]) -> Iterator[Daemon | None]:
    """The daemon that runs on this database; None where none does. Raises RunnerError for somebody else's socket."""
    for path in control_sockets(database, environ):
        if not _is_ours(path):
            continue
        transport = httpx.HTTPTransport(uds=str(path))
        timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)
        with httpx.Client(transport=transport, base_url="http://runner", timeout=timeout, trust_env=False) as http:
            try:
                http.get("/healthz")
            except httpx.ConnectError:
                continue
            yield Daemon(http)
            return
    yield None


def _is_ours(path: Path) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except PermissionError:
        raise RunnerError(
            f"{path.parent} belongs to another user: run this command as the user of the daemon"
        ) from None
    if not stat.S_ISSOCK(found.st_mode) or (os.geteuid() and found.st_uid not in {0, os.geteuid()}):
        raise RunnerError(f"{path} is not a socket of this user's: expected the control socket of the daemon")
    return True
