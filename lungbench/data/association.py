"""How closely a class goes with where its images come from and how they are stored."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lungbench.data.image_table import ImageTable, Words
from lungbench.frozen import Frozen

MOST_KINDS = 20
"""Kinds in a table; the rest is summed up in its last row."""

THE_REST = "all others"

RAREST = 5
"""Images; kinds of fewer are taken as one, since one image a kind would tell any class."""

COLLECTION, FORMAT, MODE, SIZE = "collection", "file format", "colour mode", "image size"


class Association(Frozen):
    """One property of the images beside their classes.

    Attributes:
        name: Which property.
        known: Images of which it is known.
        kinds: Different values that it has.
        cramers_v: Cramér's V with Bergsma's correction of its bias, 0 (independent) to 1 (each
            tells the other), of kinds that are not rare; None with one kind, or one class, alone.
        accuracy: Share of these images whose class is the most frequent one of their kind, rare
            ones taken together.
        largest_class: The share of the largest class among them.
        counts: Images per kind and class, the most frequent kind first.
    """

    name: str
    known: int
    kinds: int
    cramers_v: float | None
    accuracy: float | None
    largest_class: float | None
    counts: dict[str, dict[str, int]]


def associations(table: ImageTable) -> tuple[Association, ...]:
    """Set the classes beside collection, file format, colour mode and size."""
    columns = {
        COLLECTION: table.words["collection"],
        FORMAT: table.words["format"],
        MODE: table.words["mode"],
        SIZE: _sizes(table),
    }
    return tuple(_association(name, column, table) for name, column in columns.items())


def association_of(
    name: str, kinds: Sequence[str], classes: Sequence[str], counts: NDArray[np.int64]
) -> Association:
    """Set classes beside one property.

    Args:
        name: The property.
        kinds: The values that it has.
        classes: The classes.
        counts: Images, kind x class.
    """
    pooled, known = _rare_together(counts), int(counts.sum())
    return Association(
        name=name,
        known=known,
        kinds=len(kinds),
        cramers_v=cramers_v(pooled),
        accuracy=float(pooled.max(axis=1).sum()) / known if known else None,
        largest_class=float(counts.sum(axis=0).max()) / known if known else None,
        counts=_named(counts, kinds, classes),
    )


def _sizes(table: ImageTable) -> Words:
    pairs = zip(table.numbers["width"], table.numbers["height"], strict=True)
    return Words.of(["" if math.isnan(w + h) else f"{w:.0f} x {h:.0f}" for w, h in pairs])


def _association(name: str, column: Words, table: ImageTable) -> Association:
    return association_of(name, column.names, table.classes, _table_of(column, table))


def _table_of(column: Words, table: ImageTable) -> NDArray[np.int64]:
    """Count the images, kind x class."""
    shape = (len(column.names), len(table.classes))
    cells = column.numbers * shape[1] + table.labels
    return np.bincount(cells[column.known], minlength=shape[0] * shape[1]).reshape(shape)


def cramers_v(counts: NDArray[np.int64]) -> float | None:
    """Return Cramér's V of a table of counts, corrected for its bias.

    Uncorrected, a property of many kinds seems to go with any class.

    Source: W. Bergsma, Journal of the Korean Statistical Society 42 (2013) 323-328.

    Returns:
        0 to 1; None where it isn't defined.
    """
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    rows, columns = counts.shape
    n = int(counts.sum())
    if min(rows, columns) < 2:  # noqa: PLR2004 - one is no choice
        return None
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    phi = float(((counts - expected) ** 2 / expected).sum()) / n
    excess = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    room = min(side - (side - 1) ** 2 / (n - 1) for side in (rows, columns)) - 1
    return min(1.0, math.sqrt(excess / room)) if room > 0 else None


def _rare_together(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    rare = counts.sum(axis=1) < RAREST
    return np.vstack([counts[~rare], counts[rare].sum(axis=0, keepdims=True)])


def _named(
    counts: NDArray[np.int64], kinds: Sequence[str], classes: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Name the most frequent kinds, and sum up the rest."""
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    shown, rest = order[:MOST_KINDS], order[MOST_KINDS:]
    named = {kinds[kind]: counts[kind] for kind in shown.tolist()}
    if len(rest):
        named[THE_REST] = counts[rest].sum(axis=0)
    return {name: dict(zip(classes, row.tolist(), strict=True)) for name, row in named.items()}
