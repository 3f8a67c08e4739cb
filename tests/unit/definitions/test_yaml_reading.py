"""YAML 1.2 core with positions: what scalars mean, where values stand, what is bounded."""

import time
from typing import Any

import pytest

from runner.definitions.paths import parse, show
from runner.definitions.scalars import plain
from runner.definitions.source import MAX_FILE_SIZE, read_text
from runner.definitions.yaml import PARSERS, read_yaml
from runner.errors import DefinitionError

each_parser = pytest.mark.parametrize("parser", PARSERS, ids=["libyaml", "python"][-len(PARSERS) :])


class TestPlainScalars:
    @pytest.mark.parametrize(
        "text",
        [
            "no",
            "on",
            "yes",
            "off",
            "y",
            "12:30",
            "2024-01-01",
            "0b11",
            "1.2.3",
            "+",
            "-",
            ".",
            "1e",
            "0xg",
            "0o8",
            "nan",
        ],
    )
    def test_what_older_readers_would_convert_is_text(self, text: str) -> None:
        """YAML 1.1's booleans, base-60 numbers and dates are text in YAML 1.2 core."""
        assert plain(text) == text

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("0", 0),
            ("-7", -7),
            ("+7", 7),
            ("0x1F", 31),
            ("0o17", 15),
            ("1.50", 1.5),
            (".5", 0.5),
            ("1.", 1.0),
            ("1e3", 1000.0),
            ("9007199254740993", 9007199254740993),
            ("true", True),
            ("FALSE", False),
            ("~", None),
            ("", None),
            ("Null", None),
        ],
    )
    def test_core_numbers_and_words_are_what_they_say(self, text: str, value: Any) -> None:
        """Integers stay exact; the type counts too, since 1 equals True."""
        assert plain(text) == value
        assert type(plain(text)) is type(value)

    @pytest.mark.parametrize(
        "text",
        ["007", "-012", "00.5", "1_000", "1_0.5", ".inf", "-.INF", ".NaN", "9" * 5000, "1e999", "0x" + "f" * 2000],
    )
    def test_what_readers_disagree_about_is_an_error_that_says_quote_it(self, text: str) -> None:
        """No number is guessed."""
        with pytest.raises(ValueError, match="quote it"):
            plain(text)


