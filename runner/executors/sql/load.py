"""
What can be known to be wrong with a `config` before anything is executed.

    WrittenConfig ──check_config()──► problems, each with its key path, line and column

The loader has checked types already; here it is what belongs together and what may stand in SQL text. While the
connection string is a template the dialect is not known: then a statement is refused for what is wrong in all three
dialects, and `runner.executors.sql.shape` looks again with the right one before the first execution.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from runner.errors import ExpressionError, Problem
from runner.executors.sql.check import Finding, check_statement
from runner.executors.sql.connection_string import DIALECTS, Dialect, dialect_of, parse
from runner.executors.sql.lexer import HOLE, tokens
from runner.executors.sql.shape import Marks, Written, check_marks
from runner.expressions.template import statement_parts
from runner.ports import WrittenConfig


def check_config(config: WrittenConfig) -> Iterable[Problem]:
    """Everything that is wrong, as `runner.ports.ConfigCheck` wants it."""
    if not isinstance(config.raw, Mapping):
        return
    raw: Mapping[str, Any] = config.raw
    dialect, problems = _dialect(raw, config)
    yield from problems
    yield from _shape(raw, config)
    yield from _isolation(raw, dialect, config)
    for path, text in _statements(raw):
        yield from _statement(path, text, dialect, raw)


def _dialect(raw: Mapping[str, Any], config: WrittenConfig) -> tuple[Dialect | None, list[Problem]]:
    text = raw.get("connection_string")
    if not isinstance(text, str) or ("connection_string",) in config.templates:
        known = dialect_of(text) if isinstance(text, str) else None
        return known, []
    try:
        return parse(text.strip()).dialect, []
    except ValueError as error:
        return dialect_of(text), [
            Problem(message=str(error).removeprefix("connection_string: "), path="connection_string")
        ]


def _shape(raw: Mapping[str, Any], config: WrittenConfig) -> Iterator[Problem]:
    if ("query" in raw) == ("queries" in raw):
        yield Problem(message="expected one of query and queries", path="query" if "query" in raw else "")
    if raw.get("queries") == []:
        yield Problem(message="expected at least one statement", path="queries")
    if raw.get("transaction") is False:
        for key, what in (
            ("queries", "a list of statements"),
            ("isolation", "an isolation level"),
            ("exactly_once", "it"),
        ):
            if raw.get(key):
                yield Problem(message=f"transaction: false: {what} needs a transaction", path=key)
    if "queries" in raw and isinstance(raw.get("params"), list) and ("params",) not in config.templates:
        yield Problem(message="a list goes with `query`; with `queries` give a mapping, for :name", path="params")


def _isolation(raw: Mapping[str, Any], dialect: Dialect | None, config: WrittenConfig) -> Iterator[Problem]:
    level = raw.get("isolation")
    if (
        dialect == "sqlite"
        and isinstance(level, str)
        and level != "serializable"
        and ("isolation",) not in config.templates
    ):
        yield Problem(message="SQLite has no level but serializable", path="isolation")


def _statements(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if isinstance(raw.get("query"), str):
        yield "query", raw["query"]
    queries = raw.get("queries")
    for index, text in enumerate(queries if isinstance(queries, list) else ()):
        if isinstance(text, str):
            yield f"queries[{index}]", text


def _statement(path: str, text: str, dialect: Dialect | None, raw: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        written, starts = _cut(text)
    except ExpressionError:
        return  # the loader has said what is wrong with the expression
    marks = Marks.of(raw.get("params")) if not isinstance(raw.get("params"), str) else None
    exactly_once = raw.get("exactly_once") is True
    found = [
        _findings(written, each, marks, exactly_once=exactly_once) for each in ((dialect,) if dialect else DIALECTS)
    ]
    for finding in found[0]:
        if all(any(other.at == finding.at for other in others) for others in found[1:]):
            before = text[: _raw_offset(finding.at, starts)]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            yield Problem(message=finding.message, path=path, line=line, column=column)


def _findings(written: Written, dialect: Dialect, marks: Marks | None, *, exactly_once: bool) -> list[Finding]:
    found = tokens(written.sql, dialect)
    findings = check_statement(found, dialect, exactly_once=exactly_once)
    return findings + (check_marks(found, dialect, marks) if marks is not None else [])


def _cut(text: str) -> tuple[Written, Sequence[tuple[int, int]]]:
    """The statement with its holes, and where each piece of it begins: in the lexed text and in the file's own."""
    pieces, sources, starts = [], [], []
    at = raw_at = 0
    for part in statement_parts(text):
        if isinstance(part, str):
            starts.append((at, raw_at))
            pieces.append(part)
            at, raw_at = at + len(part), raw_at + len(part)
        else:
            starts.append((at, part.offset))
            pieces.append(HOLE)
            sources.append(part.source)
            at, raw_at = at + 1, part.offset + len(part.source)
    return Written("".join(pieces), tuple(sources)), starts


def _raw_offset(at: int, starts: Sequence[tuple[int, int]]) -> int:
    begin, raw = max((start for start in starts if start[0] <= at), default=(0, 0))
    return raw + at - begin
