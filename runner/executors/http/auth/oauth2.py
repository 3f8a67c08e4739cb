"""
OAuth 2.0 without a person: the client's credentials, or a refresh token that somebody once obtained.

A refresh token that the endpoint replaces is kept with the access token and used the next time; the one in the file
or the vault only starts the chain. `choose` makes the flow.
"""

from typing import Any
from urllib.parse import quote_plus

from runner.executors.http.auth.flow import basic
from runner.executors.http.auth.grant import Ask, Send, TokenFlow
from runner.executors.http.auth.tokens import Tokens
from runner.executors.http.config import OAuth2
from runner.executors.http.scalars import pairs
from runner.ports import Token
from runner.secret import names_in, reveal


def flow(config: OAuth2, tokens: Tokens, send: Send) -> TokenFlow:
    """The flow of an attempt. Raises FieldError."""
    params = dict(pairs(reveal(config.params), "auth.oauth2.params"))
    secrets = (
        reveal(config.token_url),
        reveal(config.client_id),
        reveal(config.client_secret),
        reveal(config.refresh_token),
    )
    key = ("oauth2", *secrets, _scope(config), config.client_auth, sorted(params.items()))
    return TokenFlow(tokens, key, lambda last: _ask(config, params, last), send)


def _ask(config: OAuth2, params: dict[str, str], last: Token | None) -> Ask:
    form = {**params, **_grant(config, last)}
    if scope := _scope(config):
        form["scope"] = scope
    client, secret = reveal(config.client_id), reveal(config.client_secret)
    authorization = None
    if config.client_auth == "header" and secret is not None:
        authorization = basic(quote_plus(client), quote_plus(secret))  # encoded first: RFC 6749 §2.3.1
    else:
        form["client_id"] = client
        if secret is not None:
            form["client_secret"] = secret
    return Ask(url=config.token_url, kind="oauth2", form=form, authorization=authorization, names=names_in(config))


def _grant(config: OAuth2, last: Token | None) -> dict[str, Any]:
    if config.refresh_token is None:
        return {"grant_type": "client_credentials"}
    kept = last.refresh if last is not None else None
    return {"grant_type": "refresh_token", "refresh_token": reveal(config.refresh_token if kept is None else kept)}


def _scope(config: OAuth2) -> str:
    return " ".join(config.scope) if isinstance(config.scope, list) else config.scope or ""
