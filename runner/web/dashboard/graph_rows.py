"""
Where the nodes of one phase lie and how the lines between them run: rows from top to bottom, each line going down.

    sizes, needs ──arrange()──► Arranged ─┬─ spots   the upper left corner of each node
                                          └─ lines   for each need the points that its line goes through

A row holds what waits for the same depth; one that would be too wide goes on in the next row. A line that passes rows
has a lane of its own in each of them, shared by the lines of one end, so that none runs across a node. Pure geometry,
in pixels: `runner.web.dashboard.graph` knows what the nodes are.
"""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Final, NamedTuple

WIDEST: Final = 1080.0
"""Pixels of nodes in one row, unless a single one is wider."""

GAP_X: Final = 24.0
GAP_Y: Final = 36.0
_LANE: Final = 4.0
_GAP_LANES: Final = 8.0
_STRAIGHT: Final = 100.0
"""How much more a lane's wish counts than a node's: a long line bends where it begins and ends, if at all."""

_SWEEPS: Final = 4

Point = tuple[float, float]


class Size(NamedTuple):
    """Of a node."""

    width: float
    height: float


class Line(NamedTuple):
    """`target` needs `source`. The points go down; from a row to the next one the line may bend."""

    source: str
    target: str
    points: tuple[Point, ...]


class Arranged(NamedTuple):
    """All of it, in a box of this size that begins at 0, 0."""

    spots: dict[str, Point]
    lines: tuple[Line, ...]
    size: Size


class _Slot:
    """What takes room in a row: a node, or the lane of lines that pass."""

    def __init__(self, row: int, size: Size, node: str = "") -> None:
        self.row = row
        self.size = size
        self.node = node
        self.middle = 0.0
        self.above: dict[_Slot, None] = {}  # in the order met, so that the same workflow gives the same picture
        self.below: dict[_Slot, None] = {}


def arrange(sizes: Mapping[str, Size], needs: Mapping[str, Iterable[str]]) -> Arranged:
    """
    The nodes of `sizes`, in the order written; `needs` names those above, and has no circle.

    Raises `graphlib.CycleError` for one.
    """
    if not sizes:
        return Arranged({}, (), Size(0, 0))
    layers = _layers(sizes, needs)
    rows = [[_Slot(number, sizes[node], node) for node in row] for number, row in enumerate(_rows(layers, sizes))]
    slots = {slot.node: slot for row in rows for slot in row}
    ways = _lanes(rows, slots, [(need, node) for node in sizes for need in needs.get(node, ())])
    widest = max(_pack(row) for row in rows)
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            _sort(row, down=sweep % 2 == 0)
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            _settle(row, widest, down=sweep % 2 == 0)
    return _placed(rows, slots, ways)


def _layers(sizes: Mapping[str, Size], needs: Mapping[str, Iterable[str]]) -> list[list[str]]:
    depth: dict[str, int] = {}
    for node in TopologicalSorter({node: tuple(needs.get(node, ())) for node in sizes}).static_order():
        depth[node] = max((depth[need] + 1 for need in needs.get(node, ())), default=0)
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for node in sizes:
        layers[depth[node]].append(node)
    return layers


def _rows(layers: Iterable[Sequence[str]], sizes: Mapping[str, Size]) -> list[list[str]]:
    rows: list[list[str]] = []
    for layer in layers:
        width = WIDEST
        for node in layer:
            width += sizes[node].width + GAP_X
            if width > WIDEST:
                rows.append([])
                width = sizes[node].width
            rows[-1].append(node)
    return rows


