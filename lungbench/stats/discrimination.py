"""How well a probability tells one class from the rest: the ROC curve, its area, precision.

All of it follows from the order of the probabilities, ties included; how high they are is for
`lungbench.stats.calibration`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import exp, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungbench.stats.intervals import Interval, normal_quantile

_HALVINGS = 60  # of a range of at most 1: further ones are beyond a float's digits


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """One class against the rest at every threshold of its probability.

    Attributes:
        tp: Images of the class at or above each threshold: none at first, then for every
            probability that occurs, the highest first.
        fp: Images of the other classes at or above it.
    """

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]

    @property
    def positives(self) -> int:
        """Images of the class."""
        return int(self.tp[-1])

    @property
    def negatives(self) -> int:
        """Images of the other classes."""
        return int(self.fp[-1])

    @property
    def points(self) -> tuple[tuple[float, float], ...] | None:
        """The corners of the curve: 1 - specificity and sensitivity, from (0, 0) to (1, 1).

        None without an image of the class, or without another: one of the two isn't defined.
        """
        if not self.positives or not self.negatives:
            return None
        kept = _corners(self.tp, self.fp)
        across = (self.fp[kept] / self.negatives).tolist()
        return tuple(zip(across, (self.tp[kept] / self.positives).tolist(), strict=True))

    @property
    def auc(self) -> Fraction | None:
        """The area under the curve, exactly; None without an image of either side.

        The chance that an image of the class has a higher probability of it than one of another,
        where equal ones count half.
        """
        if not self.positives or not self.negatives:
            return None
        doubled = np.diff(self.fp) @ (self.tp[1:] + self.tp[:-1])
        return Fraction(int(doubled), 2 * self.positives * self.negatives)

    @property
    def average_precision(self) -> float | None:
        """The precision at each threshold, weighted by what it adds to the recall.

        Not interpolated, as in scikit-learn; None without an image of the class. It has no
        interval here: a bootstrap, the usual one, has no width at 1.
        """
        if not self.positives:
            return None
        tp, fp = self.tp[1:], self.fp[1:]
        return float(np.diff(self.tp) @ (tp / (tp + fp)) / self.positives)

    def auc_interval(self, confidence: float = 0.95) -> Interval | None:
        """Return the interval of the area; None where there is no area.

        DeLong's on the logit scale, which assumes nothing of how the probabilities are spread, but
        rests on the few images that are out of order: so it is never narrower than Newcombe's,
        which stands alone where no image is, at an area of 1. Neither leaves 0 to 1, so nothing is
        clipped. Simulated at 12 to 169 images of the class and 24 to 400 others, areas of 0.75 to
        0.99 and spreads that suit either or neither, its 95 % intervals cover 94 to 100 %, in one
        of the 60 settings 91 %; DeLong's alone 80 to 98 %, Newcombe's alone 84 to 100 %.

        Source: E. R. DeLong et al., Biometrics 44 (1988) 837-845; M. Pohar Perme and D. Manevski,
        Statistical Methods in Medical Research 28 (2019) 3755-3768, on the logit scale.

        Args:
            confidence: Coverage of the interval, between 0 and 1.
        """
        area = self.auc
        if area is None:
            return None
        floor = newcombe(float(area), self.positives, self.negatives, confidence)
        variance = self._delong_variance(float(area))
        if not 0 < area < 1 or variance is None:
            return floor
        reach = normal_quantile(confidence) * sqrt(variance) / float(area * (1 - area))
        centre = log(area / (1 - area))
        return Interval(
            low=min(floor.low, _expit(centre - reach)), high=max(floor.high, _expit(centre + reach))
        )

    def _delong_variance(self, area: float) -> float | None:
        """Return the variance of the area; None with a single image of a side.

        Each image's part is the share of the other side that it is on the right side of, where
        equal ones count half; the parts of images at the same threshold are equal.
        """
        if min(self.positives, self.negatives) == 1:
            return None
        up, across = np.diff(self.tp), np.diff(self.fp)
        above = 1 - (self.fp[1:] - across / 2) / self.negatives
        below = (self.tp[1:] - up / 2) / self.positives
        sides = ((self.positives, up, above), (self.negatives, across, below))
        return sum(
            float(images @ np.square(part - area)) / (size * (size - 1))
            for size, images, part in sides
        )


def roc(is_class: Sequence[bool] | NDArray[Any], probabilities: NDArray[Any]) -> Roc:
    """Count what every threshold finds.

    Args:
        is_class: Whether each image is of the class.
        probabilities: The network's, that it is, in the same order; only their order counts.

    Raises:
        ValueError: The two differ in length, or a probability is no number.
    """
    true, scores = np.asarray(is_class, dtype=bool), np.asarray(probabilities, dtype=float)
    if true.shape != scores.shape or np.isnan(scores).any():
        raise ValueError(f"{true.size} images need as many probabilities; received {scores.size}")
    values, ranks = np.unique(-scores, return_inverse=True)
    found = (np.bincount(ranks[side], minlength=values.size) for side in (true, ~true))
    tp, fp = (np.concatenate(([0], np.cumsum(each))) for each in found)
    return Roc(tp.astype(np.int64), fp.astype(np.int64))


def newcombe(area: float, positives: int, negatives: int, confidence: float = 0.95) -> Interval:
    """Return Newcombe's interval of an area under a ROC curve, from the numbers of images alone.

    It holds the areas from which the found one is no further away than so many standard errors,
    each by Hanley and McNeil at that area: as Wilson's interval of a share. So it has a width also
    at an area of 1, where a standard error of the found area is 0.

    Source: R. G. Newcombe, Statistics in Medicine 25 (2006) 559-573, method 5; J. A. Hanley and
    B. J. McNeil, Radiology 143 (1982) 29-36.

    Args:
        area: The found one, from 0 to 1.
        positives: Images of the class, from 1.
        negatives: Images of the other classes, from 1.
        confidence: Coverage of the interval, between 0 and 1.

    Raises:
        ValueError: There is no image of a side, or the area is none.
    """
    if not 0 <= area <= 1 or min(positives, negatives) < 1:
        raise ValueError(f"{area} of {positives} and {negatives} images is no area")
    reach = normal_quantile(confidence)

    def beyond(other: float) -> bool:
        return abs(area - other) > reach * sqrt(_variance(other, positives, negatives))

    return Interval(
        low=_last_within(beyond, area, 0.0) if area else 0.0,
        high=_last_within(beyond, area, 1.0) if area < 1 else 1.0,
    )


def _expit(logit: float) -> float:
    return 1 / (1 + exp(-logit))


def _variance(area: float, positives: int, negatives: int) -> float:
    """Return the variance of a found area, were `area` the true one.

    Hanley and McNeil's, of exponential probabilities; Newcombe puts the mean of both sides' sizes
    for each, since which side varies more is not known.
    """
    others = (positives + negatives) / 2 - 1
    pairs = 1 + others * ((1 - area) / (2 - area) + area / (1 + area))
    return area * (1 - area) * pairs / (positives * negatives)


def _last_within(beyond: Callable[[float], bool], within: float, end: float) -> float:
    """Return the farthest area from `within` towards `end` that isn't beyond the reach."""
    for _ in range(_HALVINGS):
        middle = (within + end) / 2
        if beyond(middle):
            end = middle
        else:
            within = middle
    return within


def _corners(tp: NDArray[np.int64], fp: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which points are needed: those on a straight line between two others aren't."""
    up, across = np.diff(tp), np.diff(fp)
    turns = up[1:] * across[:-1] != up[:-1] * across[1:]
    return np.concatenate(([True], turns, [True]))
