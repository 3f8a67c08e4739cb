"""Action types and short ways to load text, for the tests of definitions."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from runner.definitions.fields import LITERAL, Condition, Duration, Size, Text
from runner.definitions.load import Loaded, load_text
from runner.definitions.specs import ActionSpec, WrittenConfig
from runner.errors import DefinitionError, Problem
from runner.expressions.template import Deferred, LeafKind, Statement


class Status:
    """A kind of the package's own: a status, or an expression over `$this`."""

    expected = "a status or an expression"

    def __init__(self, value: object) -> None:
        self.value = value

    @classmethod
    def leaf_kind(cls, raw: Any) -> LeafKind:
        """Text that is no number is an expression."""
        return "deferred" if isinstance(raw, str) and not raw.isdigit() else "literal"

    @classmethod
    def parse(cls, value: Any) -> "Status":
        """Anything but a list."""
        if isinstance(value, list):
            raise ValueError(f"expected {cls.expected}")  # noqa: TRY004  as `CustomField` has it
        return cls(value)


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model inside the model."""

    next: Deferred
    most: Annotated[int, msgspec.Meta(ge=1, le=9)] = 3


class WorkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One field of every kind."""

    url: Text
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, Any] = {}
    tags: list[str] = []
    query: Statement | None = None
    expect: Status | None = None
    page: Page | None = None
    slow: Duration | None = None
    most: Size | None = None
    verify: bool | str = True
    ratio: Annotated[float, msgspec.Meta(gt=0)] | None = None
    when: Condition | None = None
    label: Annotated[str, LITERAL] = ""


class WorkType:
    """An action type, as a package brings one."""

    name = "work"
    config: type[msgspec.Struct] = WorkConfig

    def __init__(self) -> None:
        self.seen: list[WrittenConfig] = []

    def check(self, config: WrittenConfig) -> Iterable[Problem]:
        """Tells of the word `wrong` wherever it stands in a query or a tag."""
        self.seen.append(config)
        query = config.raw.get("query") or ""
        if query == "raise":
            raise RuntimeError("a mistake of the package")
        for row, line in enumerate(query.split("\n"), 1):
            if "wrong" in line:
                yield Problem(message="wrong", path="query", line=row, column=line.index("wrong") + 1)
        for index, tag in enumerate(config.raw.get("tags", ())):
            if tag == "wrong":
                yield Problem(message="a tag to think about", path=f"tags[{index}]", severity="warning")


def specs() -> Mapping[str, ActionSpec]:
    """The types of these tests."""
    return {"work": WorkType()}


def load(text: str, file: str = "flow.yaml") -> Loaded:
    """The workflow of an indented text."""
    return load_text(textwrap.dedent(text), file, specs())


def told(text: str, file: str = "flow.yaml") -> list[str]:
    """Every problem of an indented text, warnings too, as `line:column path: message`."""
    try:
        problems = load(text, file).problems
    except DefinitionError as error:
        problems = error.problems
    return [f"{problem.line}:{problem.column} {problem.path}: {problem.message}" for problem in problems]
