"""
What is secret whatever it holds, by what it is called or by what it looks like (secrets page, "Secrets that are not in
the vault").

    name of a header ──is_secret_header()──► Authorization, Cookie, X-Api-Key, *-Token, *-Signature, …
    key or column ────is_secret_key()─────► access_token, client_secret, password, private_key, …
    a value ──────────secret_paths()──────► where such keys and known tokens stand in it

The one list: executors label by it what they get, so that it is sealed in the journal and usable by later actions.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from runner.redaction.tokens import PATTERNS, holds_token

Path = tuple[str | int, ...]

_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "apikey"}
)
_HEADER_ENDINGS: Final = re.compile(r".*[-_](?:token|signature|secret|password|api-key|apikey|access-key)(?:-\d+)?")

_SPELLED: Final = """
    accesstoken refreshtoken idtoken authtoken sessiontoken bearertoken apitoken devicetoken clienttoken sastoken
    clientsecret secretkey secretaccesskey apikey apisecret signingsecret webhooksecret sharedsecret totpsecret
    privatekey signingkey encryptionkey accountkey masterkey password passwd pwd passphrase clientassertion
    authorization proxyauthorization cookie setcookie xapikey xauthtoken xvaulttoken
"""
_KEYS: Final = frozenset(_SPELLED.split())
_HINTS: Final = (
    *(b"token", b"secret", b"key", b"passw", b"pwd", b"passphrase", b"authorization", b"cookie", b"assertion"),
    b"\\u00",
)
_BEGINNINGS: Final = tuple(beginning for token in PATTERNS for beginning in token.beginnings)


@lru_cache(maxsize=1024)
def is_secret_header(name: str) -> bool:
    """Whether a header's value is secret whatever it holds."""
    lower = name.lower()
    return lower in _HEADERS or _HEADER_ENDINGS.fullmatch(lower) is not None


@lru_cache(maxsize=4096)
def is_secret_key(key: str) -> bool:
    """Whether what stands under a JSON key or in a column of this name is secret; `_`, `-` and case do not count."""
    return key.replace("_", "").replace("-", "").lower() in _KEYS


def may_hold(body: bytes) -> bool:
    """False where no key in this JSON text is one of the list and no known token stands in it."""
    lower = body.lower()
    for hint in _HINTS:
        if hint in lower:
            return True
    for beginning in _BEGINNINGS:  # noqa: SIM110  a generator costs more than the search in a small body
        if beginning in body:
            return True
    return False


def secret_paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where secrets stand in a JSON value; not for one that is nested deeper than Python recurses."""
    if isinstance(value, dict):
        for key, item in value.items():
            if is_secret_key(key) and is_secret_value(item):
                yield (*path, key)
            else:
                yield from secret_paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from secret_paths(item, (*path, index))
    elif isinstance(value, str) and holds_token(value):
        yield path


def is_secret_value(value: Any) -> bool:
    """Texts and numbers, and lists of them; a mapping below such a key describes more often than it holds."""
    if isinstance(value, list):
        return any(map(is_secret_value, value))
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
