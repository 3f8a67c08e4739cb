"""
A workflow's source as a page shows it: highlighted, each problem below its line, and where each action stands.

    text, problems ──lines()──► SourceLine …          source ──action_lines()──► {"sites/check": 12}

Pure, and slow for a large file: `runner.web.dashboard.prepared` calls it in a thread and keeps what it gives.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from markupsafe import Markup, escape
from pygments.lexers.data import YamlLexer
from pygments.token import Comment, Name, String

from runner.definitions.check import every_action
from runner.definitions.findings import Findings
from runner.definitions.model import Body
from runner.definitions.source import read_text
from runner.definitions.yaml import read_yaml
from runner.errors import DefinitionError

MOST_HIGHLIGHTED: Final = 200_000
"""Characters; a longer text is shown plain."""

_LEXER: Final = YamlLexer(stripnl=False)
_CLASSES: Final = ((Name.Tag, "y-key"), (Comment, "y-note"), (String, "y-text"), (Name.Anchor, "y-mark"))
"""What is coloured; the rest is as the page's text is."""


class SourceLine(msgspec.Struct, frozen=True):
    """A line of the file, and documents of the problems that it has."""

    number: int
    text: Markup
    problems: tuple[Mapping[str, Any], ...] = ()


def lines(text: str, problems: Iterable[Mapping[str, Any]] = ()) -> list[SourceLine]:
    """The lines of a file. Problems beyond its end stand at its last line."""
    plain = text.splitlines() or [""]
    if len(text) <= MOST_HIGHLIGHTED:
        rows = _highlighted("\n".join(plain))[: len(plain)]
    else:
        rows = [escape(row) for row in plain]
    at: dict[int, list[Mapping[str, Any]]] = {}
    for problem in problems:
        at.setdefault(max(1, min(problem["line"], len(rows))), []).append(problem)
    return [SourceLine(number, row, tuple(at.get(number, ()))) for number, row in enumerate(rows, 1)]


def action_lines(body: Body, source: str, file: str) -> dict[str, int]:
    """The line of each action by its path in the graph; nothing for a source that cannot be read."""
    try:
        findings = Findings(read_yaml(read_text(source.encode(), file), file))
    except DefinitionError:
        return {}
    return {
        "/".join((*holders, action.id)): findings.place(place, 0)[0] for action, place, holders in every_action(body)
    }


def _highlighted(text: str) -> list[Markup]:
    rows = [Markup()]
    for token, value in _LEXER.get_tokens(text):
        name = next((name for kind, name in _CLASSES if token[: len(kind)] == kind), "")
        for number, part in enumerate(value.split("\n")):
            if number:
                rows.append(Markup())
            rows[-1] += (
                Markup('<span class="{}">{}</span>').format(name, part) if name and part.strip() else escape(part)
            )
    return rows
