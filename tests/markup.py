"""
What is wrong with a page's markup: the errors of a parser that reads as the HTML standard says, and what it lets pass.

    page ──wrong()──► ["3:17 unexpected-end-tag p", "<p> in <span>", "id x twice", "no id hint-1", …]

A browser mends all of that without a word, each in its own way; what was meant is then somewhere else.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from tinyhtml5.parser import HTMLParser

_HTML: Final = "{http://www.w3.org/1999/xhtml}"
_PHRASES: Final = frozenset(
    "abbr b bdi button code em h1 h2 h3 h4 h5 h6 i kbd label p pre small span strong time var".split()  # noqa: SIM905  a list of words
)
"""Elements that hold text and what stands within text."""

_BLOCKS: Final = frozenset(
    "article aside blockquote div dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table ul".split()  # noqa: SIM905  a list of words
)
_ONLY: Final = {
    "ul": {"li"},
    "ol": {"li"},
    "dl": {"dt", "dd", "div"},
    "table": {"caption", "colgroup", "thead", "tbody", "tfoot", "tr"},
    "tr": {"td", "th"},
    "select": {"option", "optgroup"},
}
"""What these hold and nothing else."""

_ACTIVE: Final = frozenset("a button input select textarea summary".split())  # noqa: SIM905  a list of words
_POINTING: Final = frozenset("for aria-describedby aria-labelledby aria-controls aria-owns list form headers".split())  # noqa: SIM905  a list of words


def wrong(page: str) -> list[str]:
    """All that there is; nothing for a page that is whole."""
    parser = HTMLParser()
    tree = parser.parse(page)
    found = [f"{line}:{column} {code} {about}" for (line, column), code, about in parser.errors]
    elements = list(tree.iter())
    names = [each.get("id") for each in elements if each.get("id") is not None]
    found += [f"id {name!r} twice" for name, count in Counter(names).items() if count > 1]
    found += [f"an id that is empty or has a space: {name!r}" for name in names if not name or name.split() != [name]]
    meant = {each for element in elements for name in _POINTING for each in (element.get(name) or "").split()}
    found += [f"no id {each}" for each in sorted(meant - set(names))]
    found += [said for element in elements for said in _within(element)]
    found += _active(tree, within="")
    return found


def _name(element: Element) -> str:
    return element.tag.removeprefix(_HTML) if isinstance(element.tag, str) else ""  # type: ignore[redundant-expr]  # a comment's is a function


def _within(element: Element) -> Iterator[str]:
    outer = _name(element)
    for child in element:
        inner = _name(child)
        if not inner:
            continue  # a comment
        if (outer in _PHRASES and inner in _BLOCKS) or (outer in _ONLY and inner not in _ONLY[outer]):
            yield f"<{inner}> in <{outer}>"


def _active(element: Element, *, within: str) -> Iterator[str]:
    """What can be pressed within what can be pressed."""
    for child in element:
        name = _name(child)
        is_active = name in _ACTIVE and child.get("type") != "hidden"
        if is_active and within:
            yield f"<{name}> in <{within}>"
        yield from _active(child, within=name if is_active else within)
