"""
Where a request goes: a URL taken apart, checked and put in the form that is sent.

    "https://Bücher.example/a b?x=1" + query {y: [2, 3]}  ──►  https://xn--bcher-kva.example/a%20b?x=1&y=2&y=3

Hosts are brought to one spelling (`runner.origins`). What is legal in the rest of a URL stays byte for
byte (signed URLs), what is not is percent-encoded. `runner.executors.http.outgoing`, `redirects` and `paginate` make
targets; the transports send to them. Nothing here does I/O, and no message holds more of a URL than the name of what
is wrong with it.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_plus, urljoin

from runner.origins import HostError, Origin, canonical_host

_PORTS: Final = {"http": 80, "https": 443}
_URL: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\\]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?",
    re.DOTALL,
)
_PLACE: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(?::(?P<port>[0-9]{0,5}))?")
_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]|%(?![0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
MAX_URL: Final = 16_384
"""Characters; servers refuse far shorter ones."""


class TargetError(ValueError):
    """The text is no URL to send to; the message says why without quoting it."""


class Target(NamedTuple):
    """
    Where a request goes. `host` is lower case and ASCII (brackets around IPv6); `path` begins with a slash, encoded.

    `query` is encoded, without the question mark. `user` is the part before the `@`, still encoded, or empty.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str
    user: str = ""

    @property
    def origin(self) -> Origin:
        """Scheme, host and port: what may see the same secrets."""
        return Origin(self.scheme, self.host.removesuffix("."), self.port)

    @property
    def authority(self) -> str:
        """Host, and port unless it is the scheme's own: the `Host` header, and how a message names the peer."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """As it is sent, without user and fragment."""
        return f"{self.scheme}://{self.authority}{self.path}" + (f"?{self.query}" if self.query else "")

    @property
    def request_path(self) -> str:
        """What stands in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path


def parse(text: str) -> Target:
    """The target that a URL names. Raises TargetError."""
    if len(text) > MAX_URL:
        raise TargetError(f"is longer than {MAX_URL:,} characters")
    if not text.isprintable() and _CONTROL.search(text):
        raise TargetError("holds a line break or another control character")
    match = _URL.fullmatch(text.strip(" "))
    if match is None:
        raise TargetError("is not a URL: expected https://host/path")
    scheme, authority, path, query = match.groups()
    user, _, place = authority.rpartition("@")
    scheme, host, port = _origin(scheme, place)
    if path and not path.startswith("/"):
        raise TargetError("has no path that begins with a slash: expected https://host/path")
    return Target(scheme, host, port, _legal(path) or "/", _legal(query) if query else "", user)


def join(base: Target, reference: str) -> Target:
    """The target that a reference in an answer of `base` names (`Location`, `Link`). Raises TargetError."""
    try:
        return parse(urljoin(base.url, reference.strip(" ")))
    except TargetError:
        raise
    except ValueError:
        raise TargetError("cannot be read") from None


def with_query(target: Target, pairs: Iterable[tuple[str, str | None]]) -> Target:
    """
    `target` with the keys of `pairs` in its query, instead of any of the same name that were there; None removes
    one.
    """
    wanted = list(pairs)
    names = {name for name, _ in wanted}
    kept = [part for part in target.query.split("&") if part and unquote_plus(part.partition("=")[0]) not in names]
    added = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in wanted if value is not None]
    return target._replace(query="&".join(kept + added))


def _legal(text: str) -> str:
    return _ILLEGAL.sub(lambda found: quote(found[0], safe=""), text) if _ILLEGAL.search(text) else text


@lru_cache(maxsize=512)
def _origin(scheme: str, place: str) -> tuple[str, str, int]:
    """Scheme, host and port as they are sent. Raises TargetError."""
    scheme = scheme.lower()
    if scheme not in _PORTS:
        raise TargetError("has a scheme other than http and https")
    match = _PLACE.fullmatch(place)
    if match is None:
        raise TargetError("has no host, or one that cannot be read: expected https://host/path")
    try:
        return scheme, canonical_host(match["host"]), _port(match["port"], scheme)
    except HostError as error:
        raise TargetError(str(error)) from None


def _port(text: str | None, scheme: str) -> int:
    port = int(text) if text else _PORTS[scheme]
    if not 0 < port < 65_536:  # noqa: PLR2004  the ports that TCP has
        raise TargetError("has a port that is not between 1 and 65535")
    return port
