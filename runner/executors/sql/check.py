"""
What a statement may not hold, found before it is sent.

    Written + dialect ──check_statement()──► findings, each with its place and its cure

A reference is bound as a parameter, so it can only stand where a database takes one: not inside a literal, a comment, a
quoted name, a dollar-quoted body; not where a table or column name belongs; not in DDL, SET, NOTIFY and other
statements that take no parameters. One `query` is one statement, and what opens or ends a transaction is Runner's
business.

Pure functions over tokens. `runner.executors.sql.load` calls it when a file is loaded, for every dialect while the
dialect is not known; `runner.executors.sql.shape` calls it again before a statement is executed for the first time.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from runner.executors.sql.connection_string import Dialect
from runner.executors.sql.lexer import HOLE, Token


class Finding(NamedTuple):
    """Something wrong at `at`, an index into the lexed text."""

    at: int
    message: str


MOST_FINDINGS: Final = 20

TAKES_PARAMETERS: Final = frozenset(
    ["select", "insert", "update", "delete", "merge", "values", "with", "table", "replace", "explain", "call", "do"]
)
"""The first words of statements that may hold references."""

_CURES: Final = {
    "set": "use select set_config('name', $value, true) on PostgreSQL, or write the value out",
    "notify": "use select pg_notify('channel', $value)",
    "listen": "write the name out",
}
_TRANSACTION: Final = frozenset(["begin", "start", "commit", "end", "abort", "rollback", "xa"])
_SESSION: Final = {
    "postgres": frozenset(["prepare", "deallocate", "discard", "copy", "listen", "unlisten"]),
    "mysql": frozenset(["prepare", "deallocate", "use", "lock", "unlock", "handler"]),
    "sqlite": frozenset(["attach", "detach"]),
}
_NAMES_CURE: Final = "names are written out, values are references (choose between statements with `if`)"
_NAME_FOLLOWS: Final = frozenset(["from", "into", "update", "join", "table", "using", "as", "collate"])
_AFTER_A_SORT_KEY: Final = frozenset(("", ",", "asc", "desc", "nulls", "limit", ")", ";", "having", "order"))
_TYPED_LITERALS: Final = frozenset(("interval", "timestamp", "timestamptz", "date", "time"))
_FROM_IN_CALL: Final = frozenset(["extract", "substring", "trim", "overlay"])
_ENDS_TRANSACTION: Final = frozenset([
    "create", "alter", "drop", "truncate", "rename", "grant", "revoke", "analyze", "check", "optimize", "repair",
    "cache", "flush", "reset", "load", "install", "uninstall", "import", "change", "stop", "shutdown",
])  # fmt: skip
"""First words of statements that MySQL or MariaDB commits by itself; temporary tables are an exception."""

_SETS_TRANSACTION: Final = frozenset(["autocommit", "password"])


def check_statement(found: Sequence[Token], dialect: Dialect, *, exactly_once: bool = False) -> list[Finding]:
    """What is wrong with one statement, in the order of its text, `MOST_FINDINGS` at most."""
    grammar = [token for token in found if token.kind != "comment"]
    findings = list(_regions(found, dialect))
    findings += _several(grammar)
    findings += _verb(grammar, dialect, exactly_once=exactly_once)
    findings += _glued(found)
    findings += _names(grammar, dialect)
    return sorted(findings)[:MOST_FINDINGS]


def verb_of(grammar: Sequence[Token]) -> str:
    """The statement's first word in lower case, past opening parentheses; empty where there is none."""
    return next((token.low for token in grammar if token.low != "("), "")


def _regions(found: Sequence[Token], dialect: Dialect) -> Iterator[Finding]:
    for token in found:
        if token.kind not in {"string", "quoted", "comment"}:
            continue
        hole = token.text.find(HOLE)
        if hole >= 0:
            yield Finding(token.start + hole, _region_message(token))
        elif not token.closed:
            yield Finding(token.start, f"the {_region(token)} that begins here has no end")
        if dialect == "mysql" and token.text.startswith(("/*!", "/*M!")):
            yield Finding(token.start, "a comment that MySQL would execute (/*! … */): write the statement plainly")


def _region(token: Token) -> str:
    if token.kind == "quoted":
        return "quoted name"
    if token.kind == "comment":
        return "comment"
    return "dollar-quoted text" if token.text.startswith("$") else "literal"


def _region_message(token: Token) -> str:
    where = _region(token)
    if where == "comment":
        return "a reference inside a comment is not a value: take it out, or write $$ for a plain $"
    if where == "quoted name":
        return f"a reference cannot be a name: {_NAMES_CURE}"
    if where == "dollar-quoted text":
        return "a reference inside dollar-quoted text is not a value: pass it to the function as an argument"
    return "a reference inside a literal is not a value: take the quotes away, or join: '…' || $reference"


def _several(grammar: Sequence[Token]) -> Iterator[Finding]:
    depth, in_body = 0, _has_body(grammar)
    last = max((index for index, token in enumerate(grammar) if token.low != ";"), default=0)
    for index, token in enumerate(grammar[:last]):
        if in_body:
            depth += _nesting(grammar, index)
        if token.low == ";" and depth <= 0:
            yield Finding(token.start, "several statements in one query: write them as a list under `queries`")
            return


