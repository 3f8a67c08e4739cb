"""
Values of a journal as a page shows them: as text that folds, with the names of the secrets that were masked in them.

    Stored ──shown()──► Shown(text, is_cut, masked)        /runs/{run}/value?place=fetch ──► the whole, as it is kept

The text is the masked JSON with every digit; what is longer than a page should be is cut, and can be fetched whole.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from runner.events import Stored
from runner.expressions.labels import MASKED
from runner.web.documents import Blobs, stored_json

MOST_SHOWN: Final = 8_000
"""Characters of a value on a page."""

FORMATTED_BYTES: Final = 100_000
"""A value longer than this is shown as it is kept, without new lines."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Masked(NamedTuple):
    """A secret that was masked: where in the value (empty: in a text), its name, whether it is a vault's."""

    path: str
    name: str
    is_vault: bool


class Shown(NamedTuple):
    """A value as text. `size` in bytes of the whole."""

    text: str
    is_cut: bool
    size: int
    masked: tuple[Masked, ...]


async def shown(stored: Stored | None, run: str, blobs: Blobs) -> Shown | None:
    """A value of a run; None where there is none. Raises StoreError."""
    if stored is None:
        return None
    data = bytes(await stored_json(stored, run, blobs))
    labels = [(path, name) for path, names in stored.labels for name in names]
    return shown_json(data, labels)


def shown_json(data: bytes, labels: Iterable[tuple[tuple[str | int, ...], str]] = ()) -> Shown:
    """JSON as text, its labels as what was masked."""
    text = (msgspec.json.format(data, indent=2) if len(data) <= FORMATTED_BYTES else data).decode()
    named = [Masked(written(path), name, _is_vault(name)) for path, name in labels]
    known = {each.name for each in named}
    loose = dict.fromkeys(name for found in MASKED.finditer(text) for name in found[1].split(", ") if name not in known)
    return Shown(
        text[:MOST_SHOWN],
        len(text) > MOST_SHOWN,
        len(data),
        (*named, *(Masked("", name, _is_vault(name)) for name in loose)),
    )


def written(path: Iterable[str | int]) -> str:
    """A path as an expression has it: `headers.Authorization`, `rows[0].id`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _is_vault(name: str) -> bool:
    """`env.NAME` is a variable, `sensitive` and `run.callback` name no secret at all."""
    return _NAME.fullmatch(name) is not None and name != "sensitive"
