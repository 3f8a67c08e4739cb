"""
The `config` of triggers: `http`, `schedule`, `run`.

Plain fields are literal; `Text`, `Templated` and `Expression` fields are templates. `runner.definitions.load` checks
files against these models and the checks below; `runner.triggers` decodes rendered configs with them (`fields.decode`).
Nothing here fires.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET

from runner.definitions.fields import Duration, Expression, Size, Templated, Text


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all of them are: frozen, strict."""


class Basic(Model, frozen=True, kw_only=True):
    """`Authorization: Basic`."""

    username: Text
    password: Text


class Hmac(Model, frozen=True, kw_only=True):
    """
    A signature over the raw body in `header`, after `prefix`.

    `signed` is what the sender signs: `{body}`, Slack's `v0:{timestamp}:{body}`, Stripe's `{timestamp}.{body}`. With
    `timestamp_header` (or a `t=` in the signature's header) a request older than `tolerance` is refused.
    """

    header: str
    secret: Text
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    signed: str = "{body}"
    timestamp_header: str | None = None
    tolerance: Duration | None = None


class Jwt(Model, frozen=True, kw_only=True):
    """A bearer JWT: exactly one of a shared `secret` (or PEM public key) and `jwks_url`; claims in `$trigger.auth`."""

    secret: Text | None = None
    jwks_url: str | None = None
    audience: str | None = None
    issuer: str | None = None
    algorithms: tuple[
        Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA"], ...
    ] = ()


class TriggerAuth(Model, frozen=True, kw_only=True):
    """How a caller proves who it is: exactly one of these."""

    bearer: Text | None = None
    basic: Basic | None = None
    hmac: Hmac | None = None
    jwt: Jwt | None = None


class TriggerResponse(Model, frozen=True, kw_only=True):
    """What a caller that waits for the result is answered."""

    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 200
    headers: dict[str, Templated] = {}
    body: Templated = UNSET


class Deduplicate(Model, frozen=True, kw_only=True):
    """Requests with one key within `for` are one run; a null key is not checked."""

    key: Expression
    for_: Duration = msgspec.field(default=Duration(86400), name="for")


class HttpTrigger(Model, frozen=True, kw_only=True):
    """A request to port 8080. `max_body_size` in bytes, `response_timeout` in seconds."""

    path: str
    auth: Literal["none"] | TriggerAuth
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    respond: Literal["accepted", "result"] = "accepted"
    response: TriggerResponse | None = None
    response_timeout: Duration = Duration(30)
    max_body_size: Size = Size(1_000_000)
    deduplicate: Expression | Deduplicate | None = None


class ScheduleTrigger(Model, frozen=True, kw_only=True):
    """Exactly one of `cron` and `every`. `anchor` (ISO 8601 with zone) is an instant at which `every` fires."""

    cron: str | None = None
    every: Duration | None = None
    anchor: str | None = None
    timezone: str = "UTC"
    jitter: Duration = Duration(0)
    catch_up: Literal["none", "latest", "all"] = "latest"


class RunTrigger(Model, frozen=True, kw_only=True):
    """Runs of other workflows that end: by name, a list of names, or `*`."""

    workflow: str | tuple[str, ...]
    state: Literal["failed", "succeeded", "recovered"] = "failed"


TRIGGER_MODELS: Final[dict[str, type[msgspec.Struct]]] = {
    "http": HttpTrigger,
    "schedule": ScheduleTrigger,
    "run": RunTrigger,
}
