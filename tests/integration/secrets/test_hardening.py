"""A hardened process leaves no core and lets nobody read its memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, json, os, resource, sys
from runner.secrets.hardening import harden
done = harden()
print(json.dumps([done, resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)]), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the process's memory is a file on Linux alone")
class TestHarden:
    def test_core_files_and_dumps_are_off(self) -> None:
        """Both hold when the daemon opens its vault."""
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            text=True,
        ) as process:
            assert process.stdout is not None
            done, limit, dumpable = json.loads(process.stdout.readline())
            owner = Path(f"/proc/{process.pid}/environ").stat().st_uid
            process.communicate("")

        assert (done, limit, dumpable) == (True, [0, 0], 0)
        assert owner == 0 or owner != os.getuid()
