"""
Compile every text of a file that is a template, and check what its references name.

    value + kinds + Sight ──References.check()──► problems with the place inside the text

Each text is compiled by itself, so that one mistake hides no other. `runner.definitions.check` walks the workflow and
says what is seen where; the compiled templates are dropped, since who runs a workflow compiles it anew.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from runner.definitions.findings import Findings
from runner.definitions.paths import Path
from runner.definitions.sight import Sight
from runner.expressions.template import LeafKind, Reference, compile_all

_MARKS: Final = re.compile(r"\$|\{\{")
_PLAIN: Final = (None, "template", "statement")


class References:
    """Checks values against a `Sight`."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def check(
        self, value: Any, sight: Sight, path: Path, kinds: Mapping[Path, LeafKind] | None = None
    ) -> list[Reference]:
        """Tell every problem of the texts in `value`, which stands at `path` in the file; give the references named."""
        named: list[Reference] = []
        deferred = sight.also("this")
        for leaf, text in _texts(value, ()):
            kind = kinds.get(leaf) if kinds else None
            if kind == "literal" or (kind in _PLAIN and not _MARKS.search(text)):
                continue
            template, errors = compile_all(text, {(): kind} if kind else None)
            for error in errors:
                self.findings.at((*path, *leaf), str(error), offset=error.offset)
            for use in template.uses if template else ():
                named.append(use.reference)
                message = (deferred if kind == "deferred" else sight).problem(use.reference)
                if message:
                    self.findings.at((*path, *leaf), message, offset=use.offset)
        return named


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


def may_be_template(value: Any) -> bool:
    """Whether any text in a value may hold a reference or an expression, so that only a run can tell what it is."""
    return any(_MARKS.search(text) for _, text in _texts(value, ()))
