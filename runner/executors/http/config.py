"""
What may stand in the `config` of an `http` action (design: language, "The `http` executor").

    the file's YAML ──runner.definitions──► HttpConfig ──runner.executors.http.outgoing──► a request

Values only: the loader reads the types to compile and check a file, the executor receives an instance with the
templates rendered and the secrets still wrapped. What the types cannot say is in `runner.executors.http.check`.
`Any` in a mapping is a JSON value that may hold a `Secret` at any leaf.
"""

import re
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET

from runner.definitions.fields import Size, Text
from runner.expressions.template import Deferred, LeafKind

_STATUS: Final = re.compile(r"[1-5](?:\d\d|[xX][xX])")
_STATUS_READ: Final = re.compile(r"\$this\s*(?:\.\s*status\b|\[\s*['\"]status['\"]|(?![\w.\[]))")
_SUCCESS: Final = ((200, 299),)
_ANY: Final = ((100, 599),)


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all of them are: frozen, by keyword, strict."""


class Expect:
    """
    Which answers are good: a status (`200`), a class of them (`2xx`), a list of these, or an expression over `$this`.

    A text of a digit and two digits, or of a digit and `xx`, is a status; any other text is an expression. `ranges`
    are pairs of the lowest and the highest status; `test` is the expression. One that does not look at
    `$this.status` is asked about 2xx only: a proxy's 502 has no GraphQL errors either.
    """

    expected = "a status such as 200 or 2xx, a list of them, or an expression over $this"
    __slots__ = ("ranges", "test")

    def __init__(self, ranges: tuple[tuple[int, int], ...], test: Deferred | None = None) -> None:
        self.ranges = ranges
        self.test = test

    @classmethod
    def leaf_kind(cls, raw: Any) -> LeafKind:
        """Texts that are all statuses are literal; anything else is an expression."""
        texts = raw if isinstance(raw, list) else [raw]
        return "literal" if all(isinstance(text, int) or _STATUS.fullmatch(str(text)) for text in texts) else "deferred"

    @classmethod
    def parse(cls, value: Any) -> "Expect":
        """Raises ValueError with what was expected."""
        if isinstance(value, Deferred) and isinstance(value.source, str):
            return cls(_ANY if _STATUS_READ.search(value.source) else _SUCCESS, value)
        if isinstance(value, list) and value:
            return cls(tuple(_range(item) for item in value))
        return cls((_range(value),))

    def admits(self, status: int) -> bool:
        """Whether `status` is one of the ranges'."""
        return any(low <= status <= high for low, high in self.ranges)


def _range(value: Any) -> tuple[int, int]:
    text = str(value) if isinstance(value, str) or type(value) is int else ""
    if not _STATUS.fullmatch(text):
        raise ValueError(f"expected {Expect.expected}")
    return (int(text), int(text)) if text.isdigit() else (int(text[0]) * 100, int(text[0]) * 100 + 99)


class Next:
    """
    Where the next page is, over `$this`: an expression that gives a URL, a mapping that overrides `query`, or
    nothing.

    A mapping may also be written out. What is null, absent, empty or false ends it; so does a mapping in which
    nothing that was computed is there.
    """

    expected = "an expression over $this that gives a URL, a mapping or null; or a mapping of such expressions"
    __slots__ = ("expression",)

    def __init__(self, expression: Deferred) -> None:
        self.expression = expression

    @classmethod
    def leaf_kind(cls, raw: Any) -> LeafKind:  # noqa: ARG003  the protocol of `CustomField`
        """Text or mapping: one thing to compute later."""
        return "deferred"

    @classmethod
    def parse(cls, value: Any) -> "Next":
        """Raises ValueError with what was expected."""
        if not isinstance(value, Deferred):
            raise ValueError(f"expected {cls.expected}")  # noqa: TRY004  as `CustomField` has it
        return cls(value)

    @property
    def computed(self) -> frozenset[str] | None:
        """The keys of a mapping written out whose values are computed; None for a text."""
        source = self.expression.source
        if not isinstance(source, dict):
            return None
        return frozenset(
            key for key, item in source.items() if not isinstance(item, str) or "$" in item or "{{" in item
        )


class Credentials(Model, frozen=True, kw_only=True):
    """`auth: {basic: …}` and `auth: {digest: …}`."""

    username: Text
    password: Text


class OAuth2(Model, frozen=True, kw_only=True):
    """
    `auth: {oauth2: …}`: the refresh token's grant where `refresh_token` is given, else the client's credentials.

    `client_auth` says where the client's id and secret travel: in the `Authorization` header or in the form.
    `params` are further fields of the form (`audience`, `resource`).
    """

    token_url: Text
    client_id: Text
    client_secret: Text | None = None
    refresh_token: Text | None = None
    scope: str | list[str] | None = None
    client_auth: Literal["header", "body"] = "header"
    params: dict[str, Any] = {}


class Aws(Model, frozen=True, kw_only=True):
    """`auth: {aws: …}`: Signature Version 4 over the request."""

    access_key_id: Text
    secret_access_key: Text
    session_token: Text | None = None
    region: str
    service: str


class Google(Model, frozen=True, kw_only=True):
    """
    `auth: {google: …}`: a service account's key file (its JSON as text or mapping), traded for a token.

    With `scopes` an access token, with `audience` an identity token. `subject` is whom the account acts for.
    """

    service_account: Any
    scopes: list[str] = []
    audience: str | None = None
    subject: str | None = None


class Auth(Model, frozen=True, kw_only=True):
    """How the request proves who sends it: exactly one of these."""

    basic: Credentials | None = None
    digest: Credentials | None = None
    bearer: Text | None = None
    oauth2: OAuth2 | None = None
    aws: Aws | None = None
    google: Google | None = None


class ClientCertificate(Model, frozen=True, kw_only=True):
    """Paths of PEM files below `[files] allow`; without `key` the certificate's file holds it too."""

    certificate: str
    key: str | None = None
    password: Text | None = None


class Paginate(Model, frozen=True, kw_only=True):
    """
    More than one page: exactly one of `next` and `link`.

    `items` gives a page's list (default: its whole body, which must be one). More pages than `max_pages` are an
    error, not a silent cut.
    """

    next: Next | None = None
    link: Literal["header"] | None = None
    items: Deferred | None = None
    max_pages: int = 100


class HttpConfig(Model, frozen=True, kw_only=True):
    """
    One request, or one for each page.

    `expect` None: 2xx. `max_response_size` in bytes after decompression, None: the daemon's. `verify`: a path is a
    PEM file of authorities below `[files] allow`. `query`, `headers`, `form`: null leaves a key out, a list repeats
    it.
    """

    url: Text
    method: str = "GET"
    query: dict[str, Any] = {}
    headers: dict[str, Any] = {}
    body: Any = UNSET
    form: dict[str, Any] | None = None
    multipart: dict[str, Any] | None = None
    auth: Auth | None = None
    expect: Expect | None = None
    follow_redirects: bool = True
    verify: bool | str = True
    client_certificate: str | ClientCertificate | None = None
    proxy: Text | None = None
    http2: bool = False
    max_response_size: Size | None = None
    paginate: Paginate | None = None
