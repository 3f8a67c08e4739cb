"""
Everything that Runner writes where somebody may read it, gathered by name, and what of it gives a secret away.

    outputs = Outputs(installation)      outputs["runs show"] += …      outputs.leaks(ALL) → ["runs show: PLAIN as hex"]
"""

import os
import pty
import subprocess
from collections import defaultdict
from collections.abc import Sequence

import anyio

from tests.acceptance.conftest import RUNNER, Installation
from tests.acceptance.leaks.needles import Needles, everything


class Outputs(defaultdict[str, bytes]):
    """Bytes by where they were written."""

    def __init__(self, installation: Installation) -> None:
        super().__init__(bytes)
        self._installation = installation

    def files(self, when: str) -> None:
        """What lies in the data folder now."""
        for name, data in everything(self._installation.folder / "data"):
            self[f"{name} ({when})"] += data

    async def command(self, *words: str, status: int | None = 0) -> bytes:
        """What a command prints."""
        done = await self._installation.arun(*words)
        assert status is None or done.returncode == status, done.stderr.decode()
        self[" ".join(words[:3])] += done.stdout + done.stderr
        return done.stdout

    async def terminal(self, *words: str) -> bytes:
        """What a command shows on a terminal of 200 columns."""
        said = await anyio.to_thread.run_sync(on_terminal, self._installation, words)
        self[f"terminal: {' '.join(words[:2])}"] += said
        return said

    def leaks(self, needles: Needles) -> list[str]:
        """Where which secret stands in which form."""
        return [f"{place}: {each}" for place, data in sorted(self.items()) for each in sorted(needles.in_(data))]


def on_terminal(installation: Installation, words: Sequence[str]) -> bytes:
    """All bytes that the command writes to its terminal, until it ends."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [RUNNER, *words],
        cwd=installation.folder,
        env={**installation.environ, "TERM": "xterm", "COLUMNS": "200"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 65536):
            said += chunk
    except OSError:  # Linux tells the end of a terminal by an error
        pass
    finally:
        os.close(ours)
        process.wait(60)
    return said
