"""
A workflow file as people write it, where that differs from the model: shorthands, `config` by type, `rate` as text.

`runner.definitions.load` reads files with these and makes `runner.definitions.model` of them;
`runner.definitions.schema` describes them to editors. Lists of actions and triggers are read one by one, since what a
`config` may hold hangs on `type`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET

from runner.definitions.fields import Computed, Condition, Duration, Rate, Templated
from runner.definitions.hints import ACTION_WORDS, FILE_WORDS
from runner.definitions.model import AtLeastOne, Concurrency, Input, Retry

Items = tuple[Any, ...]


class WrittenAction(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of an action."""

    id: str
    type: str
    config: Any = UNSET
    description: str = ""
    needs: tuple[str, ...] | None = None
    if_: Condition | None = msgspec.field(default=None, name="if")
    for_each: Computed = UNSET
    concurrency: AtLeastOne = 10
    rate: Rate | None = None
    retry: Retry | None = None
    timeout: Duration | None = None
    on_error: Literal["fail", "continue"] = "fail"
    on_interrupt: Literal["retry", "fail"] = "retry"
    output: Templated = UNSET
    sensitive: tuple[str, ...] = ()


class WrittenBody(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a body: what the `config` of a group holds."""

    actions: Annotated[Items, msgspec.Meta(min_length=1)]
    on_failure: Items = ()
    finally_: Items = msgspec.field(default=(), name="finally")
    output: Templated = UNSET


class WrittenTrigger(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a trigger."""

    type: str
    config: Any = UNSET
    if_: Condition | None = msgspec.field(default=None, name="if")
    inputs: dict[str, Templated] = {}


class WrittenFile(WrittenBody, frozen=True, kw_only=True):
    """The keys of a file; those that begin with `x-` are ignored."""

    name: str | None = None
    description: str = ""
    labels: dict[str, str] = {}
    inputs: dict[str, Input] = {}
    vars: dict[str, Templated] = {}
    triggers: Items = ()
    concurrency: AtLeastOne | Concurrency | None = None
    timeout: Duration | None = None


WORDS: Final[Mapping[Any, Mapping[str, str]]] = {
    WrittenFile: FILE_WORDS,
    WrittenBody: FILE_WORDS,
    WrittenAction: ACTION_WORDS,
    WrittenTrigger: ACTION_WORDS,
}
"""What other systems call the keys."""
