"""
The lines of an answer that comes in chunks.

    chunks ──split_lines()──► each line, once its end has come

`runner.client.socket` reads JSON so, `runner.client.api` server-sent events.
"""

from collections.abc import Iterable, Iterator


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Each line without its end; what stands behind the last end is dropped."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
