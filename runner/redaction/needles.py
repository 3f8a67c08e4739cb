"""
Many byte strings compiled into one search, each with the names of the secrets it stands for.

    values ──forms()──► exact or folded forms ─┐
           ──cuts()───► how a cut one begins ──┼── table: lower-case bytes → Needle ──matcher()──► Needles.find(Text)
    tokens ───────────► how a token begins ────┘

The search runs over the text in lower case; what it finds is held against the text itself, unless case does not count.
`runner.redaction.search` asks; a value: what it holds never changes.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final, NamedTuple

from runner.redaction.cuts import MARK, cuts
from runner.redaction.forms import Form, forms, plain
from runner.redaction.matcher import matcher
from runner.redaction.tokens import PATTERNS

Names = frozenset[str]

_BRACKETS: Final = str.maketrans("[]", "()")
"""A name is shown between brackets and holds none, so that a mask is known as one."""

_SHORTEST_TOKEN: Final = 16
"""Bytes of the shortest known token; what it begins with is shorter."""

_MARKS_TRIED: Final = 4
"""Marks up to which a cut secret may reach: one may stand within the secret itself."""


class Span(NamedTuple):
    """Where a secret lies, in bytes, and which it is."""

    start: int
    end: int
    names: Names


class Text:
    """What is searched, and where in it a text may have been cut: at `…`, at `...`, at NUL, at its own ends."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.lower = data.lower()

    @cached_property
    def _marks(self) -> tuple[list[int], list[int]]:
        spans = [match.span() for match in MARK.finditer(self.data)]
        return [start for start, _ in spans] + [len(self.data)], [0] + [end for _, end in spans]

    def cut_after(self, position: int, last: int) -> list[int]:
        """Where marks begin from `position` to `last`, the first few."""
        starts = self._marks[0]
        first = bisect_left(starts, position)
        return [mark for mark in starts[first : first + _MARKS_TRIED] if mark <= last]

    def cut_before(self, position: int, first: int) -> list[int]:
        """Where marks end from `first` to `position`, the last few."""
        ends = self._marks[1]
        last = bisect_right(ends, position)
        return [mark for mark in ends[max(last - _MARKS_TRIED, 0) : last] if mark >= first]


class Needle(NamedTuple):
    """
    What one found byte string means. `exact` is the text that must stand there, empty where case does not count.

    `head` and `tail` are secrets of which it is the first or the last part; `token` is to match from where it stands.
    """

    names: Names
    exact: bytes = b""
    head: bytes = b""
    tail: bytes = b""
    token: re.Pattern[bytes] | None = None

    def span(self, text: Text, start: int, end: int) -> Span | None:
        """The secret that was found, None where this is none."""
        if self.token is not None:
            match = self.token.match(text.data, start)
            return Span(start, match.end(), self.names) if match else None
        if self.exact and text.data[start:end] != self.exact:
            return None
        if self.head:
            for mark in text.cut_after(end, start + len(self.head)):
                if text.data.startswith(self.head[: mark - start], start):
                    return Span(start, mark, self.names)
            return None
        if self.tail:
            for mark in text.cut_before(start, end - len(self.tail)):
                if text.data[mark:end] == self.tail[mark - end :]:
                    return Span(mark, end, self.names)
            return None
        return Span(start, end, self.names)


Table = Mapping[bytes, tuple[Needle, ...]]
Made = tuple[bytes, Needle]
"""What is looked for, in lower case, and what it means; its names are added by `table_of`."""

_NOBODY: Final[Names] = frozenset()


