"""Whether a network is right as often as it is sure: Brier score, calibration, temperature.

Probabilities are image x class, as the softmax of a network gives them; labels are the positions
of the true classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 10

# Colder, a doubt of one in a hundred is none any more; hotter, all classes are about equal.
COLDEST, HOTTEST = 0.05, 20.0

_HALVINGS = 60  # of a range of 20: further ones are beyond a float's digits

# A network's softmax is in float32: what stands there as 0 is at most this.
_SMALLEST = float(np.finfo(np.float32).smallest_subnormal)

_ROUNDING = 1e-3  # bfloat16 has 8 bits

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """The diagnoses of about the same confidence.

    Attributes:
        low: Every confidence in it is above this; in the first bin at it too.
        high: None is above this.
        images: How many diagnoses these are, from 1.
        confidence: Their mean confidence, from 0 to 1.
        accuracy: The share of them that is right; as high as the confidence where that is honest.
    """

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


def as_probabilities(values: ArrayLike) -> Probabilities:
    """Return probabilities of classes, image x class, from 0 to 1.

    What is above 1 by rounding, as a fast softmax may be, becomes 1; rows need not sum to 1.

    Raises:
        ValueError: These are none.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or not ((found >= 0) & (found <= 1 + _ROUNDING)).all():  # noqa: PLR2004
        raise ValueError(f"probabilities from 0 to 1 are image x class; received {found.shape}")
    return np.minimum(found, 1.0)


def brier(probabilities: ArrayLike, labels: Sequence[int] | NDArray[Any]) -> float:
    """Return the Brier score over all classes: 0 is sure and right, 2 is sure and wrong.

    The sum of squares over the classes, as Brier had it, not the half of it that is also in use
    for two classes; the mean over the images. It is lowest, on average, where the probabilities
    are the true ones.

    Source: G. W. Brier, Monthly Weather Review 78 (1950) 1-3.

    Raises:
        ValueError: There is no image, or what is given are no probabilities of labels.
    """
    found, true = _checked(probabilities, labels)
    return float(np.square(found - np.eye(found.shape[1])[true]).sum(axis=1).mean())


def reliability(
    confidences: Sequence[float] | NDArray[Any],
    right: Sequence[bool] | NDArray[Any],
    bins: int = BINS,
) -> tuple[Bin, ...]:
    """Sort diagnoses into bins of the same width by their confidence.

    Args:
        confidences: The probability of each diagnosed class, from 0 to 1.
        right: Whether each diagnosis is right.
        bins: How many there are.

    Returns:
        Those with diagnoses, from the lowest confidence up.

    Raises:
        ValueError: The two differ in length, or a confidence isn't from 0 to 1.
    """
    sure, hits = np.asarray(confidences, dtype=float), np.asarray(right, dtype=bool)
    if sure.shape != hits.shape or not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError(f"{sure.size} confidences from 0 to 1 need as many diagnoses")
    place = np.searchsorted(np.arange(1, bins) / bins, sure)
    return tuple(
        Bin(
            low=number / bins,
            high=(number + 1) / bins,
            images=int(inside.sum()),
            confidence=float(sure[inside].mean()),
            accuracy=float(hits[inside].mean()),
        )
        for number in range(bins)
        if (inside := place == number).any()
    )


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Return the expected calibration error: how far confidence and accuracy lie apart.

    The mean of the bins' distances, weighted by their diagnoses. It depends on the bins, and on
    few images it is above 0 even where every confidence is honest. None without diagnoses.

    Source: C. Guo et al., Proceedings of Machine Learning Research 70 (2017) 1321-1330.
    """
    images = sum(each.images for each in bins)
    apart = sum(each.images * abs(each.confidence - each.accuracy) for each in bins)
    return apart / images if images else None


def fit_temperature(probabilities: ArrayLike, labels: Sequence[int] | NDArray[Any]) -> float:
    """Return the temperature that makes a network's confidence honest.

    It minimises the log loss of `scaled`, which is convex in its inverse. To be fitted on images
    that neither trained nor test the network: on the validation split.

    Source: C. Guo et al., Proceedings of Machine Learning Research 70 (2017) 1321-1330.

    Args:
        probabilities: The network's, image x class; a 0 counts as the smallest float32.
        labels: The true class of each image.

    Returns:
        Above 1 where the network is too sure of itself, below where it doubts too much; always
        from 0.05 to 20, which are also the answers where every diagnosis is right, or the wrong
        ones are the surer. 1 where all classes are always equally probable.

    Raises:
        ValueError: There is no image, or what is given are no probabilities of labels.
    """
    found, true = _checked(probabilities, labels)
    logs = _logs(found)
    of_true = logs[np.arange(true.size), true]
    if not np.ptp(logs, axis=1).any():
        return 1.0
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(_HALVINGS):
        inverse = (low + high) / 2
        # The loss falls while less is expected of the diagnoses than the true classes give; it is
        # flat where nothing is left to gain, which colder ones have in common.
        if ((_softmax(inverse * logs) * logs).sum(axis=1) - of_true).mean() <= 0:
            low = inverse
        else:
            high = inverse
    return 2 / (low + high)


def scaled(probabilities: ArrayLike, temperature: float) -> Probabilities:
    """Return the probabilities that a network would give at another temperature.

    The diagnosis stays what it was: the order of the classes doesn't change.

    Args:
        probabilities: At a temperature of 1, image x class; a 0 counts as the smallest float32.
        temperature: Above 1 makes them more equal, below 1 surer.

    Raises:
        ValueError: The temperature isn't positive and finite, or these are no probabilities.
    """
    if not 0 < temperature < float("inf"):
        raise ValueError(f"{temperature} is no temperature; expected a positive, finite one")
    return _softmax(_logs(as_probabilities(probabilities)) / temperature)


def _logs(probabilities: Probabilities) -> Probabilities:
    return np.log(np.maximum(probabilities, _SMALLEST))


def _softmax(logits: Probabilities) -> Probabilities:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Probabilities = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _checked(
    probabilities: ArrayLike, labels: Sequence[int] | NDArray[Any]
) -> tuple[Probabilities, NDArray[np.int64]]:
    found, true = as_probabilities(probabilities), np.asarray(labels, dtype=np.int64)
    if true.shape != found.shape[:1] or not true.size:
        raise ValueError(f"{len(found)} images need as many labels, at least 1; got {true.size}")
    if not 0 <= true.min() <= true.max() < found.shape[1]:
        raise ValueError(f"a label is outside 0 to {found.shape[1] - 1}")
    return found, true
