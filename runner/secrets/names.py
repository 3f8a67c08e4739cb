"""
What a secret may be called and what it may hold; said before anything is written.

`runner.secrets.vault` asks it, and the command line and the API by way of the vault. No message repeats a value.
"""

import re
from typing import Final

from runner.errors import SecretError
from runner.redaction.forms import is_telling

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
MOST_BYTES: Final = 65_536
SHORT: Final = 8
"""Characters under which a value is so short that masking it everywhere may hide other text, or not be done at all."""


def check_name(name: str) -> None:
    """Raises SecretError unless the name can stand after `$secret.`."""
    if not _NAME.fullmatch(name):
        raise SecretError(
            "A secret's name is letters, digits and _, begins with no digit and has at most 128 characters."
        )


def check_value(name: str, value: str | bytes, *, short_ok: bool) -> str:
    """The value as text. Raises SecretError where it is empty, too long, no text, or short without leave."""
    try:
        data = value.encode() if isinstance(value, str) else value
        text = data.decode()
    except UnicodeError:
        raise SecretError(
            f"{name}: expected text in UTF-8; store other bytes as base64 and use `| b64decode`.", name=name
        ) from None
    if not text:
        raise SecretError(f"{name}: expected a value, found an empty one.", name=name)
    if len(data) > MOST_BYTES:
        raise SecretError(f"{name}: expected at most {MOST_BYTES} bytes, found {len(data)}.", name=name)
    if not short_ok and (len(text) < SHORT or not is_telling(data)):
        raise SecretError(
            f"{name}: the value has under {SHORT} characters or is a common word, so that it cannot be masked safely; "
            "--short-ok stores it anyway.",
            name=name,
        )
    return text
