"""
Which parts of an answer are secret though no vault knows them (design: secrets, "Secrets that are not in the vault").

    {status, headers, body} ──secret_parts()──► {("headers", "set-cookie"): {"response"}, ("body", "access_token"):
    {"response"}}

By the name of a header or of a JSON key, by what a token looks like, and wherever a token stands that Runner itself was
given for this request. `runner.executors.http.exchange` labels each answer; the engine seals what is labelled and masks
it for people.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from runner.expressions.labels import NO_LABELS, Labels, Names, Path
from runner.redaction.known import is_secret_header, may_hold, secret_paths
from runner.redaction.tokens import holds_token

NAME: Final[Names] = frozenset({"response"})
"""The name that these parts bear: `[secret response]`."""


def secret_parts(answer: Mapping[str, Any], body: bytes, tokens: tuple[str, ...] = ()) -> Labels:
    """The labels of an answer `{status, headers, body}`; `body` is what its body was read from."""
    found: dict[Path, Names] = {("headers", name): NAME for name in filter(is_secret_header, answer["headers"])}
    parsed = answer["body"]
    if isinstance(parsed, dict | list) and may_hold(body):
        found |= dict.fromkeys(secret_paths(parsed, ("body",)), NAME)
    elif isinstance(parsed, str) and holds_token(parsed):
        found["body",] = NAME
    if tokens:
        found |= dict.fromkeys(_echoes(parsed, ("body",), tokens), NAME)
        for name, value in answer["headers"].items():
            if any(token in text for token in tokens for text in (value if isinstance(value, list) else [value])):
                found["headers", name] = NAME
    return found or NO_LABELS


def _echoes(value: Any, path: Path, tokens: tuple[str, ...]) -> Iterator[Path]:
    """Where the tokens stand; not deep enough to recurse out of bounds, as `media` refused deeper values."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _echoes(item, (*path, key), tokens)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _echoes(item, (*path, index), tokens)
    elif isinstance(value, str) and any(token in value for token in tokens):
        yield path
