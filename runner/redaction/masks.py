"""
Put masks in the place of secrets, and leave masks alone.

    data ──spans()──► what lies outside of masks ──► `[secret NAME]` in its place ──► again, till nothing is left

A text that passes twice stays as it is. `runner.redaction.redactor` calls `masked`.
"""

import re
from collections.abc import Sequence
from typing import Final

from runner.redaction.needles import Needles, Span
from runner.redaction.search import spans

MASK: Final = re.compile(rb"\[secret ([^\[\]]{1,4000})\]")

_TURNS: Final = 8
"""Turns in which a text has to come to rest; a second one is needed only where masks and text make up a new secret."""


def masked(data: bytes, chain: Sequence[Needles]) -> bytes:
    """Masked until nothing is left to mask; each turn leaves less. Raises RecursionError."""
    for _ in range(_TURNS):
        pieces = found(data, chain)
        if not pieces:
            return data
        out: list[bytes] = []
        done = 0
        for span in pieces:
            out += (data[done : span.start], f"[secret {', '.join(sorted(span.names))}]".encode())
            done = span.end
        data = b"".join((*out, data[done:]))
    raise RecursionError("masks within masks")


def found(data: bytes, chain: Sequence[Needles]) -> list[Span]:
    """Where there is something to mask."""
    lying = spans(data, chain)
    return _outside(lying, _masks(data, chain)) if lying and b"[secret " in data else lying


def _masks(data: bytes, chain: Sequence[Needles]) -> list[tuple[int, int]]:
    """Where masks stand already; a mask of a name that nobody knows is text, or a peer could hide a secret in one."""
    return [
        match.span()
        for match in MASK.finditer(data)
        if all(
            any(name in needles.names for needles in chain) for name in match[1].decode("utf-8", "replace").split(", ")
        )
    ]


def _outside(lying: list[Span], masks: list[tuple[int, int]]) -> list[Span]:
    """What of the spans lies outside of the masks. Both are in order and do not overlap among themselves."""
    pieces: list[Span] = []
    first = 0
    for span in lying:
        start = span.start
        while first < len(masks) and masks[first][1] <= start:
            first += 1
        index = first
        while index < len(masks) and masks[index][0] < span.end:
            if start < masks[index][0]:
                pieces.append(Span(start, masks[index][0], span.names))
            start = max(start, masks[index][1])
            index += 1
        if start < span.end:
            pieces.append(Span(start, span.end, span.names))
    return pieces
