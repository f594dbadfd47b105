"""Many runs' curves as one: their median, in a band from the least to the largest."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

MOST_LINES = 8
"""More lines over each other than a reader can follow; the curves of more runs become a band."""

SHARES = np.linspace(0, 1, 101)
"""Where ROC curves are set against each other: every percent of 1 - specificity."""

Line = Sequence[tuple[float, float]]
"""Places, which only rise or stay, and the value at each."""

Band = tuple[tuple[float, float, float, float], ...]
"""Places in their order, and at each the least value, the median and the largest."""


def band_of(curves: Iterable[Line]) -> Band:
    """Return the band of curves, at each place over those that have it."""
    values: dict[float, list[float]] = defaultdict(list)
    for curve in curves:
        for place, value in curve:
            values[place].append(value)
    return tuple((place, *_summary(values[place])) for place in sorted(values))


def vertical_band(curves: Iterable[Line]) -> Band:
    """Return the band of ROC curves, at each of the `SHARES`: vertical averaging, by medians.

    Between its points a curve is straight; where it rises straight up, its upper end counts.

    Source: T. Fawcett, Pattern Recognition Letters 27 (2006) 861-874, section 8.1.

    Args:
        curves: 1 - specificity and sensitivity, from (0, 0) to (1, 1).
    """
    heights = [_heights(curve) for curve in curves]
    columns = SHARES, np.min(heights, axis=0), np.median(heights, axis=0), np.max(heights, axis=0)
    return tuple(zip(*(column.tolist() for column in columns), strict=True))


def _heights(curve: Line) -> NDArray[np.float64]:
    x, y = np.transpose(curve)
    heights: NDArray[np.float64] = np.interp(SHARES, x, y)
    return heights


def _summary(values: Sequence[float]) -> tuple[float, float, float]:
    return min(values), median(values), max(values)
