"""
Find secrets in a text, as they are and behind up to two encodings of any kind.

    text ──needles──► spans
      └─decodings()─► text ──needles──► spans, where they stood outside
                        └─decodings()─► text ──needles──► spans, where they stood outside

Pure. The needles know the forms that one encoder makes, so that a secret is found behind three encoders of which two
can be undone. `runner.redaction.redactor` masks what is found.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from runner.redaction.decode import decodings
from runner.redaction.needles import Needles, Span, Text, merge

_LEVELS: Final = 2

Outer = Callable[[int, int], tuple[int, int]]


def spans(data: bytes, chain: Sequence[Needles]) -> list[Span]:
    """Where secrets lie, in order, none over another."""
    known = [needles for needles in chain if needles.table]
    shortest = min((needles.shortest for needles in known), default=0)
    if not known or len(data) < shortest:  # what is read out of a text is no longer than it
        return []
    return merge(_found(data, known, shortest, _LEVELS))


def _found(data: bytes, chain: Sequence[Needles], shortest: int, levels: int) -> Iterator[Span]:
    text = Text(data)
    for needles in chain:
        yield from needles.find(text)
    if not levels:
        return
    for decoded in decodings(data, shortest):
        for start, end, names in _found(decoded.data, chain, shortest, levels - 1):
            yield Span(*decoded.outer(start, end), names)
