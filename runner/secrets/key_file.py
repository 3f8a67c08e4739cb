"""
The key for sealing of an installation that has no master key, in a file beside the database.

`runner.secrets.sealer` asks for it. The file holds one key as `runner init` writes it, mode 0600, made once.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

from runner.errors import VaultKeyError
from runner.secrets.files import make_private, read_regular
from runner.secrets.keys import PREFIX, MasterKey, new_master_key, parse

_MOST: Final = 4096


def read_key_file(path: Path, *, make: bool) -> MasterKey | None:
    """The file's key; where there is no file a new one, or None without `make`. Raises VaultKeyError, SecretError."""
    if make:
        make_private(path, f"{new_master_key()}\n".encode())
    try:
        text = read_regular(path, _MOST).decode("ascii").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultKeyError(f"The key file {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        text = ""
    if text.startswith(PREFIX):
        with suppress(VaultKeyError):
            return parse(text)
    raise VaultKeyError(f"The key file {path} holds no key that Runner wrote: put it back from a backup.")


def remove_key_file(path: Path) -> None:
    """Remove the file, whose key lies in a vault by now: a copy in the open would outlive every rotation."""
    path.unlink(missing_ok=True)
