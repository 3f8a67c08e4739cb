"""
Bring to disk what stands at a path, so that it is still there after a power loss.

    sync(file) ──► its bytes          sync(folder) ──► the names in it: of what was made, linked or replaced there
"""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