class TestTree:
    @each_parser
    def test_every_value_and_key_knows_its_line_and_column(self, parser: Any) -> None:
        """Counted from 1 in characters, in block and flow style, behind other alphabets."""
        root = read_yaml("é: [a, {b: ü, c: 1}]\nlist:\n  - x\n  - k: v\n", "f", parser).root
        flow, block = root.child("é"), root.child("list")
        assert flow is not None
        assert block is not None
        mapping, last = flow.child(1), block.child(1)
        assert mapping is not None
        assert last is not None
        inner, value = mapping.child("c"), last.child("k")
        assert inner is not None
        assert value is not None

        assert (flow.place, mapping.place, mapping.keys["c"], inner.place) == ((1, 4), (1, 8), (1, 15), (1, 18))
        assert (last.place, last.keys["k"], value.place) == ((4, 5), (4, 5), (4, 8))
        assert root.value == {"é": ["a", {"b": "ü", "c": 1}], "list": ["x", {"k": "v"}]}

    @each_parser
    def test_quotes_keep_text_and_tags_of_the_core_convert(self, parser: Any) -> None:
        """`"1"` is text, `!!str 1` too, `!!int "1"` is refused only where it does not fit."""
        text = "a: '1'\nb: \"no\"\nc: !!str 1\nd: ! 2\ne: !!float 3\nf: |\n  4\n"

        assert read_yaml(text, "f", parser).root.value == {"a": "1", "b": "no", "c": "1", "d": "2", "e": 3, "f": "4\n"}

    @each_parser
    def test_anchors_and_merges_are_written_out(self, parser: Any) -> None:
        """A mapping's own keys win, then the earlier source; a quoted << is a key like any other."""
        text = "x: &x {a: 1, b: 2}\ny: {b: 3, <<: *x}\nz: {<<: [{b: 4}, *x], c: 5}\nw: {'<<': 1}\nv: *x\n"

        value = read_yaml(text, "f", parser).root.value

        assert (value["y"], value["z"]) == ({"b": 3, "a": 1}, {"c": 5, "b": 4, "a": 1})
        assert (value["w"], value["v"]) == ({"<<": 1}, {"a": 1, "b": 2})

    @each_parser
    def test_traps_are_told_and_reading_goes_on(self, parser: Any) -> None:
        """One file, five traps, five problems; what is right is read."""
        document = read_yaml("a: 1_0\nb: 1\nb: 2\n3: x\nc: !x y\nd: {[k]: v}\ne: right\n", "f", parser)

        assert [problem.line for problem in document.problems] == [1, 3, 4, 5, 6]
        assert document.root.value == {"a": None, "b": 1, "c": None, "d": {}, "e": "right"}

    def test_a_mark_at_the_start_is_no_part_of_the_text(self) -> None:
        """An editor's byte order mark moves no column; CRLF is a line break."""
        document = read_yaml(read_text(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f"), "f")

        assert document.root.value == {"a": 1, "b": 2}
        assert document.root.keys == {"a": (1, 1), "b": (2, 1)}

    def test_one_byte_too_many_is_refused(self) -> None:
        """The bound is exact, and the message says it."""
        assert len(read_text(b"#" * MAX_FILE_SIZE, "f")) == MAX_FILE_SIZE
        with pytest.raises(DefinitionError, match="1,000,001 bytes long: expected at most 1,000,000"):
            read_text(b"#" * (MAX_FILE_SIZE + 1), "f")


HOSTILE = {
    "nested brackets": "[" * 100_000,
    "nested braces": "a: " + "{a: " * 100_000,
    "nested dashes": "- " * 100_000,
    "nested lines": "".join(" " * depth + "a:\n" for depth in range(1000)),
    "nested keys": "? " * 100_000,
    "nested tags": "!a " * 100_000,
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{c}: &{c} [{','.join([f'*{p}'] * 10)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
    "merged laughs": "a: &a {k: v}\n"
    + "".join(
        f"{c}: &{c} {{l: *{p}, m: *{p}, n: *{p}, <<: *{p}}}\n"
        for p, c in zip("abcdefghijklm", "bcdefghijklmn", strict=True)
    ),
    "long text often": "a: &a '" + "x" * 500_000 + "'\nb: [" + "*a," * 100 + "]\n",
    "many values": "[" + "1," * 400_000 + "1]",
    "many keys": "".join(f"k{number}: 1\n" for number in range(80_000)),
    "one long key": "a" * 900_000 + ": 1",
    "one long line": "a: " + "x y " * 200_000,
    "many anchors": "".join(f"- &a{number} 1\n" for number in range(60_000)),
    "many quotes": "a: " + "'" * 900_001,
    "many colons": "a" + ": a" * 200_000,
    "many commas": "[" + "," * 500_000,
    "a long flow of keys": "{" + "a " * 300_000,
    "question marks": "?" * 500_000,
    "many documents": "---\n" * 200_000,
    "many directives": "%YAML 1.2\n" * 50_000,
    "many alias stars": "*" * 500_000,
    "broken quote at the end": "a: b\n" * 50_000 + 'c: "',
    "tabs": "\t" * 900_000,
    "newlines": "\n" * 900_000,
    "spaces": " " * 900_000,
}


class TestHostileText:
    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
    def test_what_was_made_to_hurt_is_given_up_or_read_in_bounded_time(self, text: str) -> None:
        """No stack overflows, nothing takes seconds, and the answer is a tree or our own error."""
        began = time.process_time()
        told = _told(text)

        assert time.process_time() - began < 3
        assert len(told) < 500
        assert told.count("\n") == 0


def _told(text: str) -> str:
    """What is said of a text that cannot be read; nothing of one that can."""
    try:
        read_yaml(text, "hostile.yaml")
    except DefinitionError as error:
        return str(error)
    return ""


class TestPaths:
    @pytest.mark.parametrize(
        "path", [(), ("actions", 0, "config", "url"), ("a b", 3), ("created[gte]", "x.y", 'q"', "ü"), ("",)]
    )
    def test_what_is_shown_reads_back(self, path: tuple[str | int, ...]) -> None:
        """Keys that hold dots, brackets, quotes and spaces are quoted."""
        assert parse(show(path)) == path


class TestExpansion:
    @pytest.mark.parametrize("name", ["laughs", "merged laughs", "long text often"])
    def test_anchors_are_bounded_by_what_they_are_written_out(self, name: str) -> None:
        """Whoever walks the value later walks at most that much."""
        assert "once its anchors are written out" in _told(HOSTILE[name])
