"""The full time of a training that was stopped after a few timed epochs, labelled as predicted."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

from lungbench.record import Epoch, Prediction
from lungbench.stats.intervals import t_quantile


def predicted(epochs: Sequence[Epoch], planned: int, confidence: float = 0.95) -> Prediction | None:
    """Predict the wall time of all planned epochs from those that were timed.

    The first epoch counts as it was. The others are taken as independent draws from one normal
    distribution, so that the sum of m more after k seen lies within
    t(k - 1) · s · sqrt(m + m²/k) of m times their mean. Slow drift, as of a laptop that grows
    hot, is not in it. A normal draw may be below 0 and an epoch can't: with few, uneven epochs the
    lower end would lie before the present, so it is at least the time that is already spent.

    Args:
        epochs: The first epoch and at least one steady one.
        planned: Epochs of the full training.
        confidence: Of the interval, which needs two steady epochs.

    Returns:
        None where no steady epoch was timed.
    """
    steady_s = [epoch.train_s + (epoch.validation_s or 0.0) for epoch in epochs[1:]]
    if not steady_s:
        return None
    seen, missing = len(steady_s), planned - len(epochs)
    spent_s = epochs[1].started_s + sum(steady_s)
    wall_s = spent_s + missing * fmean(steady_s)
    if seen == 1:
        return Prediction(wall_s=wall_s)
    spread_s = stdev(steady_s) * sqrt(missing + missing**2 / seen)
    half_s = t_quantile(seen - 1, confidence) * spread_s
    low_s = max(spent_s, wall_s - half_s)
    return Prediction(wall_s=wall_s, low_s=low_s, high_s=wall_s + half_s)
