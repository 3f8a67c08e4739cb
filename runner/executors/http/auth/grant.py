"""
The request for a token (RFC 6749 §4 and §5), whatever grant it asks by, and the flow that puts the token into requests.

    TokenFlow.authorize() ──Tokens.get()──► form ──POST token endpoint──► {access_token, expires_in, …} ──► Bearer …

`oauth2` and `google` each make the form; the rest is here. No answer of the endpoint goes into a message but the
error codes that the RFC lists.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlencode

import anyio
import msgspec

from runner.errors import ActionError, PermanentError
from runner.executors.http.auth.tokens import Tokens
from runner.executors.http.headers import Fields
from runner.executors.http.outgoing import Outgoing, locate, peer
from runner.expressions.labels import Names
from runner.ports import Result, Token
from runner.secret import Secret, reveal

Send = Callable[[Outgoing], Awaitable[Result]]
"""Sends a request on the action's route and gives its answer; raises ActionError unless that is 2xx."""

DEFAULT_LIFE: Final = 300.0
"""Seconds that a token is used for where its answer does not say."""
_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
_DEADLINE: Final = 8.0
"""
Seconds that an exchange of a refresh token may take once it was begun, even if the attempt is cancelled meanwhile.
"""
_NAMES: Final = frozenset({"token"})


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """
    One request for a token. `answer` names the field that holds it; `kind` is the key in the file (`oauth2`); `names`
    are the secrets that it was made of.
    """

    url: Any
    kind: str
    form: dict[str, str]
    authorization: str | None = None
    answer: str = "access_token"
    names: Names = frozenset()

    def request(self) -> Outgoing:
        """As it is sent. Raises FieldError."""
        where = locate(reveal(self.url), f"auth.{self.kind}.token_url")
        headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")]
        if self.authorization is not None:
            headers.append(("Authorization", self.authorization))
        return Outgoing(
            method="POST",
            target=where._replace(user=""),
            headers=headers,
            content=urlencode(self.form).encode(),
            peer=peer(self.url, where),
            secret=True,
            names=self.names,
        )


class TokenFlow:
    """Puts a token into each request; one that the peer refuses is fetched anew, once for each request."""

    def __init__(self, tokens: Tokens, key: tuple[Any, ...], ask: Callable[[Token | None], Ask], send: Send) -> None:
        self._tokens = tokens
        self._key = hashlib.sha256(msgspec.json.encode(key)).hexdigest()
        self._ask = ask
        self._send = send
        self.tokens: tuple[str, ...] = ()

    async def authorize(self, request: Outgoing) -> Outgoing:
        """The request with its bearer token."""
        return await self._bearing(request, None)

    async def challenged(self, request: Outgoing, status: int, headers: Fields) -> Outgoing | None:  # noqa: ARG002  as `Flow`
        """Once more with a token other than the last."""
        return await self._bearing(request, self.tokens[-1])

    async def _bearing(self, request: Outgoing, refused: str | None) -> Outgoing:
        token = await self._tokens.get(self._key, self._fetch, refused=refused)
        self.tokens = (*(other for other in self.tokens if other != token), token)
        return request.with_header("Authorization", f"Bearer {token}")

    async def _fetch(self, last: Token | None) -> Token:
        ask = self._ask(last)
        rotates = ask.form.get("grant_type") == "refresh_token"
        with anyio.CancelScope(
            shield=rotates, deadline=anyio.current_time() + _DEADLINE if rotates else float("inf")
        ) as scope:
            return _token(ask, await self._asked(ask), last, self._tokens.now())
        assert scope.cancelled_caught
        raise _failed(ask, "its token endpoint did not answer in time")

    async def _asked(self, ask: Ask) -> dict[str, Any]:
        try:
            answer = await self._send(ask.request())
        except ActionError as error:
            body = error.facts.get("body")
            code = body.get("error") if isinstance(body, dict) else None
            said = f" ({code})" if isinstance(code, str) and code in _ERRORS else ""
            facts = {key: error.facts[key] for key in ("status",) if key in error.facts}
            raise type(error)(
                f"auth.{ask.kind}: {error}{said}", kind=error.kind, facts=facts, retry_after=error.retry_after
            ) from None
        body = answer.value["body"]
        if not isinstance(body, dict) or not isinstance(body.get(ask.answer), str) or not body[ask.answer]:
            raise _failed(ask, f"its token endpoint answered without {ask.answer}")
        return body


def _token(ask: Ask, body: dict[str, Any], last: Token | None, now: float) -> Token:
    life = body.get("expires_in")
    seconds = (
        float(life) if isinstance(life, int | float) or (isinstance(life, str) and life.isdecimal()) else DEFAULT_LIFE
    )
    rotated = body.get("refresh_token")
    refresh = (
        Secret(_NAMES, rotated)
        if isinstance(rotated, str) and rotated
        else (last.refresh if last is not None else None)
    )
    return Token(access=Secret(_NAMES, body[ask.answer]), expires_at=now + min(seconds, 31_536_000.0), refresh=refresh)


def _failed(ask: Ask, what: str) -> ActionError:
    return PermanentError(f"auth.{ask.kind}: {what}", kind="response")
