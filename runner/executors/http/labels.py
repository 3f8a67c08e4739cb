"""
Which parts of an answer are secret though no vault knows them (design: secrets, "Secrets that are not in the vault").

    {status, headers, body} ──secret_parts()──► {("headers", "set-cookie"): {"response"}, ("body", "access_token"):
    {"response"}}

By the name of a header or of a JSON key, and wherever a token stands that Runner itself was given for this request.
`runner.executors.http.exchange` labels each answer; the engine seals what is labelled and masks it for people.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from runner.executors.http.headers import is_secret
from runner.expressions.labels import NO_LABELS, Labels, Names, Path

NAME: Final[Names] = frozenset({"response"})
"""The name that these parts bear: `[secret response]`."""

_KEYS: Final = frozenset(
    {
        *(
            "accesstoken",
            "refreshtoken",
            "idtoken",
            "authtoken",
            "sessiontoken",
            "bearertoken",
            "apitoken",
            "devicetoken",
        ),
        *("clientsecret", "secretkey", "secretaccesskey", "apikey", "apisecret", "signingsecret", "webhooksecret"),
        *("privatekey", "signingkey", "encryptionkey", "password", "passwd", "passphrase"),
        *("authorization", "cookie", "setcookie", "xapikey"),
    }
)
_HINTS: Final = (b"token", b"secret", b"key", b"passw", b"passphrase", b"authorization", b"cookie", b"\\u00")
"""Where none of these stands in a body, in whatever case, no key of it is one of `_KEYS`."""


def secret_parts(answer: Mapping[str, Any], body: bytes, tokens: tuple[str, ...] = ()) -> Labels:
    """The labels of an answer `{status, headers, body}`; `body` is what its body was read from."""
    found: dict[Path, Names] = {("headers", name): NAME for name in filter(is_secret, answer["headers"])}
    parsed = answer["body"]
    if tokens or (isinstance(parsed, dict | list) and _may_hold(body)):
        for path in _paths(parsed, ("body",), tokens):
            found[path] = NAME
        for name, value in answer["headers"].items():
            if any(token in text for token in tokens for text in (value if isinstance(value, list) else [value])):
                found["headers", name] = NAME
    return found or NO_LABELS


def _may_hold(body: bytes) -> bool:
    lower = body.lower()
    for hint in _HINTS:  # noqa: SIM110  a generator costs more than the search in a small body
        if hint in lower:
            return True
    return False


def _paths(value: Any, path: Path, tokens: tuple[str, ...]) -> Iterator[Path]:
    """Where secret texts stand; not deep enough to recurse out of bounds, as `media` refused deeper values."""
    if isinstance(value, dict):
        for key, item in value.items():
            if _is_secret_key(key) and _is_secret_value(item):
                yield (*path, key)
            else:
                yield from _paths(item, (*path, key), tokens)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index), tokens)
    elif isinstance(value, str) and any(token in value for token in tokens):
        yield path


def _is_secret_key(key: str) -> bool:
    return key.replace("_", "").replace("-", "").lower() in _KEYS


def _is_secret_value(value: Any) -> bool:
    """Texts and numbers, and lists of them; a mapping below such a key describes more often than it holds."""
    if isinstance(value, list):
        return any(map(_is_secret_value, value))
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
