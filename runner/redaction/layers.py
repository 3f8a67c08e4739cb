"""
Needles that grow, without compiling all of them at each addition.

    layers, fresh ──layered()──► each layer at least twice the next: few of them, each value compiled a few times in all

Pure. A run's redactor and `runner.secrets.masking` keep what they learn one after the other so.
"""

from typing import Final

from runner.redaction.needles import Needles, joined

_SMALL: Final = 2_000
"""Needles that are compiled anew whenever another is added: some 3 ms, 40 ms where they are to last."""


def layered(layers: tuple[Needles, ...], fresh: Needles, *, lasting: bool = False) -> tuple[Needles, ...]:
    """With the fresh ones in the last layer."""
    tables = [fresh.table]
    size = len(fresh.table)
    while layers and (len(layers[-1].table) < 2 * size or len(layers[-1].table) + size <= _SMALL):
        tables.append(layers[-1].table)
        size += len(layers[-1].table)
        layers = layers[:-1]
    return (*layers, Needles(joined(*tables), lasting=lasting) if len(tables) > 1 else fresh)
