"""How well one measure alone tells a class from the others, without any diagnosis.

Classes from different hospitals differ in brightness, in black bars, in shape. A network that
learns these scores well and diagnoses nothing (DeGrave et al. 2021, "AI for radiographic COVID-19
detection selects shortcuts over signal", Nature Machine Intelligence 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 10
"""Images of a class below which a share of pairs says little."""

TELLING = 0.8
"""Area from which on a measure is worth a warning."""


@dataclass(frozen=True, slots=True)
class Separation:
    """How well one measure alone tells a class from the others.

    Attributes:
        measure: Its name.
        name: The class that it tells best.
        higher: Whether that class has more of it.
        auc: Area under the ROC curve, 0.5 (not at all) to 1: the share of all pairs, one image of
            the class and one of another, in which the measure is on its side.
    """

    measure: str
    name: str
    higher: bool
    auc: float


def separations(
    measures: Sequence[str],
    values: NDArray[np.float64],
    labels: NDArray[np.int64],
    names: Sequence[str],
) -> tuple[Separation, ...]:
    """Return the best-told class of each measure, the best measure first.

    Args:
        measures: The names of the measures.
        values: image x measure.
        labels: The class of each image, as a position in `names`.
        names: Of the classes; those of fewer than `FEWEST` images are no candidates, and there is
            nothing to say unless as many are left of the others.
    """
    counts = np.bincount(labels, minlength=len(names))
    candidates = np.flatnonzero((counts >= FEWEST) & (len(labels) - counts >= FEWEST))
    if not len(candidates):
        return ()
    found = []
    for measure, column in zip(measures, values.T, strict=True):
        areas = _areas(column, labels, counts)[candidates]
        best = int(np.argmax(np.abs(areas - 0.5)))
        auc = float(areas[best])
        name = names[int(candidates[best])]
        found.append(Separation(measure, name, auc >= 1 - auc, max(auc, 1 - auc)))
    return tuple(sorted(found, key=lambda each: -each.auc))


def _areas(
    column: NDArray[np.float64], labels: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return each class's area against all others, by Mann and Whitney's U; ties are halves."""
    ranks = np.bincount(labels, weights=_ranks(column), minlength=len(counts))
    wins = ranks - counts * (counts + 1) / 2
    areas: NDArray[np.float64] = wins / np.maximum(counts * (len(labels) - counts), 1)
    return areas


def _ranks(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each value from 1 on, of equal ones their mean."""
    # As scipy.stats.rankdata does; importing that would take a second.
    _, places, counts = np.unique(column, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks
