"""
Whether the folders that the daemon writes to can be written, said with the one command that cures.

Called at the start, before anything is opened; a container whose volume belongs to another user ends here.
"""

import os
import stat
from pathlib import Path

from runner.errors import SettingsError


def check_writable(folder: Path, key: str) -> None:
    """
    Raises SettingsError for a folder that this process cannot write to or cannot make; `key` is the setting it is from.

    The message holds the path, our user, the owner and the mode.
    """
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise SettingsError(f"{key}: {existing} is not a folder: expected one that Runner can write to")
    if os.access(existing, os.W_OK | os.X_OK):
        return
    found = existing.stat()
    uid, gid = os.geteuid(), os.getegid()
    raise SettingsError(
        f"{key}: user {uid} cannot write to {existing} (owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}): "
        f"chown {uid}:{gid} {existing}"
    )
