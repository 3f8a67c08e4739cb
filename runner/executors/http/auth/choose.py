"""
Which flow an action's `auth` asks for.

    auth: {bearer: …} → Header        {oauth2: …} → TokenFlow        a user in the URL → Header        nothing → None

`runner.executors.http.executor` calls `flow` for each attempt; secrets are revealed in here.
"""

from runner.executors.http.auth import google, oauth2
from runner.executors.http.auth.aws import AwsFlow
from runner.executors.http.auth.digest import DigestFlow
from runner.executors.http.auth.flow import Flow, Header, basic
from runner.executors.http.auth.grant import Send
from runner.executors.http.auth.tokens import Tokens
from runner.executors.http.config import Auth, Credentials
from runner.executors.http.scalars import FieldError
from runner.secret import reveal

KINDS = ("basic", "digest", "bearer", "oauth2", "aws", "google")


def flow(auth: Auth | None, user: tuple[str, str] | None, tokens: Tokens, send: Send) -> Flow | None:
    """The attempt's flow, or None where the request needs no proof. Raises FieldError."""
    if auth is None:
        return None if user is None else Header(basic(*user))
    given = [kind for kind in KINDS if getattr(auth, kind) is not None]
    if len(given) != 1:
        raise FieldError(f"auth: expected exactly one of {', '.join(KINDS)}, found {' and '.join(given) or 'none'}")
    if auth.basic is not None:
        return Header(basic(*_revealed(auth.basic)))
    if auth.digest is not None:
        return DigestFlow(*_revealed(auth.digest))
    if auth.bearer is not None:
        return Header(f"Bearer {_printable(reveal(auth.bearer), 'auth.bearer')}")
    if auth.oauth2 is not None:
        return oauth2.flow(auth.oauth2, tokens, send)
    if auth.google is not None:
        return google.flow(auth.google, tokens, send)
    assert auth.aws is not None
    return AwsFlow(auth.aws)


def _revealed(credentials: Credentials) -> tuple[str, str]:
    return str(reveal(credentials.username)), str(reveal(credentials.password))


def _printable(text: str, place: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise FieldError(f"{place}: holds a line break or another character that no token has")
    return text