def _has_body(grammar: Sequence[Token]) -> bool:
    words = [token.low for token in grammar[:12]]
    return words[:1] == ["create"] and not {"trigger", "procedure", "function", "event"}.isdisjoint(words)


def _nesting(grammar: Sequence[Token], index: int) -> int:
    """How a word of a trigger's or procedure's body changes the depth of begin … end around it."""
    word = grammar[index].low
    if word in {"begin", "case"}:
        return 0 if index and grammar[index - 1].low == "end" else 1
    following = grammar[index + 1].low if index + 1 < len(grammar) else ""
    return -1 if word == "end" and following not in {"if", "loop", "while", "repeat"} else 0


def _verb(grammar: Sequence[Token], dialect: Dialect, *, exactly_once: bool) -> Iterator[Finding]:
    if not grammar or all(token.low == ";" for token in grammar):
        yield Finding(0, "the statement is empty")
        return
    verb, start = verb_of(grammar), grammar[0].start
    if grammar[0].kind == "ref":
        yield Finding(start, "a statement cannot be a reference: its text is written out, its values are references")
    elif _is_transaction_word(verb, grammar):
        yield Finding(
            start, f"{verb}: Runner opens and ends the transaction; statements that belong together go under `queries`"
        )
    elif verb in _SESSION[dialect]:
        yield Finding(start, f"{verb}: a statement about the session does not work through pooled connections")
    elif exactly_once and dialect == "mysql" and _is_committed_by_itself(verb, grammar):
        yield Finding(start, f"{verb}: ends the transaction on MySQL, which exactly_once does not allow")
    elif verb not in TAKES_PARAMETERS:
        hole = next((token for token in grammar if token.kind in {"ref", "mark"}), None)
        if hole and not (hole.kind == "mark" and (verb == "create" or hole.text.startswith("@"))):
            cure = _CURES.get(verb, "write the value out, or do it in a statement that takes values")
            yield Finding(hole.start, f"{verb or 'this'} takes no parameters: {cure}")


def _is_transaction_word(verb: str, grammar: Sequence[Token]) -> bool:
    if verb == "rollback":
        return not any(token.low == "to" for token in grammar[1:3])
    return verb in _TRANSACTION


def _is_committed_by_itself(verb: str, grammar: Sequence[Token]) -> bool:
    if verb == "set":
        return any(token.low in _SETS_TRANSACTION for token in grammar)
    is_temporary = verb in {"create", "drop"} and any(token.low == "temporary" for token in grammar[1:4])
    return verb in _ENDS_TRANSACTION and not is_temporary


def _glued(found: Sequence[Token]) -> Iterator[Finding]:
    for left, right in itertools.pairwise(found):
        if (
            "ref" in {left.kind, right.kind}
            and left.end == right.start
            and not {left.kind, right.kind} & {"op", "comment"}
        ):
            at = left.start if left.kind == "ref" else right.start
            yield Finding(
                at, "a reference must stand alone: join texts with || (concat on MySQL), set it off with spaces"
            )


def _names(grammar: Sequence[Token], dialect: Dialect) -> Iterator[Finding]:
    owners: list[tuple[Token | None, Token | None]] = []
    for index, token in enumerate(grammar):
        before = grammar[index - 1] if index else None
        if token.low == "(":
            owners.append((before, grammar[index - 2] if index > 1 else None))
        elif token.low == ")" and owners:
            owners.pop()
        elif token.kind == "ref" and before:
            message = _name_message(grammar, index, owners[-1] if owners else (None, None), dialect)
            if message:
                yield Finding(token.start, message)


def _name_message(
    grammar: Sequence[Token], index: int, owner: tuple[Token | None, Token | None], dialect: Dialect
) -> str | None:
    before = grammar[index - 1].low
    earlier = grammar[index - 2].low if index > 1 else ""
    after = grammar[index + 1].low if index + 1 < len(grammar) else ""
    if before in _NAME_FOLLOWS and not _is_value_after(before, earlier, owner[0]):
        return f"a reference after {before.upper()} stands where a name belongs: {_NAMES_CURE}"
    if before in {".", "::"} or after == ".":
        beside = "." if after == "." else before
        return f"a reference next to {beside} stands where a name belongs: {_NAMES_CURE}"
    if owner[1] and owner[1].low == "into" and before in {"(", ","}:
        return f"a reference in the list of columns stands where a name belongs: {_NAMES_CURE}"
    if before == "by" and earlier in {"order", "group"} and after in _AFTER_A_SORT_KEY:
        return f"{earlier} by a value sorts nothing: write the column out, or case when $reference = 'a' then a … end"
    if dialect == "postgres" and before in _TYPED_LITERALS and earlier not in {"as", "::", "."}:
        return f"{before} before a reference takes a literal only: write $reference::{before}"
    return None


def _is_value_after(word: str, earlier: str, owner: Token | None) -> bool:
    """Whether a value may follow: `extract(day from $x)`, `is distinct from $x`."""
    return word == "from" and (earlier == "distinct" or (owner is not None and owner.low in _FROM_IN_CALL))
