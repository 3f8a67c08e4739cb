"""
What stands in for the outer world: executors that answer from the case, secrets that are made up.

    Case ──Answers.of(place, attempt)──► Reply ──StandIn.execute──► Result, or the error that it tells of

What each place was sent is kept, masked, as JSON. An answer that is not there fails its action, and the test by name.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import anyio
import msgspec
from msgspec import UNSET

from runner.errors import ActionError, PermanentError, TemporaryError
from runner.expressions.labels import Labelled, masked_text, whole
from runner.expressions.template import Bound, Statement
from runner.origins import Origin
from runner.ports import Call, Result
from runner.rehearsal.files import Case, Reply
from runner.secret import Secret
from runner.secrets.environment import fits

_MASK: Final = re.compile(r"\[secret ([A-Za-z_][\w.]*)\]")
_ATTEMPT: Final = re.compile(r"~\d+")
_ITEM: Final = re.compile(r"\[\d+\]")


class Answers:
    """The answers of a case. `missing` are the places that asked for one that is not there."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._children: dict[str, tuple[str, int]] = {}
        self.missing: list[str] = []

    @property
    def results(self) -> frozenset[str]:
        """Actions, as `each/post`, whose value the case says whatever their `output` is."""
        return frozenset(
            _ITEM.sub("", _ATTEMPT.sub("", place))
            for place, found in self._case.answers.items()
            for reply in (found if isinstance(found, list) else [found])
            if reply.result is not UNSET
        )

    def called(self, run: str, place: str) -> None:
        """A `workflow` action starts this run."""
        attempt = 1 + sum(parent == place for parent, _ in self._children.values())
        self._children.setdefault(run, (place, attempt))

    def asked(self, call: Call) -> tuple[str, int]:
        """Whose answer it is: the place and attempt of a call, or of the action that called the run it is in."""
        return self._children.get(call.run, (call.place, call.attempt))

    def of(self, place: str, attempt: int) -> Reply | None:
        """How this attempt goes: by its place, else by that without attempts of groups, else without items either."""
        found = self.find(place)
        if isinstance(found, list):
            found = found[attempt - 1] if attempt <= len(found) else None
        if found is None:
            self.missing.append(f"{place}: the test has no answer for attempt {attempt}")
        return found

    def find(self, place: str) -> Reply | list[Reply] | None:
        """All that is said of a place."""
        answers, without = self._case.answers, _ATTEMPT.sub("", place)
        for name in (place, without, _ITEM.sub("", without)):
            if name in answers:
                return answers[name]
        return None


class StandInSecrets:
    """A resolver that knows every name: what the case says, else a text that only stands for the name."""

    def __init__(self, case: Case, secret_patterns: tuple[str, ...]) -> None:
        self._case = case
        self._patterns = secret_patterns
        self.known: dict[str, str] = {}
        self.learn: Callable[[], None] = lambda: None

    async def resolve(
        self,
        secrets: frozenset[str],
        env: frozenset[str],
        workflow: str,  # noqa: ARG002  nobody is refused
        revision: str = "",  # noqa: ARG002  nobody is refused
    ) -> Mapping[tuple[str, str], Labelled]:
        """The values by root and name; secret ones labelled."""
        found = {("secret", name): whole(self.value(name), frozenset({name})) for name in secrets}
        for name in env:
            is_secret = fits(name, self._patterns) or name not in self._case.env
            names = frozenset({f"env.{name}"} if is_secret else ())
            found["env", name] = whole(self.value(f"env.{name}") if is_secret else self._case.env[name], names)
        return found

    def value(self, name: str) -> str:
        """The test's value of a secret, `env.NAME` or `input.NAME`; masked from now on."""
        if name not in self.known:
            given = self._case.env.get(name.removeprefix("env.")) if name.startswith("env.") else None
            self.known[name] = self._case.secrets.get(name) or given or stand_in(name)
            self.learn()
        return self.known[name]

    def filled(self, value: Any) -> Any:
        """A JSON value with `[secret NAME]` replaced by the test's value of that secret."""
        if isinstance(value, str):
            return _MASK.sub(lambda match: self.value(match[1]), value)
        if isinstance(value, dict):
            return {self.filled(key): self.filled(item) for key, item in value.items()}
        return [self.filled(item) for item in value] if isinstance(value, list) else value


