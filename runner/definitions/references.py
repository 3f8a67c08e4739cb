"""
Compile every text of a file that is a template, and check what its references name.

    value + kinds + Sight ──References.check()──► problems with the place inside the text

Each text is compiled by itself, so that one mistake hides no other. `runner.definitions.check` walks the workflow and
says what is seen where; the compiled templates are dropped, since who runs a workflow compiles it anew.
"""

from collections.abc import Mapping
from typing import Any

from runner.definitions.findings import Findings
from runner.definitions.kinds import NO_KINDS, texts
from runner.definitions.paths import Path
from runner.definitions.sight import Sight
from runner.expressions.template import LeafKind, Reference, compile_all


class References:
    """Checks values against a `Sight`."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def check(
        self, value: Any, sight: Sight, path: Path, kinds: Mapping[Path, LeafKind] | None = None
    ) -> list[Reference]:
        """Tell every problem of the texts in `value`, which stands at `path` in the file; give the references named."""
        named: list[Reference] = []
        with_this = sight.also("this")
        for text in texts(value, kinds or NO_KINDS):
            if not text.computed:
                continue
            template, errors = compile_all(text.text, {(): text.kind})
            for error in errors:
                self.findings.at((*path, *text.path), str(error), offset=error.offset)
            for use in template.uses if template else ():
                named.append(use.reference)
                message = (with_this if text.later else sight).problem(use.reference)
                if message:
                    self.findings.at((*path, *text.path), message, offset=use.offset)
        return named


def may_be_template(value: Any) -> bool:
    """Whether any text in a value may hold a reference or an expression, so that only a run can tell what it is."""
    return any(text.computed for text in texts(value))
