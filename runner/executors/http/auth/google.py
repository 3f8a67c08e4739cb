"""
A Google service account: a signed assertion of its key file, traded for a token (RFC 7523).

With `scopes` the answer is an access token, with `audience` an identity token (Cloud Run, IAP). The key file arrives
as text or as a mapping. `choose` makes the flow.
"""

from typing import Any, Final

import jwt
import msgspec

from runner.executors.http.auth.grant import Ask, Send, TokenFlow
from runner.executors.http.auth.tokens import Tokens
from runner.executors.http.config import Google
from runner.executors.http.scalars import FieldError
from runner.ports import Token
from runner.secret import Secret, names_in, reveal

_LIFE: Final = 3600
"""Seconds; the longest that Google takes."""
_FIELDS: Final = ("client_email", "private_key")
_TOKEN_URL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def flow(config: Google, tokens: Tokens, send: Send) -> TokenFlow:
    """The flow of an attempt. Raises FieldError."""
    if bool(config.scopes) == (config.audience is not None):
        raise FieldError("auth.google: expected one of scopes and audience")
    account = _account(reveal(config.service_account))
    whose = (account["private_key"], account["client_email"], account.get("token_uri"))
    key = ("google", *whose, config.scopes, config.audience, config.subject)
    return TokenFlow(tokens, key, lambda last: _ask(config, account, tokens.now(), last), send)


def _ask(config: Google, account: dict[str, Any], now: float, _last: Token | None) -> Ask:
    url = account.get("token_uri", _TOKEN_URL)
    claims = {"iss": account["client_email"], "aud": url, "iat": int(now), "exp": int(now) + _LIFE}
    if config.scopes:
        claims["scope"] = " ".join(config.scopes)
    if config.audience is not None:
        claims["target_audience"] = config.audience
    if config.subject is not None:
        claims["sub"] = config.subject
    headers = {"kid": account["private_key_id"]} if isinstance(account.get("private_key_id"), str) else None
    try:
        assertion = jwt.encode(claims, account["private_key"], algorithm="RS256", headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError):
        raise FieldError("auth.google.service_account: its private_key is no RSA key in PEM") from None
    return Ask(
        url=Secret(frozenset({"service_account"}), url) if isinstance(config.service_account, Secret) else url,
        kind="google",
        form={"grant_type": _GRANT, "assertion": assertion},
        answer="access_token" if config.scopes else "id_token",
        names=names_in(config),
    )


def _account(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.MsgspecError:
            value = None
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in _FIELDS):
        raise FieldError(
            "auth.google.service_account: expected the JSON of a key file with client_email and private_key"
        )
    return value