class Needles:
    """
    The compiled search. `names` are all secrets in it, `shortest` the bytes of its shortest needle; `numeric` says
    that a number could hold one.
    """

    def __init__(self, table: Table, *, lasting: bool = True) -> None:
        self.table = table
        self._of = tuple(table.values())
        self._matcher = matcher(tuple(table), lasting=lasting) if table else None
        self.names: Names = frozenset().union(*(needle.names for needles in self._of for needle in needles))
        self.shortest = min(
            (_SHORTEST_TOKEN if all(each.token for each in needles) else len(data) for data, needles in table.items()),
            default=0,
        )
        self.numeric = any(
            not data.strip(b"0123456789+-.e") and any(not each.head and not each.tail for each in needles)
            for data, needles in table.items()
        )

    @classmethod
    def of(cls, values: Mapping[str, Iterable[str]], *, lasting: bool = True) -> "Needles":
        """Every form of every value: `{"API_KEY": ["the current", "an old one"]}`; a name may be several (`A, B`)."""
        return cls(table_of(values), lasting=lasting)

    @classmethod
    def plain(cls, values: Mapping[str, Iterable[str]]) -> "Needles":
        """
        The values as they are: compiled in a tenth of the time. Behind escapes, base64 and hex they are found as well.
        """
        return cls(table_of(values, _plain_needles))

    @classmethod
    def of_forms(cls, found: Mapping[Form, Names]) -> "Needles":
        """These forms and no others, each with the secrets that it stands for."""
        table: dict[bytes, tuple[Needle, ...]] = {}
        for form, names in found.items():
            data = form.data.lower()
            table[data] = (*table.get(data, ()), Needle(names, exact=b"" if form.folded else form.data))
        return cls(table)

    @classmethod
    def tokens(cls) -> "Needles":
        """The known kinds of tokens."""
        table: dict[bytes, tuple[Needle, ...]] = {}
        for token in PATTERNS:
            needle = Needle(frozenset({token.name}), token=token.pattern)
            for beginning in token.beginnings:
                table[beginning.lower()] = (*table.get(beginning.lower(), ()), needle)
        return cls(table, lasting=False)

    def find(self, text: Text) -> Iterator[Span]:
        """Every secret that stands in the text as it is, overlapping ones too."""
        if self._matcher is None:
            return
        for which, start, end in self._matcher.find(text.lower):
            for needle in self._of[which]:
                if (span := needle.span(text, start, end)) is not None:
                    yield span


def table_of(values: Mapping[str, Iterable[str]], make: Callable[[str], Iterator[Made]] | None = None) -> Table:
    """What is looked for, by its bytes in lower case; `make` gives the needles of a value, by default all of them."""
    make = make or _needles
    found: dict[bytes, dict[Needle, Names]] = {}
    for name, texts in values.items():
        names = frozenset(name.translate(_BRACKETS).split(", "))
        for needle in (needle for text in texts for needle in make(text)):
            data, what = needle
            same = found.setdefault(data, {})
            same[what] = same.get(what, frozenset()) | names
    return {data: _chosen(same) for data, same in found.items()}


def joined(*tables: Table) -> Table:
    """All of them in one."""
    found: dict[bytes, dict[Needle, Names]] = {}
    for table in tables:
        for data, needles in table.items():
            same = found.setdefault(data, {})
            for needle in needles:
                what = needle._replace(names=frozenset())
                same[what] = same.get(what, frozenset()) | needle.names
    return {data: _chosen(same) for data, same in found.items()}


def merge(spans: Iterable[Span]) -> list[Span]:
    """
    Spans in order that do not overlap: one within another is dropped, two that overlap become one of both names.

    So the longest secret names the mask, and no rest of another that began inside it is left over.
    """
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
        elif span.end > last.end or (span.start, span.end) == (last.start, last.end):
            merged[-1] = Span(last.start, max(span.end, last.end), last.names | span.names)
    return merged


def _needles(value: str) -> Iterator[Made]:
    yield from _of_forms(forms(value))
    for cut in cuts(value):
        yield cut.data.lower(), Needle(_NOBODY, exact=cut.data, head=cut.head, tail=cut.tail)


def _plain_needles(value: str) -> Iterator[Made]:
    return _of_forms(plain(value))


def _of_forms(found: Iterable[Form]) -> Iterator[Made]:
    for form in found:
        yield form.data.lower(), Needle(_NOBODY, exact=b"" if form.folded else form.data)


def _chosen(same: Mapping[Needle, Names]) -> tuple[Needle, ...]:
    return tuple(needle._replace(names=names) for needle, names in same.items())
