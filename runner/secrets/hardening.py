"""
Keep the process's memory from other processes and from the disk.

The daemon calls `harden` first of all. After it `/proc/PID/mem` and `environ` are closed to the user's other processes
and a crash leaves no core file. Linux only; elsewhere only the core file's limit is set.
"""

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def harden() -> bool:
    """Set both; True where both hold. Cannot be undone by the process that it was done to."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
