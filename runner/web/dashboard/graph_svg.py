"""
The picture of a workflow as SVG: links, titles and classes; no style and no script, so that every policy lets it pass.

    Sheet ──draw(href=…, states=…)──► <svg> that goes into a page as it is

`style.css` colours it by class. Each action is a link, reached by Tab in the order written, that says in words what the
shapes say; a state is a word and a shape of the sprite besides its colour.
"""

from collections.abc import Callable, Mapping
from typing import Final

from markupsafe import Markup

from runner.web.dashboard.graph import HEAD, LINE, PAD, Band, Node, Sheet
from runner.web.dashboard.graph_rows import GAP_Y, Line

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
    lines = dict.fromkeys(stroke for line in band.lines for stroke in _strokes(line))
    path = Markup('<path class="needs" d="{}"/>').format("".join(lines)) if lines else Markup()
    tips = "".join(dict.fromkeys("M{:g} {:g}l-4 -7h8z".format(*line.points[-1]) for line in band.lines))
    heads = Markup('<path class="tips" d="{}"/>').format(tips) if tips else Markup()
    nodes = Markup().join(_node(node, pen) for node in band.nodes)
    return Markup('{}<g transform="translate({:g} {:g})">{}{}{}</g>').format(head, band.x, band.y, path, heads, nodes)


def _strokes(line: Line) -> list[str]:
    """One for each stretch from row to row, so that those which several lines share are drawn once."""
    strokes = []
    for (x, y), (to_x, to_y) in zip(line.points, line.points[1:], strict=False):
        if x == to_x:
            strokes.append(f"M{x:g} {y:g}V{to_y:g}" if y != to_y else "")
        else:
            bend = GAP_Y / 2
            strokes.append(f"M{x:g} {y:g}C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}")
    return strokes


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
