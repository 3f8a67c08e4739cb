"""
Who the caller is: a trigger's `auth`, its secrets resolved for this request.

    bearer · basic · jwt    known from the head, before a byte of the body is read
    hmac                    over the raw body

What is compared is compared in constant time. A caller that is not taken gets 401 and learns nothing; the reason goes
to the log. Where the trigger itself cannot verify anybody (its secret is missing, keys cannot be fetched) it is 503:
the caller is not at fault and may come again.
"""

import base64
import binascii
import hmac
from typing import Any, Final

import msgspec

from runner.definitions.fields import decode
from runner.definitions.triggers import Basic, HttpTrigger, TriggerAuth
from runner.errors import ExpressionError, RunnerError
from runner.expressions.labels import Labelled
from runner.triggers import signature, tokens
from runner.triggers.answers import RefusedRequestError, problem
from runner.triggers.firing import Computed
from runner.triggers.keys import Keys, KeysUnavailableError
from runner.triggers.received import Received
from runner.triggers.services import TriggerServices

_CHALLENGES: Final = {
    "bearer": "Bearer",
    "basic": 'Basic realm="runner", charset="UTF-8"',
    "hmac": "Signature",
    "jwt": "Bearer",
}
_LONGEST: Final = 16_000


class Proof(msgspec.Struct, frozen=True):
    """
    What a caller has proved. `auth` is `$trigger.auth`; a `signature` would be taken again until `replays_until`.
    """

    auth: Any = None
    signature: str | None = None
    replays_until: float | None = None


NOTHING: Final = Proof()


class Guarded:
    """The `auth` of one trigger."""

    def __init__(self, config: HttpTrigger, computed: Computed, services: TriggerServices, keys: Keys) -> None:
        self._computed = computed
        self._services = services
        self._keys = keys
        auth = config.auth
        self.kind = (
            "none"
            if not isinstance(auth, TriggerAuth)
            else next(name for name in ("bearer", "basic", "hmac", "jwt") if getattr(auth, name) is not None)
        )
        self.proving = frozenset({"authorization"} if self.kind in ("bearer", "basic", "jwt") else ())
        if isinstance(auth, TriggerAuth) and auth.hmac is not None:
            self.proving = frozenset({auth.hmac.header.lower()})

    @property
    def needs_body(self) -> bool:
        """Whether the whole body proves the caller."""
        return self.kind == "hmac"

    async def prove(self, request: Received, body: bytes = b"") -> Proof:
        """What the caller has proved. Raises RefusedRequestError: 401, or 503 where nobody can be verified."""
        if self.kind == "none":
            return NOTHING
        config = await self._resolved()
        try:
            return await self._proved(config, request, body)
        except ValueError as error:
            raise self._refusal(str(error)) from None
        except KeysUnavailableError:
            raise _unavailable("the keys of jwks_url cannot be had") from None

    async def _resolved(self) -> TriggerAuth:
        piece, services = self._computed.auth, self._services
        try:
            scope = await self._computed.scope(piece, Labelled(None), services)
            return decode(piece.template.evaluate(scope).value, TriggerAuth)
        except ExpressionError:
            raise _unavailable("its auth cannot be computed: expected texts") from None
        except msgspec.ValidationError:
            raise _unavailable("its auth is not what was expected: expected texts") from None
        except RunnerError as error:
            raise _unavailable(str(error)) from None

    async def _proved(self, config: TriggerAuth, request: Received, body: bytes) -> Proof:
        if config.hmac is not None:
            stamp = config.hmac.timestamp_header
            verified = signature.verify(
                config.hmac,
                str(config.hmac.secret),
                header=request.header(config.hmac.header.lower()),
                timestamp=None if stamp is None else request.header(stamp.lower()),
                body=body,
                now=self._services.clock.wall(),
            )
            return Proof(None, verified.signature, verified.replays_until)
        credentials = _credentials(request, "basic" if config.basic is not None else "bearer")
        if config.basic is not None:
            return Proof({"username": _basic(config.basic, credentials)})
        if config.bearer is not None:
            if not _same(credentials, str(config.bearer)):
                raise ValueError("the token is not the expected one")
            return NOTHING
        assert config.jwt is not None
        kid = tokens.key_id(credentials)
        keys = (
            [tokens.shared_key(str(config.jwt.secret))]
            if config.jwt.jwks_url is None
            else await self._keys.find(config.jwt.jwks_url, kid)
        )
        return Proof(tokens.claims(credentials, keys, config.jwt))

    def _refusal(self, reason: str) -> RefusedRequestError:
        challenge = (("www-authenticate", _CHALLENGES[self.kind]),)
        return RefusedRequestError(problem(401, "the caller is not known here", headers=challenge), reason)


def _credentials(request: Received, scheme: str) -> str:
    """What stands behind the scheme in the one Authorization header. Raises ValueError."""
    header = request.header("authorization")
    if header is None:
        raise ValueError("the Authorization header is missing, or there are several")
    given, _, credentials = header.partition(" ")
    if given.lower() != scheme or len(credentials) > _LONGEST:
        raise ValueError(f"the Authorization header is not of the kind {scheme}")
    return credentials.strip()


def _basic(config: Basic, credentials: str) -> str:
    try:
        user, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise ValueError("the Authorization header is malformed") from None
    is_user = _same(user, str(config.username))
    is_password = _same(password, str(config.password))
    if not (colon and is_user and is_password):
        raise ValueError("user or password is not the expected one")
    return user


def _same(given: str, expected: str) -> bool:
    """Whether both are one, in a time that says nothing of where they differ. An empty secret equals nothing."""
    key = b"compare"  # of two hashes of one length nothing can be told by their times
    left = hmac.digest(key, given.encode("utf-8", "surrogatepass"), "sha256")
    right = hmac.digest(key, expected.encode("utf-8", "surrogatepass"), "sha256")
    return hmac.compare_digest(left, right) and bool(expected.strip())


def _unavailable(reason: str) -> RefusedRequestError:
    return RefusedRequestError(problem(503, "callers cannot be verified now; the daemon's log tells why"), reason)
