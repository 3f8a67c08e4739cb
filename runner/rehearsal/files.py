"""
What stands in a workflow test, read strictly and written again.

    workflow: sync.yaml                      # by default NAME.yaml beside NAME.test.yaml
    tests:
      - name: nothing new
        inputs: {since: "1970"}
        answers: {fetch: {value: {status: 200, headers: {}, body: {orders: []}}}}
        expect: {state: succeeded, actions: {fetch: {sent: {url: https://api.test/orders}}}}

`[secret NAME]` in an answer stands for the test's value of that secret; it never holds a real one. Answers are found by
place (`each[1]/post`), or for all items and attempts of what is around (`each/post`).
"""

import re
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import yaml
from msgspec import UNSET, UnsetType

from runner.definitions.folder import TEST_ENDINGS
from runner.definitions.source import MAX_FILE_SIZE, read_text
from runner.definitions.yaml import read_yaml
from runner.errors import DefinitionError, Problem, UsageError

_LINE_WIDTH: Final = 120
_WORD: Final = re.compile(r"[A-Za-z_$][\w$.\-/\[\]]*")


class _Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all of them are."""


class Wrong(_Model, frozen=True):
    """An attempt that failed; `type` is a word of `retry.on` or of `$action.ID.error.type`."""

    type: str
    message: str
    temporary: bool = True
    facts: dict[str, Any] = {}


class Reply(_Model, frozen=True):
    """
    How one attempt of an action went: exactly one of these.

    `value` is what the executor, or the called workflow, gave; `result` what the action's value was, whatever its
    `output` would make of it; `answer` the fields that somebody answered a `wait` with. One that `hangs` is cut off by
    whatever else happens.
    """

    value: Any = UNSET
    result: Any = UNSET
    answer: dict[str, Any] | UnsetType = UNSET
    error: Wrong | None = None
    hangs: bool = False

    def __post_init__(self) -> None:
        given = [
            self.value is not UNSET,
            self.result is not UNSET,
            self.answer is not UNSET,
            self.error is not None,
            self.hangs,
        ]
        if given.count(True) != 1:
            raise ValueError("expected exactly one of value, result, answer, error and hangs")


class ExpectedAction(_Model, frozen=True):
    """What is expected of a place; what is left out is not looked at. `sent` is the config that was sent, masked."""

    state: Literal["succeeded", "failed", "skipped", "cancelled"] | None = None
    attempts: int | None = None
    sent: Any = UNSET
    value: Any = UNSET
    error: str | None = None


class Expected(_Model, frozen=True):
    """What is expected of the run. `exact`: no place has a state but those that are named."""

    state: Literal["succeeded", "failed", "cancelled"] = "succeeded"
    output: Any = UNSET
    error: str | None = None
    exact: bool = False
    actions: dict[str, ExpectedAction] = {}


class Case(_Model, frozen=True):
    """One run: what it is given, how the outer world answers, what is expected. `now` is ISO 8601 with a zone."""

    name: str
    inputs: dict[str, Any] = {}
    trigger: Any = None
    last: dict[str, Any] | None = None
    env: dict[str, str] = {}
    secrets: dict[str, str] = {}
    now: str = "2026-01-01T00:00:00Z"
    answers: dict[str, Reply | list[Reply]] = {}
    expect: Expected = Expected()


class CaseFile(_Model, frozen=True):
    """A whole file."""

    tests: list[Case]
    workflow: str = ""


def test_files(paths: tuple[Path, ...]) -> list[Path]:
    """The test files that are meant, those of folders by name. Raises UsageError."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(each for each in path.iterdir() if each.name.endswith(TEST_ENDINGS))
        elif path.name.endswith(TEST_ENDINGS):
            found.append(path)
        else:
            raise UsageError(f"{path}: expected a folder or a file called NAME.test.yaml")
    return found


def read_cases(path: Path) -> CaseFile:
    """What stands in a file. Raises DefinitionError with its first problem, UsageError where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'that is no path'}") from None
    document = read_yaml(read_text(data, str(path)), str(path))
    try:
        return msgspec.convert(document.root.value, CaseFile)
    except msgspec.ValidationError as error:
        raise DefinitionError((Problem(message=f"this is no workflow test: {error}", file=str(path)),)) from None


def tested_name(path: Path) -> str:
    """What a test file is called after: the workflow that it tests, unless it names another."""
    return path.name.removesuffix(TEST_ENDINGS[0]).removesuffix(TEST_ENDINGS[1])


def workflow_of(path: Path, cases: CaseFile) -> Path:
    """The workflow's file."""
    if cases.workflow:
        return path.parent / cases.workflow
    name = tested_name(path)
    return next((each for each in (path.parent / f"{name}.yaml", path.parent / f"{name}.yml") if each.exists()),
                path.parent / f"{name}.yaml")  # fmt: skip


def written(cases: CaseFile) -> str:
    """The same as YAML, which reads back as the same."""
    plain = msgspec.to_builtins(cases, enc_hook=_plain)
    text: str = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_LINE_WIDTH)
    return text


class _Dumper(yaml.SafeDumper):
    """Quotes every text that is not plainly one, whichever YAML reads it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML's shape
        """Written out each time."""
        return True


def _quoted(dumper: yaml.SafeDumper, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _WORD.fullmatch(text) else '"')


_Dumper.add_representer(str, _quoted)


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    raise NotImplementedError
