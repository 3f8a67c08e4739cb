"""A character of a value is found in the file, however the value was written."""

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner.definitions.nodes import Document, Node
from runner.definitions.offsets import place_in
from runner.definitions.yaml import read_yaml

WORDS = st.lists(
    st.sampled_from(["$input.n", "{{", "}}", "it's", '"q"', "é", "😀", "a\\b", "x", "#no", "\\u0041", "tab\tbed"]),
    min_size=1,
    max_size=8,
)
LINES = st.lists(WORDS.map(" ".join), min_size=1, max_size=5)


def read(text: str) -> tuple[Document, Node]:
    """The document and the node at `a`."""
    document = read_yaml(text, "f")
    node = document.root.child("a")
    assert node is not None
    return document, node


def misplaced(document: Document, node: Node) -> list[tuple[str, str]]:
    """Characters of the value that a plain reading of the file does not show where they are said to stand."""
    rows = document.text.split("\n")
    wrong = []
    for offset, character in enumerate(node.value):
        line, column = place_in(document.text, node, offset)
        shown = rows[line - 1][column - 1 : column]
        if not character.isspace() and shown not in (character, "\\"):
            wrong.append((character, shown))
    return wrong


@given(LINES, st.sampled_from(["|", "|-", ">", ">-", "|2", ">+"]), st.integers(2, 6))
def test_block_scalars(lines: list[str], header: str, indentation: int) -> None:
    """Indentation and folding move no character."""
    indentation = 2 if header == "|2" else indentation
    text = f"a: {header}\n" + "".join(" " * indentation + line + "\n" for line in lines) + "b: 1\n"

    assert misplaced(*read(text)) == []


@given(LINES, st.integers(10, 60))
def test_quoted_scalars_as_a_writer_folds_them(lines: list[str], width: int) -> None:
    """Escapes, doubled quotes and folded lines, single and double quoted."""
    value = "\n".join(lines)
    for style in ("'", '"'):
        text = yaml.dump({"a": value}, default_style=style, width=width, allow_unicode=True)
        document = read_yaml(text, "f")
        node = document.root.child("a")
        assert node is not None
        assert node.value == value
        assert misplaced(document, node) == []


@given(WORDS.map(" ".join))
def test_json_strings(value: str) -> None:
    """JSON's escapes, those of other alphabets included, stand at their backslash."""
    assert misplaced(*read(f"a: {json.dumps(value, ensure_ascii=False)}\n")) == []


def test_plain_scalars_over_lines() -> None:
    """A folded plain value goes on at the next line's indentation."""
    document, node = read("a: one $x\n  two $y\n\n    $z\n")

    places = [place_in(document.text, node, node.value.index(mark)) for mark in ("$x", "$y", "$z")]

    assert places == [(1, 8), (2, 7), (4, 5)]
