"""
A workflow as it is once its file was read and found right: frozen values with every default written out.

    Workflow ─┬─ inputs, vars, triggers, concurrency, …
              └─ body: Body ── actions ──► Action ──(type: group)──► body: Body ── …

`runner.definitions.load` makes these, `runner.engine.plan` reads them, and a run keeps the very one it began with as
JSON (its `revision`, with `FORMAT` beside it; design §2.1). Templates stand in here as they were written, as JSON
values; who evaluates them compiles them. Nothing in here does I/O.
"""

import hashlib
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from runner.definitions.fields import Computed, Condition, Duration, Templated, decode_field, encode_field
from runner.errors import StoreFormatError

FORMAT: Final = 1
"""
Format number of a stored revision; a version reads its own and the one before (design §2.16). It grows with each change
that an older version would read wrongly; a new key whose default is what held before needs no new number.
"""

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all of them are: frozen, by keyword, strict."""


class Retry(Model, frozen=True):
    """When another attempt follows. `delay`, `max_delay`, `max_retry_after` in seconds; the first attempt counts."""

    max_attempts: AtLeastOne = 3
    delay: Duration = Duration(1)
    backoff: Literal["exponential", "constant"] = "exponential"
    max_delay: Duration = Duration(60)
    on: tuple[Literal["connection", "timeout", "429", "5xx", "conflict"], ...] = (
        "connection",
        "timeout",
        "429",
        "5xx",
        "conflict",
    )
    until: Condition | None = None
    max_retry_after: Duration = Duration(3600)


class Concurrency(Model, frozen=True):
    """How many runs of a workflow go on at once, counted for each value of the expression `key` where it is given."""

    limit: AtLeastOne = 1
    key: Computed = UNSET
    when_full: Literal["queue", "skip", "cancel_running"] = "queue"
    max_queued: Annotated[int, msgspec.Meta(ge=0)] = 100


class Input(Model, frozen=True):
    """One input of a workflow, or one field of a callback's answer. Without `default` it is required."""

    type: Literal["string", "integer", "number", "boolean", "object", "array"]
    description: str = ""
    default: Any = UNSET
    enum: tuple[Any, ...] | None = None
    secret: bool = False


class Trigger(Model, frozen=True):
    """What may start a run; `config` belongs to its type and was checked against `runner.definitions.triggers`."""

    type: Literal["http", "schedule", "run"]
    config: dict[str, Any]
    if_: Condition | None = msgspec.field(default=None, name="if")
    inputs: dict[str, Templated] = {}


class Action(Model, frozen=True):
    """
    One node. `config` is as written, with templates; for `type: group` it is None and `body` holds the group's body.

    `concurrency` and `rate` (starts a second) belong to `for_each`. `needs` None: waits for the action above.
    """

    id: str
    type: str
    config: Any = None
    body: "Body | None" = None
    description: str = ""
    needs: tuple[str, ...] | None = None
    if_: Condition | None = msgspec.field(default=None, name="if")
    for_each: Computed = UNSET
    concurrency: AtLeastOne = 10
    rate: float | None = None
    retry: Retry | None = None
    timeout: Duration | None = None
    on_error: Literal["fail", "continue"] = "fail"
    on_interrupt: Literal["retry", "fail"] = "retry"
    output: Templated = UNSET
    sensitive: tuple[str, ...] = ()

    @property
    def loops(self) -> bool:
        """Whether it runs once for each item of a list."""
        return not isinstance(self.for_each, UnsetType)


class Body(Model, frozen=True):
    """Actions and what follows them. A file is one, and so is a group."""

    actions: tuple[Action, ...]
    on_failure: tuple[Action, ...] = ()
    finally_: tuple[Action, ...] = msgspec.field(default=(), name="finally")
    output: Templated = UNSET


class Workflow(Model, frozen=True):
    """What one file describes. `timeout` in seconds; `vars` and `inputs` by name."""

    name: str
    body: Body
    description: str = ""
    labels: dict[str, str] = {}
    inputs: dict[str, Input] = {}
    vars: dict[str, Templated] = {}
    triggers: tuple[Trigger, ...] = ()
    concurrency: Concurrency | None = None
    timeout: Duration | None = None
    format: int = FORMAT

    def encode(self) -> bytes:
        """
        The revision's JSON: what a run keeps and what its content hash is made of.

        Mappings keep the order in which they were written: forms show their fields in it, bodies are sent in it.
        """
        return _ENCODER.encode(self)

    @property
    def revision(self) -> str:
        """The content hash that a run pins: 16 hexadecimal digits."""
        return hashlib.sha256(self.encode()).hexdigest()[:16]

    @staticmethod
    def decode(data: bytes) -> "Workflow":
        """
        The workflow that `encode` wrote, in this format or the one before.

        Raises StoreFormatError for a newer one, `msgspec.MsgspecError` for anything else.
        """
        found = _FORMATS.decode(data).format
        if found > FORMAT:
            raise StoreFormatError(
                f"a newer version of Runner wrote it (format {found}, this one reads up to {FORMAT}): start that one"
            )
        return _DECODER.decode(data)


class _Formatted(msgspec.Struct):
    """What every format has."""

    format: Annotated[int, msgspec.Meta(ge=1)] = 1


_FORMATS: Final = msgspec.json.Decoder(_Formatted)
_ENCODER: Final = msgspec.json.Encoder(enc_hook=encode_field)
_DECODER: Final = msgspec.json.Decoder(Workflow, dec_hook=decode_field)
