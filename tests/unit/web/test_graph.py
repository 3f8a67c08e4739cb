"""The picture of a workflow: what lies where, what is drawn, and that no workflow makes it unreadable."""

import re
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.definitions.fields import Condition
from runner.definitions.model import Action, Body
from runner.definitions.order import order_of
from runner.web.dashboard.graph import Sheet, cut, lay_out
from runner.web.dashboard.graph_rows import Size, arrange
from runner.web.dashboard.graph_svg import draw

_NAMES = ("a", "fetch", "a-name-that-is-longer-than-every-box-is-wide", "x_1")


@st.composite
def phases(draw_: st.DrawFn, depth: int) -> tuple[Action, ...]:
    """Actions with needs of those written before, guards, loops and groups."""
    actions: list[Action] = []
    for number in range(draw_(st.integers(1, 7 if depth else 3))):
        ids = [action.id for action in actions]
        needs = draw_(st.none() | st.lists(st.sampled_from(ids), unique=True).map(tuple)) if ids else None
        actions.append(
            Action(
                id=f"{draw_(st.sampled_from(_NAMES))}-{number}",
                type="set",
                config=1,
                body=draw_(bodies(depth - 1)) if depth and draw_(st.integers(0, 3)) == 0 else None,
                needs=needs,
                if_=draw_(st.none() | st.just(Condition("$input.x"))),
                for_each="$input.y",
            )
        )
    return tuple(actions)


@st.composite
def bodies(draw_: st.DrawFn, depth: int = 2) -> Body:
    """A body with any phases."""
    return Body(
        actions=draw_(phases(depth)),
        on_failure=draw_(st.just(()) | phases(0)),
        finally_=draw_(st.just(()) | phases(0)),
    )


def body_of(**needs: tuple[str, ...] | None) -> Body:
    """One action for each name."""
    return Body(actions=tuple(Action(id=name, type="set", config=1, needs=each) for name, each in needs.items()))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy
@given(bodies())
def test_no_two_nodes_overlap_and_every_line_goes_down(body: Body) -> None:
    """In any workflow boxes are apart and within what is around them; a line runs from foot to top, across no box."""
    check_sheet(lay_out(body), body)


