"""
Key paths as people read them: `("actions", 0, "config", "created[gte]")` ↔ `actions[0].config."created[gte]"`.

The loader and its checks name places by tuples; a `Problem` carries the text.
"""

import json
import re
from typing import Final

Path = tuple[str | int, ...]

_BARE: Final = re.compile(r"[^\s.\[\]\"]{1,80}")
_LONGEST: Final = 200
_STEP: Final = re.compile(r'\.?(?:\[([0-9]{1,9})\]|("(?:[^"\\]|\\.)*")|([^\s.\[\]"]+))')


def show(path: Path) -> str:
    """The path as text."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if _BARE.fullmatch(step) else json.dumps(step[:80], ensure_ascii=False)
            text += f".{name}" if text else name
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def parse(text: str) -> Path:
    """The path that `show` wrote, as far as it can be read."""
    steps: list[str | int] = []
    position = 0
    while match := _STEP.match(text, position):
        index, quoted, name = match.groups()
        steps.append(int(index) if index else json.loads(quoted) if quoted else name)
        position = match.end()
    return tuple(steps)
