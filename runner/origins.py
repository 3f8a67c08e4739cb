"""
Origins: scheme, host and port, as `allowed_hosts` of a secret lists them and as what is sent is held to them.

    "API.example.com."  ──parse_origin()──►  https://api.example.com:443     ┐
    "*.example.com:8443"                     https://*.example.com:8443      ├─ Origin.admits(where it is sent to)
    "postgres://db.internal"                 postgresql://db.internal:5432   ┘

`https` and the scheme's own port unless written. `*.` stands for one or more whole labels. Two origins are compared
exactly, after lower case, IDNA, one spelling of addresses and no trailing dot; never by a part of their text. Databases
are `postgresql://host:port` and `mysql://host:port` (their other schemes mean the same), a Unix socket is
`postgresql:///path`, a database file of this machine `sqlite://`. `runner.secrets.policy` reads a secret's origins, the
executors ask whether one admits theirs; nothing here does I/O.
"""

import re
import socket
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

import idna

PORTS: Final[Mapping[str, int]] = {"https": 443, "http": 80, "postgresql": 5432, "mysql": 3306, "sqlite": 0}
"""The schemes, each with the port that it means where none is written; a file has none."""

_SAME: Final[Mapping[str, str]] = {"postgres": "postgresql", "mariadb": "mysql"}
_DATABASES: Final[Mapping[int, str]] = {5432: "postgresql", 3306: "mysql"}
_ORIGIN: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)?(.*)", re.DOTALL)
_PLACE: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#\\\s]+)(?::(?P<port>[0-9]{1,5}))?/?")
_PLAIN_HOST: Final = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
_NUMBER: Final = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)\.?")
_SHOWN: Final = re.compile(r"[\w.*:/\[\]-]{1,120}")
_SOCKET: Final = re.compile(r"/[\x21-\x7e]{1,106}")
_EXPECTED: Final = "expected https://host, *.example.com, host:port, postgresql://host:port or mysql://host:port"


class HostError(ValueError):
    """The text is no host; the message says why without quoting it."""


class OriginError(ValueError):
    """The text is no origin; the message says what was expected."""


class Origin(NamedTuple):
    """
    Where something may be sent, or is. `host` is canonical and without a trailing dot, `*.` and a name for all below
    it, the path of a Unix socket, or empty for a file.
    """

    scheme: str
    host: str
    port: int

    def admits(self, other: "Origin") -> bool:
        """Whether `other`, or everything that it stands for, is meant by this one."""
        if (self.scheme, self.port) != (other.scheme, other.port):
            return False
        return self.host == other.host or (self.host.startswith("*.") and other.host.endswith(self.host[1:]))

    def __str__(self) -> str:
        """As it is written; `parse_origin` reads the same of it."""
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{'' if self.host.startswith('/') else port}"


def parse_origin(text: str) -> Origin:
    """The origin that a text names. Raises OriginError."""
    match = _ORIGIN.fullmatch(text.strip())
    assert match is not None
    written, place = match.groups()
    scheme = _SAME.get((written or "https").lower(), (written or "https").lower())
    if scheme not in PORTS:
        known = ", ".join(PORTS)
        raise OriginError(f"{_quoted(text)} has a scheme that no action speaks: expected one of {known}")
    if scheme == "sqlite":
        if place:
            raise OriginError(f"{_quoted(text)}: expected sqlite:// alone, which means the files of this machine")
        return Origin(scheme, "", 0)
    if scheme in _DATABASES.values() and _SOCKET.fullmatch(place):
        return Origin(scheme, place.rstrip("/"), PORTS[scheme])
    found = _PLACE.fullmatch(place)
    if found is None:
        raise OriginError(f"{_quoted(text)} is no origin: {_EXPECTED}, without a user, a path or a query")
    return _checked(text, scheme, found, is_bare=written is None)


def parse_origins(texts: Iterable[str]) -> tuple[Origin, ...]:
    """The origins that texts name, sorted, each once. Raises OriginError."""
    return tuple(sorted(set(map(parse_origin, texts))))


def admitted(origins: Iterable[Origin], asked: Origin) -> bool:
    """Whether one of `origins` admits `asked`: a place, or an origin with `*.`, which must be meant as a whole."""
    return any(origin.admits(asked) for origin in origins)


def origin_of(scheme: str, host: str, port: int) -> Origin:
    """The origin of a connection that is about to be made, `host` in any spelling. Raises HostError."""
    scheme = _SAME.get(scheme, scheme)
    if not host.startswith("/"):
        host = canonical_host(host).removesuffix(".")
    return Origin(scheme, host.rstrip("/"), PORTS[scheme] if host.startswith("/") else port)


@lru_cache(maxsize=1024)
def canonical_host(text: str) -> str:
    """
    A host in its one spelling: lower case, ASCII, dotted IPv4, brackets around IPv6; a trailing dot stays. Raises
    HostError.
    """
    host = text.lower()
    if host.startswith("[") or ":" in host:
        try:
            return f"[{_six(host.removeprefix('[').removesuffix(']'))}]"
        except ValueError:
            raise HostError("has a host that is no IPv6 address") from None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise HostError("has a host name that is not a valid international name") from None
    if not _PLAIN_HOST.fullmatch(host):
        raise HostError("has a host name with characters that no host name has")
    return _dotted(host) if _NUMBER.fullmatch(host) else host


def _six(text: str) -> IPv6Address:
    if "%" in text:
        raise ValueError("a zone names an interface of one machine")
    return IPv6Address(text)


def _dotted(host: str) -> str:
    """
    A host that ends in a number is an IPv4 address, in whatever spelling the system's resolver takes: `0x7f.1`,
    `2130706433`.
    """
    try:
        return str(IPv4Address(socket.inet_aton(host.removesuffix("."))))
    except OSError:
        raise HostError("has a host of numbers that is no IPv4 address") from None


def _checked(text: str, scheme: str, found: re.Match[str], *, is_bare: bool) -> Origin:
    port = int(found["port"]) if found["port"] else PORTS[scheme]
    if not 0 < port < 65_536:  # noqa: PLR2004  the ports that TCP has
        raise OriginError(f"{_quoted(text)} has a port that is not between 1 and 65535")
    if is_bare and port in _DATABASES:
        meant = found[0].rstrip("/")
        raise OriginError(f"{_quoted(text)}: expected {_DATABASES[port]}://{meant} or https://{meant}; say which")
    star, name = ("*.", found["host"][2:]) if found["host"].startswith("*.") else ("", found["host"])
    try:
        host = canonical_host(name).removesuffix(".")
    except HostError as error:
        raise OriginError(f"{_quoted(text)} {error}: {_EXPECTED}") from None
    if star and (host.startswith("[") or _NUMBER.fullmatch(host) or "." not in host):
        raise OriginError(f"{_quoted(text)}: expected *. before a name of two labels or more, as *.example.com")
    return Origin(scheme, star + host, port)


def _quoted(text: str) -> str:
    """The text where it can hold nothing that is worth hiding; a user's password or a path may be."""
    return repr(text) if _SHOWN.fullmatch(text) and text.count("/") <= 2 else "the origin"  # noqa: PLR2004  scheme://