@pytest.mark.parametrize(("shape", "widest"), [("chain", 160), ("fan", 1200), ("net", 1600)])
def test_two_hundred_actions_stay_readable(shape: str, widest: float) -> None:
    """However they hang together: nothing overlaps, and no row is much wider than a screen."""
    needs: dict[str, tuple[str, ...] | None] = {"a0": ()}
    for number in range(1, 199):
        near = {number // 3, max(0, number - 7)}
        needs[f"a{number}"] = {"chain": None, "fan": ("a0",), "net": tuple(f"a{each}" for each in near)}[shape]
    needs["a199"] = None if shape == "chain" else tuple(f"a{number}" for number in range(1, 199))
    body = body_of(**needs)
    sheet = lay_out(body)

    check_sheet(sheet, body)
    assert sheet.size.width <= widest


def check_sheet(sheet: Sheet, body: Body) -> None:
    """Geometry of a body, and of the groups in it."""
    written = {"main": body.actions, "on_failure": body.on_failure, "finally": body.finally_}
    foot = 0.0
    assert [band.phase for band in sheet.bands] == [phase for phase, actions in written.items() if actions]
    for band in sheet.bands:
        actions = written[band.phase]
        boxes = {node.id: (node.x, node.y, node.x + node.size.width, node.y + node.size.height) for node in band.nodes}
        assert list(boxes) == [action.id for action in actions]
        assert band.y >= foot
        foot = band.y + max(box[3] for box in boxes.values())
        for box in boxes.values():
            assert box[0] >= -0.1
            assert band.x + box[2] <= sheet.size.width + 0.1
        assert not [1 for name, box in boxes.items() for other in boxes if name < other and overlap(box, boxes[other])]
        waits = order_of(actions).waits
        assert {(line.source, line.target) for line in band.lines} == {
            (need, each) for each in waits for need in waits[each]
        }
        for line in band.lines:
            source, target = boxes[line.source], boxes[line.target]
            assert line.points[0] == pytest.approx(((source[0] + source[2]) / 2, source[3]))
            assert line.points[-1] == pytest.approx(((target[0] + target[2]) / 2, target[1]))
        for upper, lower in {stretch for line in band.lines for stretch in pairwise(line.points)}:
            assert upper[1] <= lower[1]
            stretch = (min(upper[0], lower[0]), upper[1], max(upper[0], lower[0]), lower[1])
            assert not [name for name, box in boxes.items() if overlap(stretch, box)]
        for node, action in zip(band.nodes, actions, strict=True):
            if action.body is not None:
                assert node.sheet is not None
                assert node.inner[0] >= 0
                assert node.inner[0] + node.sheet.size.width <= node.size.width + 0.1
                assert node.inner[1] + node.sheet.size.height <= node.size.height + 0.1
                check_sheet(node.sheet, action.body)
    assert foot == pytest.approx(sheet.size.height)


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether two boxes share more than an edge."""
    return one[0] < other[2] - 0.1 and other[0] < one[2] - 0.1 and one[1] < other[3] - 0.1 and other[1] < one[3] - 0.1


def test_a_chain_is_straight() -> None:
    """Each stands right below the one that it waits for, whatever their widths."""
    found = arrange({"a": Size(100, 10), "b": Size(220, 10), "c": Size(150, 10)}, {"b": ("a",), "c": ("b",)})

    assert {point[0] for line in found.lines for point in line.points} == {110.0}


def test_the_picture_links_every_action_and_tells_what_its_shapes_say() -> None:
    """A link for each with its path, a title with needs and guard in words, a diamond for a guard, a stack for a loop."""
    inner = Action(id="ask", type="http", if_=Condition('$item.url != "<b>"'))
    body = Body(
        actions=(
            Action(id="fetch", type="http"),
            Action(id="each", type="group", for_each="$action.fetch.body", body=Body(actions=(inner,))),
        ),
        finally_=(Action(id="tell", type="http"),),
    )
    markup = draw(
        lay_out(body, spare=1), "sync", href="/runs/1#{}".format, states={"each/ask": "failed"}, sprite="/s.svg"
    )
    links = {link.get("href"): link for link in ET.fromstring(markup).iter("a")}

    assert list(links) == ["/runs/1#fetch", "/runs/1#each", "/runs/1#each/ask", "/runs/1#tell"]
    assert links["/runs/1#each"].findtext("title") == "each; group; after fetch; for each of $action.fetch.body"
    assert links["/runs/1#each/ask"].findtext("title") == 'ask; http; if $item.url != "<b>"; failed'
    assert links["/runs/1#each/ask"].get("aria-label") == links["/runs/1#each/ask"].findtext("title")
    assert [path for path, link in links.items() if link.find("path[@class='guard']") is not None] == [
        "/runs/1#each/ask"
    ]
    assert markup.count('class="stack"') == 1
    assert '<use href="/s.svg#failed"/></svg><text class="word"' in markup
    assert re.findall(r"style=|<script|<b>| on[a-z]+=", markup) == []
    assert markup.index(">finally<") > markup.index(">ask<")


def test_what_is_shared_is_drawn_once() -> None:
    """Many lines into one action share their lane: a picture grows with its actions, not with actions times rows."""
    needs: dict[str, tuple[str, ...]] = {f"a{number}": () for number in range(198)}
    needs["end"] = tuple(needs)
    markup = draw(lay_out(body_of(**needs)), "fan", href=str)

    assert len(markup) < 400 * len(needs)


def test_lines_are_told_from_point_to_point_and_end_where_they_were_laid_out() -> None:
    """However long the picture: no rounding adds up, and each row is written as the one before it."""
    needs: dict[str, tuple[str, ...]] = {"a000": ()}
    for number in range(1, 400):
        needs[f"a{number:03}"] = (f"a{number // 3:03}", f"a{max(0, number - 7):03}")
    sheet = lay_out(body_of(**needs))
    found = draw(sheet, "net", href=str)
    stretches = {each for line in sheet.bands[0].lines for each in pairwise(line.points) if each[0] != each[1]}
    laid_out = {tuple(tuple(round(side, 1) for side in point) for point in stretch) for stretch in stretches}

    assert {(start, end) for start, end, _ in walked(found, "needs")} == laid_out
    assert {start for start, _, _ in walked(found, "tips")} == {
        tuple(round(side, 1) for side in line.points[-1]) for line in sheet.bands[0].lines
    }


def walked(markup: str, of: str) -> Iterator[tuple[tuple[float, float], tuple[float, float], str]]:
    """Where each stroke of a path begins and ends, and its letter."""
    path = re.search(rf'<path class="{of}" d="M0 0([^"]+)"', markup)
    assert path is not None
    x, y = 0.0, 0.0
    for letter, numbers in re.findall(r"([mvcl])([-\d. ]+)", path[1]):
        sides = [float(each) for each in numbers.split()]
        to = (x, y + sides[0]) if letter == "v" else (x + sides[-2], y + sides[-1])
        start, end = ((round(each[0], 1), round(each[1], 1)) for each in ((x, y), to))
        if letter != "m":
            yield start, end, letter
        if letter != "l":  # a tip is closed: it ends where it began
            x, y = to


@pytest.mark.parametrize(
    ("text", "cut_to"),
    [
        ("short", "short"),
        ("exactly ten", "exactly t…"),
        ("two\n  lines", "two lines"),
        ("漢字漢字漢字", "漢字漢字…"),
        ("", ""),
    ],
)
def test_long_texts_are_cut_by_the_columns_they_take(text: str, cut_to: str) -> None:
    """Ten columns: what is longer ends in an ellipsis, a wide character counts twice, a line end is a blank."""
    assert cut(text, 10) == cut_to
