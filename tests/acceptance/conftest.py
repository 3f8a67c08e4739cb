"""
Runner as a person has it: the real `runner` command in a folder of its own, the daemon as a process of its own.

    installation.run("secrets", "list")          a command, from start to end
    with installation.daemon() as daemon: …      ready inside the block, stopped after it
    daemon.wait_for("ready")                     blocks until that event stands in the log

Nothing of Runner is used here but as a process.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest

from tests.acceptance.warm import Forked, shared

RUNNER = Path(sys.executable).with_name("runner")
PATIENCE = 30.0
"""Seconds after which something that should have happened has not."""


class Daemon:
    """A daemon's process and the lines of its log so far."""

    def __init__(self, process: "subprocess.Popen[bytes] | Forked") -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.raw = b""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.raw += line
                try:
                    self.lines.append(json.loads(line))
                except ValueError:
                    self.lines.append({"event": line.decode()})
                self._changed.notify_all()

    def wait_for(self, event: str, *, times: int = 1, **fields: Any) -> dict[str, Any]:
        """The log line with that event and those fields, the `times`-th of them, once it is there."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while True:
                found = [line for line in self.lines if line["event"] == event and fields.items() <= line.items()]
                if len(found) >= times:
                    return found[times - 1]
                left = deadline - time.monotonic()
                assert left > 0, f"no {event!r} in the log: {self.raw.decode(errors='replace')[-3000:]}"
                self._changed.wait(left)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and give the exit status."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """The exit status, once it has ended and its log is read whole."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    @property
    def port(self) -> int:
        """The port of triggers and health."""
        return int(self.wait_for("ready")["port"])


class Installation:
    """
    A folder with a config.toml, as `runner init` leaves it, on ports that are free.

    Its commands and daemons are forks of a process that has loaded them; `fresh`: each is started anew, as a person does.
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        self.folder = folder
        self.fresh = fresh
        self.environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RUNNERD_", "RUNNER_")) and name not in {"NO_COLOR", "FORCE_COLOR"}
        }
        self.said = b""
        self.run("init", check=True)
        (folder / "workflows" / "hello.yaml").unlink()
        self.settings(shutdown_timeout="30s")

    def settings(self, **server: str) -> None:
        """Rewrite config.toml with these keys of [server], on any free ports."""
        path = self.folder / "config.toml"
        text = path.read_text()
        text = text.replace("port = 8080", "port = 0").replace("port = 3000", "port = 0")
        lines = [line for line in text.splitlines() if line.partition(" =")[0] not in server]
        at = lines.index("[server]") + 1
        lines[at:at] = [f'{key} = "{value}"' for key, value in server.items()]
        path.write_text("\n".join(lines) + "\n")

    def write(self, name: str, text: str) -> Path:
        """A workflow file, as an editor writes it: whole, by a rename."""
        path = self.folder / "workflows" / name
        fresh = self.folder / f".{name}.new"
        fresh.write_text(text)
        fresh.replace(path)
        return path

    def run(
        self,
        *words: str | Path,
        stdin: bytes | None = None,
        check: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[bytes]":
        """`runner WORDS` in the folder."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            given.write(stdin or b"")
            given.seek(0)
            process = self._start((RUNNER, *words), environ, (given.fileno(), out.fileno(), said.fileno()))
            try:
                status = process.wait(PATIENCE * 2)
            finally:
                process.kill()
            out.seek(0)
            said.seek(0)
            done = subprocess.CompletedProcess([*words], status, out.read(), said.read())
        self.said += done.stdout + done.stderr
        assert not check or done.returncode == 0, done.stderr.decode()
        return done

    async def arun(self, *words: str | Path, **more: Any) -> "subprocess.CompletedProcess[bytes]":
        """The same, while the test's own servers go on answering."""
        return await anyio.to_thread.run_sync(partial(self.run, *words, **more))

    async def result(self, *words: str | Path, **more: Any) -> dict[str, Any]:
        """The document that `runner run WORDS --json` prints."""
        done = await self.arun("run", *words, "--json", **more)
        assert done.stdout, done.stderr.decode()
        document: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if document["state"] == "succeeded" else 1)
        return document

    def set_secret(self, name: str, value: str) -> None:
        """By standard input."""
        self.run("secrets", "set", name, "-", stdin=value.encode(), check=True)

    @contextmanager
    def daemon(self, *flags: str, environ: Mapping[str, str] | None = None) -> Iterator[Daemon]:
        """A daemon that is ready; one that still lives at the end of the block is stopped."""
        with self.spawn(*flags, environ=environ) as daemon:
            daemon.wait_for("ready")
            yield daemon

    @contextmanager
    def spawn(
        self, *flags: str, environ: Mapping[str, str] | None = None, command: Sequence[str | Path] = (RUNNER,)
    ) -> Iterator[Daemon]:
        """The process of `runner start`, ready or not; `command` is what stands for `runner`: a Python file, its words."""
        reading, writing = os.pipe()
        nothing = os.open(os.devnull, os.O_RDWR)
        process = self._start((*command, "start", *flags), environ, (nothing, nothing, writing))
        process.stderr = os.fdopen(reading, "rb")
        os.close(nothing)
        os.close(writing)
        daemon = Daemon(process)
        try:
            yield daemon
        finally:
            if process.poll() is None:
                process.terminate()
            daemon.ended()
            self.said += daemon.raw
            assert process.stderr is not None
            process.stderr.close()

    def _start(
        self, command: Sequence[str | Path], environ: Mapping[str, str] | None, files: tuple[int, int, int]
    ) -> "subprocess.Popen[bytes] | Forked":
        """A process in the folder; `files` are its standard input, output and error."""
        environ = {**self.environ, **(environ or {})}
        if not self.fresh and "PYTHONPATH" not in environ:  # which is read when a process starts
            return shared().start(command, folder=self.folder, environ=environ, files=files)
        given, out, said = files
        return subprocess.Popen(command, cwd=self.folder, env=environ, stdin=given, stdout=out, stderr=said)

    def leaks(self, secret: str) -> list[str]:
        """Where the secret stands in what Runner wrote: files of the data folder, output of commands, logs."""
        plain = secret.encode()
        forms = {plain, base64.b64encode(plain), quote(secret, safe="").encode(), plain.hex().encode()}
        places = {str(path): path.read_bytes() for path in (self.folder / "data").rglob("*") if path.is_file()}
        places["output and log"] = self.said
        return [place for place, data in places.items() if any(form in data for form in forms)]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """A fresh installation."""
    return Installation(tmp_path)
