"""
A workflow as a picture: its actions from top to bottom, with guards, needs, groups as boxes, phases apart.

    Body ──lay_out()──► Sheet ─ bands (main, on_failure, finally) ─ Node ─(group)─ sheet: Sheet ─ …
    Sheet ──runner.web.dashboard.graph_svg.draw()──► SVG

Pure: the page of a workflow calls it, and the page of a run, which adds each action's state. An action is named by its
`path`, its id after those of the groups around it (`sites/check`): the place of a run without items and attempts.
"""

import unicodedata
from typing import Final

import msgspec

from runner.definitions.model import Action, Body
from runner.definitions.order import order_of
from runner.events import PhaseName
from runner.web.dashboard.graph_rows import Arranged, Line, Point, Size, arrange

PAD: Final = 16.0
LINE: Final = 18.0
"""Height of a line of text."""
HEAD: Final = 32.0
"""Height of the words above a band."""

_CHARACTER: Final = 8.2
_NARROWEST: Final = 150.0
_MOST_CHARACTERS: Final = 32


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """
    One action at `x`, `y` within its band. `lines` are what is written below its id, cut to its width.

    `tells` says all of it in words. `sheet` is what a group holds, at `inner` within the node.
    """

    path: str
    id: str
    type: str
    title: str
    lines: tuple[str, ...]
    is_guarded: bool
    loops: bool
    tells: str
    x: float
    y: float
    size: Size
    sheet: "Sheet | None" = None
    inner: Point = (0.0, 0.0)


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """One phase at `x`, `y` within its sheet, the words above it included."""

    phase: PhaseName
    x: float
    y: float
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]


class Sheet(msgspec.Struct, frozen=True):
    """A body."""

    bands: tuple[Band, ...]
    size: Size

    def nodes(self) -> tuple[Node, ...]:
        """All of them, what is inside of groups too."""
        found: list[Node] = []
        for band in self.bands:
            for node in band.nodes:
                found += (node, *(node.sheet.nodes() if node.sheet else ()))
        return tuple(found)


def lay_out(body: Body, around: str = "", *, spare: int = 0) -> Sheet:
    """
    The sheet of a body. `around` is the path of the group that it belongs to, with a slash at its end.

    `spare` lines of text are left free in each node: one where its state is to be shown.
    """
    phases: tuple[tuple[PhaseName, tuple[Action, ...]], ...] = (
        ("main", body.actions),
        ("on_failure", body.on_failure),
        ("finally", body.finally_),
    )
    arranged = [(phase, *_phase(actions, around, spare)) for phase, actions in phases if actions]
    width = max((found.size.width for _, _, found in arranged), default=0.0)
    bands, at = [], 0.0
    for phase, drafts, found in arranged:
        at += HEAD if phase != "main" else 0.0
        nodes = tuple(
            msgspec.structs.replace(draft, x=found.spots[draft.id][0], y=found.spots[draft.id][1]) for draft in drafts
        )
        bands.append(Band(phase=phase, x=(width - found.size.width) / 2, y=at, nodes=nodes, lines=found.lines))
        at += found.size.height + PAD
    return Sheet(tuple(bands), Size(width, max(at - PAD, 0.0)))


def cut(text: str, most: int) -> str:
    """On one line, at most so many columns wide: of a longer one the beginning. A wide character takes two columns."""
    line = " ".join(text.split())
    room = most
    for index, character in enumerate(line):
        room -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if room < 0 or (room == 0 and index + 1 < len(line)):
            return f"{line[:index]}…"
    return line


def _phase(actions: tuple[Action, ...], around: str, spare: int) -> tuple[list[Node], Arranged]:
    waits = order_of(actions).waits
    drafts = [_draft(action, waits[action.id], around, spare) for action in actions]
    return drafts, arrange({draft.id: draft.size for draft in drafts}, waits)


def _draft(action: Action, needs: tuple[str, ...], around: str, spare: int) -> Node:
    """The node without its spot."""
    path = f"{around}{action.id}"
    sheet = lay_out(action.body, f"{path}/", spare=spare) if action.body is not None else None
    facts = [action.type, *_facts(action)]
    lines = [" · ".join(facts)]
    lines += [f"each of {action.for_each}"] if action.loops else []
    lines += [f"if {action.if_}"] if action.if_ is not None else []
    longest = max(len(action.id) + 1, *map(len, lines))
    width = max(_NARROWEST, min(_MOST_CHARACTERS, longest) * _CHARACTER + 2 * PAD)
    inner = (PAD, PAD + (1 + len(lines) + spare) * LINE)
    size = Size(width, inner[1])
    if sheet is not None:
        size = Size(max(width, sheet.size.width + 2 * PAD), inner[1] + sheet.size.height + PAD)
        inner = ((size.width - sheet.size.width) / 2, inner[1])
    columns = int((size.width - 1.5 * PAD) / _CHARACTER)
    return Node(
        path=path,
        id=action.id,
        type=action.type,
        title=cut(action.id, columns),
        lines=tuple(cut(line, columns + 1) for line in lines),
        is_guarded=action.if_ is not None,
        loops=action.loops,
        tells=_tells(action, needs, facts),
        x=0.0,
        y=0.0,
        size=size,
        sheet=sheet,
        inner=inner,
    )


def _facts(action: Action) -> list[str]:
    facts = []
    if action.retry is not None:
        most = action.retry.max_attempts
        facts.append("one try" if most == 1 else f"up to {most} tries")
    if action.on_error == "continue":
        facts.append("may fail")
    return facts


def _tells(action: Action, needs: tuple[str, ...], facts: list[str]) -> str:
    told = [action.id, *facts]
    told += [f"after {', '.join(needs)}"] if needs else []
    told += [f"for each of {action.for_each}"] if action.loops else []
    told += [f"if {action.if_}"] if action.if_ is not None else []
    told += [action.description] if action.description else []
    return "; ".join(told)
