"""
The kinds of value that a setting may have, and what a person is told when one does not fit.

`runner.settings.model` names a kind for each key; its `description` is the "expected …" of every error. `convert` turns
what TOML, a variable or a flag holds into the kind. An error never repeats a text: it may be a key in the wrong place.
"""

import ipaddress
import json
import re
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import msgspec
from msgspec import Meta

from runner.secret import Secret

_SHOWN: Final = 10_000_000
"""A smaller number is no secret and may stand in an error."""

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_SIZE_UNITS: Final = {
    "": 1,
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_SIZE: Final = re.compile(r"(\d{1,15}) ?(B|KB|MB|GB|KiB|MiB|GiB|)")


class Seconds(float):
    """A duration, written `500ms`, `30s`, `10m`, `2h`, `1d` or several after each other."""


class Bytes(int):
    """A size, written as a number of bytes or as `64KB`, `10MB`, `1GiB`."""


Host = Annotated[str, Meta(pattern=r"^[^\s/@]+$", description='a host name or address such as "127.0.0.1"')]
Port = Annotated[int, Meta(ge=0, le=65535, description="a port number from 0 (any free one) to 65535")]
Count = Annotated[int, Meta(ge=1, le=10**9, description="a whole number from 1")]
Flag = Annotated[bool, Meta(description="true or false")]
Duration = Annotated[Seconds, Meta(description='a duration such as "500ms", "30s", "10m", "2h" or "1d"')]
Size = Annotated[Bytes, Meta(description='a size such as 65536, "64KB" or "10MB"')]
File = Annotated[Path, Meta(description="a path")]
Folders = Annotated[tuple[Path, ...], Meta(description='a list of folders such as ["./data/files"]')]
Patterns = Annotated[tuple[str, ...], Meta(description='a list of name patterns such as ["*TOKEN*"]')]
Networks = Annotated[
    tuple[str, ...], Meta(description='a list of addresses and networks such as ["10.0.0.5", "172.16.0.0/12"]')
]
Masked = Annotated[Secret, Meta(description="text")]
Command = Annotated[str, Meta(description="a command line")]
Url = Annotated[
    str, Meta(pattern=r"^(https?://[^\s/]+\S*)?$", description='"" or an address such as "https://runner.example.com"')
]


def expected(kind: Any) -> str:
    """What the kind takes, for an error: `a port number from 0 …`, `one of debug, info, …`."""
    for part in (kind, *get_args(kind)):
        for meta in get_args(part)[1:]:
            if isinstance(meta, Meta) and meta.description:
                return meta.description
    return f"one of {', '.join(choices(kind))}"


def choices(kind: Any) -> tuple[str, ...]:
    """The words of a `Literal`; empty for every other kind."""
    return tuple(word for word in get_args(kind) if isinstance(word, str))


def found(value: Any) -> str:
    """What stood there instead, by its kind and never by its value."""
    names = {bool: "true or false", int: "a number", float: "a number with a fraction", str: "text", list: "a list"}
    if type(value) is int and abs(value) < _SHOWN:
        return str(value)
    if isinstance(value, str) and not value.strip():
        return "empty text"
    return names.get(type(value), "a table" if isinstance(value, dict) else "a date or time")


def convert(value: Any, kind: Any, *, is_text: bool) -> Any:
    """
    The value as its kind. `is_text`: it came from a variable or a flag, where `true`, `8080` and `a,b` are text.

    Raises ValueError, without a message of use.
    """
    if is_text and isinstance(value, str) and kind in (Folders, Patterns, Networks):
        value = json.loads(value) if value.lstrip().startswith("[") else [part.strip() for part in value.split(",")]
    if is_text and isinstance(value, str) and kind is Flag:
        value = {"true": True, "false": False}.get(value.lower(), value)
    if is_text and isinstance(value, str) and kind in (Port, Count) and _NUMBER.fullmatch(value):
        value = int(value)
    converted = msgspec.convert(value, kind, dec_hook=_leaf)
    for network in converted if kind is Networks else ():
        ipaddress.ip_network(network, strict=False)
    return converted


def _leaf(kind: type, value: Any) -> Any:
    if kind is Seconds:
        return _seconds(value)
    if kind is Bytes:
        return _bytes(value)
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("text")
    return Path(value) if kind is Path else Secret(frozenset({"dashboard.master_key"}), value)


def _seconds(value: Any) -> Seconds:
    if not isinstance(value, str) or not value or _DURATION.sub("", value):
        raise ValueError("duration")
    return Seconds(sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(value)))


def _bytes(value: Any) -> Bytes:
    match = _SIZE.fullmatch(value if isinstance(value, str) else str(value) if type(value) is int else "?")
    if match is None or (size := int(match[1]) * _SIZE_UNITS[match[2]]) < 1:
        raise ValueError("size")
    return Bytes(size)