class StandInSealer:
    """Bytes turned round: nothing that is sealed here is secret."""

    def seal(self, run: str, data: bytes) -> bytes:
        """As `runner.ports.Sealer`."""
        return run.encode() + b":" + data[::-1]

    def open(self, run: str, data: bytes) -> bytes:
        """As `runner.ports.Sealer`."""
        return data.removeprefix(run.encode() + b":")[::-1]

    def idempotency_key(self, *parts: str) -> str:
        """As `runner.ports.Sealer`."""
        return hashlib.sha256("/".join(parts).encode()).hexdigest()[:32]


class StandIn:
    """The executor of every type."""

    def __init__(self, answers: Answers, secrets: StandInSecrets) -> None:
        self._answers = answers
        self._secrets = secrets
        self.sent: dict[str, Any] = {}

    async def execute(self, config: Any, call: Call) -> Result:
        """One attempt, as the case tells it. Raises TemporaryError or PermanentError."""
        place, attempt = self._answers.asked(call)
        self.sent.setdefault(place, sent_document(config))
        reply = self._answers.of(place, attempt)
        if reply is not None and reply.hangs:
            await anyio.sleep_forever()
        return Result(replied(reply, self._secrets, place))


def replied(reply: Reply | None, secrets: StandInSecrets, place: str) -> Any:
    """The value of a reply. Raises the error that it tells of."""
    if reply is None:
        raise PermanentError(f"the test has no answer for {place}", kind="internal")
    if reply.error is not None:
        wrong = reply.error
        kind: type[ActionError] = TemporaryError if wrong.temporary else PermanentError
        raise kind(secrets.filled(wrong.message), kind=wrong.type, facts=secrets.filled(wrong.facts))
    for value in (reply.value, reply.result, reply.answer):
        if value is not UNSET:
            return secrets.filled(value)
    raise AssertionError("a reply has one of them")


def stand_in(name: str) -> str:
    """The text that stands for a secret: long enough to be masked wherever it turns up."""
    return f"stand-in-of-{name}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def sent_document(config: Any) -> Any:
    """A config as executors get it, as JSON: what is default left out, what is secret masked, what is no data too."""
    match config:
        case Secret():
            return masked_text(config.names)
        case Statement():
            text = "".join(part if isinstance(part, str) else part.source for part in config.parts)
            values = {part.source: sent_document(part.value) for part in config.parts if isinstance(part, Bound)}
            return {"text": text, "values": values} if values else text
        case msgspec.Struct():
            given = {field.encode_name: getattr(config, field.name) for field in _given(config)}
            return {name: sent_document(value) for name, value in given.items() if _is_data(value)}
        case dict():
            return {key: sent_document(value) for key, value in config.items()}
        case list() | tuple():
            return [sent_document(value) for value in config]
        case bytes():
            return config.hex()
        case _:
            return config


def _given(config: msgspec.Struct) -> list[Any]:
    def default(field: Any) -> Any:
        return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default

    return [field for field in msgspec.structs.fields(config) if getattr(config, field.name) != default(field)]


def _is_data(value: Any) -> bool:
    kinds = (str, int, float, bool, dict, list, tuple, bytes, Secret, Statement, msgspec.Struct)
    return value is None or isinstance(value, kinds)


class Anywhere:
    """Stand-ins of secrets may go anywhere, since nothing goes anywhere."""

    async def bound(self, names: frozenset[str], data: Sequence[bytes] = ()) -> Mapping[str, Sequence[Origin]]:  # noqa: ARG002  none is
        """None is bound."""
        return {}

    def sent(self, names: frozenset[str], to: str) -> None:
        """Nothing was."""

    def refused(self, secret: str, to: str, workflow: str) -> None:
        """Nothing is."""
