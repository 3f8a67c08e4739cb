"""
What the keys of one action say to each other, whatever its type.

`runner.definitions.check` calls this for each action of a file. Shapes were read before; references are checked beside.
"""

import re
from typing import Final

from runner.definitions.findings import Findings
from runner.definitions.model import Action
from runner.definitions.paths import Path

_DOTTED: Final = re.compile(r"[^.\s]+(?:\.[^.\s]+)*")
_DECISIONS: Final = frozenset({"set", "stop"})


def check_action(action: Action, path: Path, findings: Findings) -> None:
    """Tell what does not fit together."""
    _loop(action, path, findings)
    _retry(action, path, findings)
    if action.timeout is not None and action.timeout <= 0:
        findings.at((*path, "timeout"), "expected more than 0s")
    for index, text in enumerate(action.sensitive):
        if not _DOTTED.fullmatch(text):
            findings.at((*path, "sensitive", index), "expected a path into the value, as in body.access_token")


def _loop(action: Action, path: Path, findings: Findings) -> None:
    if not action.loops:
        for key in ("concurrency", "rate"):
            if findings.has((*path, key)):
                findings.at_key((*path, key), f"{key} belongs to for_each, which is not there")
        return
    if not isinstance(action.for_each, str | list):
        findings.at((*path, "for_each"), "expected a list or an expression that gives one, as in $action.fetch.rows")


def _retry(action: Action, path: Path, findings: Findings) -> None:
    retry = action.retry
    if retry is None:
        return
    if action.type in _DECISIONS:
        findings.at_key((*path, "retry"), f"{action.type} gives the same whenever it is tried: leave retry out")
    if retry.max_delay < retry.delay and findings.has((*path, "retry", "max_delay")):
        findings.at((*path, "retry", "max_delay"), "expected at least delay")
