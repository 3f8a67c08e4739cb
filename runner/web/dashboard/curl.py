"""
The config of an `http` action as a command that a person can try: `curl`, with the names of secrets for their values.

    {url, headers: {Authorization: "Bearer [secret API_KEY]"}} ──as_curl()──► curl … -H '…: Bearer '"$API_KEY"

Pure. What Runner makes of `oauth2`, `aws`, `google` and `digest` at the moment of sending is not in it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from runner.expressions.labels import MASKED

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_]+")


def as_curl(config: Mapping[str, Any]) -> str:
    """The command, an option a line."""
    return " \\\n  ".join(["curl " + quoted(_text(config.get("url", ""))), *_options(config)])


def quoted(text: str) -> str:
    """A word for a shell; each mask in it as a variable of that name."""
    pieces = MASKED.split(text)
    words = [
        _literal(piece) if number % 2 == 0 else _variable(piece)
        for number, piece in enumerate(pieces)
        if number % 2 or piece
    ]
    return "".join(words) or "''"


def _options(config: Mapping[str, Any]) -> Iterator[str]:
    method = str(config.get("method", "GET")).upper()
    if method != "GET":
        yield f"-X {quoted(method)}"
    for name, value in _pairs(config.get("query")):
        yield f"--url-query {quoted(f'{name}={value}')}"
    for name, value in _pairs(config.get("headers")):
        yield f"-H {quoted(f'{name}: {value}')}"
    yield from _auth(config.get("auth"))
    yield from _body(config)
    if config.get("follow_redirects", True):
        yield "-L"
    if config.get("verify") is False:
        yield "-k"
    if config.get("proxy"):
        yield f"-x {quoted(_text(config['proxy']))}"


def _auth(auth: Any) -> Iterator[str]:
    given = auth if isinstance(auth, dict) else {}
    if isinstance(given.get("basic"), dict):
        name, password = (_text(given["basic"].get(key)) for key in ("username", "password"))
        yield f"-u {quoted(f'{name}:{password}')}"
    if given.get("bearer"):
        yield f"-H {quoted('Authorization: Bearer ' + _text(given['bearer']))}"


def _body(config: Mapping[str, Any]) -> Iterator[str]:
    if config.get("body") is not None:
        body, headers = config["body"], config.get("headers")
        if not isinstance(body, str) and not any(name.lower() == "content-type" for name, _ in _pairs(headers)):
            yield "-H 'Content-Type: application/json'"
        yield f"--data-binary {quoted(_text(body))}"
    for name, value in _pairs(config.get("form")):
        yield f"--data-urlencode {quoted(f'{name}={value}')}"
    for name, value in _pairs(config.get("multipart")):
        yield f"-F {quoted(f'{name}={value}')}"


def _pairs(values: Any) -> Iterator[tuple[str, str]]:
    """Names and texts: a null leaves its name out, a list repeats it."""
    for name, value in values.items() if isinstance(values, dict) else ():
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                yield str(name), _text(each)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _variable(name: str) -> str:
    return '"$' + _NO_NAME.sub("_", name.removeprefix("env.")) + '"'
