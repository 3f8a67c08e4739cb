"""
The picture of a workflow as SVG: links, titles and classes; no style and no script, so that every policy lets it pass.

    Sheet ──draw(href=…, states=…)──► <svg> that goes into a page as it is

`style.css` colours it by class. Each action is a link, reached by Tab in the order written, that says in words what the
shapes say; a state is a word and a shape of the sprite besides its colour.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from runner.web.dashboard.graph import HEAD, LINE, PAD, Band, Node, Sheet
from runner.web.dashboard.graph_rows import GAP_Y, Line, Point

_EDGE: Final = 10.0
_PHASES: Final = {"main": "", "on_failure": "on failure", "finally": "finally"}
_SHAPES: Final = frozenset({"succeeded", "failed", "running", "waiting", "cancelled", "skipped"})


class _Pen:
    def __init__(self, href: Callable[[str], str], states: Mapping[str, str], sprite: str) -> None:
        self.href = href
        self.states = states
        self.sprite = sprite


def draw(
    sheet: Sheet,
    title: str,
    *,
    href: Callable[[str], str],
    states: Mapping[str, str] | None = None,
    sprite: str = "",
) -> Markup:
    """
    The picture. `href` gives the link of a path. `states` holds the state of each path that has one, for a sheet laid
    out with a spare line; `sprite` is the address of the shapes, needed where there are states.
    """
    count = len(sheet.nodes())
    width, height = (round(side + 2 * _EDGE) for side in sheet.size)
    return Markup(
        '<svg class="graph" role="group" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">{}</svg>'
    ).format(
        f"{title}: {count} action{'' if count == 1 else 's'}, each a link",
        width,
        height,
        width,
        height,
        _sheet(sheet, _EDGE, _EDGE, _Pen(href, states or {}, sprite)),
    )


def _sheet(sheet: Sheet, x: float, y: float, pen: _Pen) -> Markup:
    bands = Markup().join(_band(band, sheet.size.width, pen) for band in sheet.bands)
    return Markup('<g transform="translate({:g} {:g})">{}</g>').format(x, y, bands)


def _band(band: Band, width: float, pen: _Pen) -> Markup:
    words = _PHASES[band.phase]
    head = Markup()
    if words:
        head = Markup('<path class="apart" d="M0 {0:g}H{1:g}"/><text class="phase" x="0" y="{2:g}">{3}</text>').format(
            band.y - HEAD, width, band.y - HEAD / 2, words
        )
    path, heads = Markup(), Markup()
    if band.lines:
        path = Markup('<path class="needs" d="{}"/>').format(_trace(_stretches(band.lines), _stroke))
        ends = ((line.points[-1], line.points[-1]) for line in band.lines)
        heads = Markup('<path class="tips" d="{}"/>').format(_trace(dict.fromkeys(ends), _tip))
    nodes = Markup().join(_node(node, pen) for node in band.nodes)
    return Markup('{}<g transform="translate({:g} {:g})">{}{}{}</g>').format(head, band.x, band.y, path, heads, nodes)


def _stretches(lines: Iterable[Line]) -> Iterable[tuple[Point, Point]]:
    """From row to row, so that those which several lines share are drawn once."""
    return dict.fromkeys(each for line in lines for each in pairwise(line.points) if each[0] != each[1])


def _trace(stretches: Iterable[tuple[Point, Point]], draw_one: Callable[[float, float], str]) -> str:
    """
    One path of all of them, each point told from the one before: rows that look alike are written alike, which halves
    what a large picture weighs. Told from points that are rounded, so that no error adds up.
    """
    path, at = "M0 0", (0.0, 0.0)
    for stretch in stretches:
        start, end = ((round(x, 1), round(y, 1)) for x, y in stretch)
        if start != at:
            path += f"m{start[0] - at[0]:.7g} {start[1] - at[1]:.7g}"
        path += draw_one(end[0] - start[0], end[1] - start[1])
        at = end
    return path


def _stroke(x: float, y: float) -> str:
    """A way down; it bends where it does not go straight."""
    bend = GAP_Y / 2
    return f"c0 {bend:g} {x:.7g} {y - bend:.7g} {x:.7g} {y:.7g}" if x else f"v{y:.7g}"


def _tip(_x: float, _y: float) -> str:
    return "l-4 -7h8z"


def _node(node: Node, pen: _Pen) -> Markup:
    state = pen.states.get(node.path, "")
    told = f"{node.tells}; {state}" if state else node.tells
    inside = _sheet(node.sheet, *node.inner, pen) if node.sheet is not None else Markup()
    return Markup(
        '<g class="{}" transform="translate({:g} {:g})">{}<a href="{}" aria-label="{}"><title>{}</title>{}{}</a>{}</g>'
    ).format(
        f"action{' group' if node.sheet else ''}{f' is-{state}' if state else ''}",
        node.x,
        node.y,
        _behind(node),
        pen.href(node.path),
        told,
        told,
        _box(node),
        _words(node, state, pen),
        inside,
    )


def _behind(node: Node) -> Markup:
    """A `for_each` looks like a stack."""
    if not node.loops:
        return Markup()
    return Markup('<rect class="stack" x="5" y="5" width="{:g}" height="{:g}" rx="8"/>').format(*node.size)


def _box(node: Node) -> Markup:
    box = Markup('<rect width="{:g}" height="{:g}" rx="8"/>').format(*node.size)
    if not node.is_guarded:
        return box
    return box + Markup('<path class="guard" d="M{0:g} -7l9 7-9 7-9-7z"/>').format(node.size.width / 2)


def _words(node: Node, state: str, pen: _Pen) -> Markup:
    x, y = PAD * 0.75, PAD + 6
    words = Markup('<text class="id" x="{:g}" y="{:g}">{}</text>').format(x, y, node.title)
    for number, line in enumerate(node.lines, 1):
        words += Markup('<text x="{:g}" y="{:g}">{}</text>').format(x, y + number * LINE, line)
    if not state:
        return words
    y += (1 + len(node.lines)) * LINE
    mark = Markup('<svg class="mark" x="{:g}" y="{:g}" width="12" height="12"><use href="{}#{}"/></svg>').format(
        x, y - 10, pen.sprite, state if state in _SHAPES else "pending"
    )
    return words + mark + Markup('<text class="word" x="{:g}" y="{:g}">{}</text>').format(x + 18, y, state)
