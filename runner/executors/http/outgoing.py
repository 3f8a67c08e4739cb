"""
One request, ready to be sent: made from a config whose templates are rendered, its secrets revealed here and nowhere
else.

    HttpConfig ──build()──► Outgoing ──auth──► Outgoing ──transport──► the wire
                                └──redirects, paginate──► the next Outgoing

`runner.executors.http.executor` builds one for each attempt or page. An `Outgoing` holds secrets in the clear and
never prints them; `name` is what messages call it.
"""

from typing import Any, Final
from urllib.parse import unquote

import msgspec

from runner import __version__
from runner.errors import Effect
from runner.executors.http import headers, scalars, target
from runner.executors.http.body import Content
from runner.executors.http.config import HttpConfig
from runner.executors.http.headers import Fields
from runner.executors.http.scalars import FieldError
from runner.executors.http.target import Target, TargetError
from runner.expressions.labels import Names, masked_text
from runner.redaction.known import is_secret_header
from runner.secret import Secret, names_in, reveal

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing at the server (RFC 9110 §9.2.1)."""

_USUAL: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_DEFAULTS: Final = {
    "accept": ("Accept", "*/*"),
    "accept-encoding": ("Accept-Encoding", "gzip, deflate"),
    "user-agent": ("User-Agent", f"runner/{__version__}"),
}


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """
    A request in the clear. `peer` is how messages name where it goes: host and port, or the secret that the URL came
    from.

    `secret`: something in it came from a secret, so it may not leave its origin; `names` are those secrets. `before` is
    what requests that led to this one (redirects) have done outside already. `user` is the URL's `user:password` in the
    clear, or None.
    """

    method: str
    target: Target
    headers: Fields
    content: bytes | None
    peer: str
    secret: bool
    names: Names = frozenset()
    user: tuple[str, str] | None = None
    before: Effect = "none"

    @property
    def name(self) -> str:
        """Method and peer: how every message about it begins."""
        return f"{self.method} {self.peer}"

    @property
    def safe(self) -> bool:
        """Whether sending it changes nothing."""
        return self.method in SAFE

    @property
    def effect(self) -> Effect:
        """What is known about the outer world when this was sent and no answer came."""
        return self.before if self.safe else "unknown"

    @property
    def done(self) -> Effect:
        """What is known when it was answered and carried out."""
        return self.before if self.safe else "done"

    def header(self, name: str) -> str | None:
        """The first field of that name, in whatever case."""
        lower = name.lower()
        return next((value for key, value in self.headers if key.lower() == lower), None)

    def with_header(self, name: str, value: str) -> "Outgoing":
        """The same request with this one field of that name."""
        lower = name.lower()
        kept = [(key, text) for key, text in self.headers if key.lower() != lower]
        return msgspec.structs.replace(self, headers=[*kept, (name, value)])

    def moved(self, to: Target) -> "Outgoing":
        """
        The same request to another address; at another origin without what is secret by its name, and without Host.
        """
        if to.origin == self.target.origin:
            return msgspec.structs.replace(self, target=to)
        kept = [(name, value) for name, value in self.headers if not is_secret_header(name) and name.lower() != "host"]
        return msgspec.structs.replace(self, target=to, headers=kept, peer=to.authority)

    def __repr__(self) -> str:
        return f"Outgoing({self.name})"


def build(config: HttpConfig, content: Content | None, idempotency_key: str) -> Outgoing:
    """The request of a config. Raises FieldError."""
    method = method_of(config.method)
    where = locate(reveal(config.url), "url")
    if config.query:
        where = target.with_query(where, query_pairs(config.query))
    fields = headers.fields(reveal(config.headers)) if config.headers else []
    given = {name.lower() for name in config.headers}
    fields.extend(pair for lower, pair in _DEFAULTS.items() if lower not in given)
    if content is not None and "content-type" not in given:
        fields.append(("Content-Type", content[1]))
    if method not in SAFE and "idempotency-key" not in given:
        fields.append(("Idempotency-Key", idempotency_key))
    names = _names_of(config)
    if where.user and (config.auth is not None or "authorization" in given):
        raise FieldError("url: names a user, and so do auth or headers.Authorization; expected one of them")
    return Outgoing(
        method=method,
        target=where._replace(user=""),
        headers=fields,
        content=None if content is None else content[0],
        peer=peer(config.url, where),
        secret=bool(where.user) or config.auth is not None or bool(names),
        names=names,
        user=user_of(where.user),
    )


def method_of(text: str) -> str:
    """The method in upper case. Raises FieldError."""
    if text in _USUAL:
        return text
    method = text.upper()
    if not method.isascii() or not method.replace("-", "").isalpha() or method == "CONNECT":
        raise FieldError("method: expected GET, POST, PUT, PATCH, DELETE or another method of HTTP but CONNECT")
    return method


def locate(url: Any, place: str) -> Target:
    """The target of a revealed URL. Raises FieldError, which names `place`."""
    if not isinstance(url, str):
        raise FieldError(f"{place}: expected a URL as text")
    try:
        return target.parse(url)
    except TargetError as error:
        raise FieldError(f"{place}: {error}") from None


def query_pairs(query: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Each key with each of its revealed texts; None where a key is to be left out. Raises FieldError."""
    revealed = reveal(query)
    empty = [(name, None) for name, value in revealed.items() if value is None or value == []]
    return [*scalars.pairs(revealed, "query"), *empty]


def peer(url: Any, where: Target) -> str:
    """How messages name the peer: what a secret holds may be in its host too, so then by the secret's name."""
    return masked_text(url.names) if isinstance(url, Secret) else where.authority


def _names_of(config: HttpConfig) -> Names:
    """Those that reach the server, if only as a signature: what is traded for a token goes to the token's server."""
    parts = [config.url, config.query, config.headers, config.body, config.form, config.multipart]
    if config.auth is not None:
        parts += [config.auth.basic, config.auth.digest, config.auth.bearer, config.auth.aws]
    return names_in(parts)


def user_of(text: str) -> tuple[str, str] | None:
    """The name and password of a URL's part before the `@`, in the clear; None where there is none."""
    if not text:
        return None
    name, _, password = text.partition(":")
    return unquote(name), unquote(password)