def _lanes(
    rows: list[list[_Slot]], slots: Mapping[str, _Slot], edges: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[_Slot, ...]]:
    """The slots that each line goes through, lanes made where it passes rows; neighbours know each other after it."""
    out_of, into = _count(edge[0] for edge in edges), _count(edge[1] for edge in edges)
    lanes: dict[tuple[str, str, int], _Slot] = {}
    ways = {}
    for source, target in edges:
        way = [slots[source]]
        shared = ("into", target) if into[target] >= out_of[source] else ("out of", source)
        for row in range(slots[source].row + 1, slots[target].row):
            lane = lanes.get((*shared, row))
            if lane is None:
                lane = lanes[(*shared, row)] = _Slot(row, Size(_LANE, 0))
                rows[row].insert(len(rows[row]) // 2, lane)  # among nodes that want the same place it is in the middle
            way.append(lane)
        way.append(slots[target])
        for upper, lower in pairwise(way):
            upper.below[lower] = None
            lower.above[upper] = None
        ways[source, target] = tuple(way)
    return ways


def _count(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _pack(row: list[_Slot]) -> float:
    """Side by side around 0. Returns the width."""
    offsets, width = _offsets(row)
    for slot, offset in zip(row, offsets, strict=True):
        slot.middle = offset - width / 2
    return width


def _offsets(row: list[_Slot]) -> tuple[list[float], float]:
    """How far each middle is from the row's beginning where they stand side by side, and the width of all."""
    offsets, at = [], 0.0
    for number, slot in enumerate(row):
        if number:
            at += GAP_X if slot.node or row[number - 1].node else _GAP_LANES
        offsets.append(at + slot.size.width / 2)
        at += slot.size.width
    return offsets, at


def _sort(row: list[_Slot], *, down: bool) -> None:
    """Let each stand near what it is joined to, so that few lines cross."""
    row.sort(key=lambda slot: _wanted(slot, down=down))
    _pack(row)


def _wanted(slot: _Slot, *, down: bool) -> float:
    """The middle of what it is joined to; a lane goes straight on."""
    joined = slot.above if down else slot.below
    if not slot.node:
        joined = {each: None for each in joined if not each.node} or joined
    return sum(each.middle for each in joined) / len(joined) if joined else slot.middle


def _settle(row: list[_Slot], widest: float, *, down: bool) -> None:
    """
    Move each as near to where it wants to be as the order, the gaps and the widest row let it.

    Least squares under a fixed order, by pooling neighbours that get in each other's way (isotonic regression).
    """
    offsets, width = _offsets(row)
    pools: list[tuple[float, float, int]] = []
    for slot, offset in zip(row, offsets, strict=True):
        weight, count = 1.0 if slot.node else _STRAIGHT, 1
        total = weight * (_wanted(slot, down=down) - offset)
        while pools and pools[-1][0] / pools[-1][1] >= total / weight:
            before = pools.pop()
            total, weight, count = total + before[0], weight + before[1], count + before[2]
        pools.append((total, weight, count))
    starts = (total / weight for total, weight, count in pools for _ in range(count))
    for slot, offset, start in zip(row, offsets, starts, strict=True):
        slot.middle = round(min(max(start, -widest / 2), widest / 2 - width) + offset, 1)


def _placed(
    rows: list[list[_Slot]], slots: Mapping[str, _Slot], ways: Mapping[tuple[str, str], tuple[_Slot, ...]]
) -> Arranged:
    left = min(slot.middle - slot.size.width / 2 for row in rows for slot in row)
    right = max(slot.middle + slot.size.width / 2 for row in rows for slot in row)
    tops, heights = [], [max(slot.size.height for slot in row) for row in rows]
    at = 0.0
    for height in heights:
        tops.append(at)
        at += height + GAP_Y
    spots = {name: (slot.middle - slot.size.width / 2 - left, tops[slot.row]) for name, slot in slots.items()}
    lines = []
    for (source, target), way in ways.items():
        points: list[Point] = []
        for slot in way:
            x, top = slot.middle - left, tops[slot.row]
            if slot is not way[0]:
                points.append((x, top))
            if slot is not way[-1]:
                points.append((x, top + slot.size.height))
                points.append((x, top + heights[slot.row]))
        lines.append(Line(source, target, tuple(points)))
    return Arranged(spots, tuple(lines), Size(right - left, at - GAP_Y))
