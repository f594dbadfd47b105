"""How sure a figure is: speed-ups over independent runs, and rates over independent images.

The unit of a speed-up is the run. Epochs of one run share its machine, its moment and its
process; counted as independent they give intervals far too narrow.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance


@dataclass(frozen=True, slots=True)
class Interval:
    """Two-sided confidence limits."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Speedup:
    """How many times faster one side trains than the baseline.

    Attributes:
        estimate: Above 1 is faster than the baseline.
        interval: None where it can't be told; see `speedup`.
        baseline_runs: Independent runs of the baseline.
        other_runs: Independent runs of the other side.
    """

    estimate: float
    interval: Interval | None
    baseline_runs: int
    other_runs: int


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean.

    Raises:
        ValueError: There are no values, or one isn't positive and finite.
    """
    return math.exp(fmean(_logs(values)))


def speedup(
    baseline_s: Sequence[float], other_s: Sequence[float], confidence: float = 0.95
) -> Speedup:
    """Compare the epoch times of two devices.

    The estimate is the ratio of the geometric means; the interval is Welch's t interval on the
    logarithms, which allows the two sides different spreads. Simulated at 3 to 8 runs a side, its
    95 % intervals cover 94 to 97 %.

    There is no interval where a side has one run, or where neither side has any spread: t is
    undefined there, and a width of 0 would claim a certainty that a few equal readings don't
    give. One side without spread is fine.

    Args:
        baseline_s: Steady epoch time of each baseline run, in seconds, above 0.
        other_s: The same of the other side.
        confidence: Coverage of the interval, between 0 and 1.

    Raises:
        ValueError: A side is empty, or a time isn't positive and finite.
    """
    baseline, other = _logs(baseline_s), _logs(other_s)
    difference = fmean(baseline) - fmean(other)
    half_width = _welch_half_width(baseline, other, confidence)
    return Speedup(
        estimate=math.exp(difference),
        interval=None if half_width is None else _around(difference, half_width),
        baseline_runs=len(baseline),
        other_runs=len(other),
    )


def combined(speedups: Iterable[Speedup]) -> float:
    """Return the geometric mean of the estimates, one a model.

    Raises:
        ValueError: There are none.
    """
    return geometric_mean(each.estimate for each in speedups)


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval of a proportion.

    Args:
        successes: Images diagnosed rightly, from 0 to `n`.
        n: Images, from 1.
        confidence: Coverage of the interval, between 0 and 1.

    Raises:
        ValueError: The counts are no proportion.
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} of {n} is no proportion")
    z, p = _normal_quantile(confidence), successes / n
    shrink = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / shrink
    half_width = z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2) / shrink
    # At the ends the limit is exactly 0 or 1; the formula only reaches it up to rounding.
    return Interval(
        low=centre - half_width if successes else 0.0,
        high=centre + half_width if successes < n else 1.0,
    )


def _logs(values: Iterable[float]) -> list[float]:
    found = list(values)
    if not found or not all(0 < value < math.inf for value in found):
        raise ValueError(f"{found} are no positive, finite values")
    return [math.log(value) for value in found]


def _around(log_ratio: float, half_width: float) -> Interval:
    return Interval(math.exp(log_ratio - half_width), math.exp(log_ratio + half_width))


def _welch_half_width(first: list[float], second: list[float], confidence: float) -> float | None:
    """Return t times the standard error of the difference of two means, or None without spread."""
    if min(len(first), len(second)) == 1:
        return None
    # `variance` is exact: equal values have a variance of 0, not one of rounding noise.
    parts = [(variance(side) / len(side), len(side) - 1) for side in (first, second)]
    squared_error = sum(part for part, _ in parts)
    if squared_error == 0:
        return None
    shares = [(part / squared_error, freedom) for part, freedom in parts]
    freedom = 1 / sum(share**2 / runs for share, runs in shares)  # Welch-Satterthwaite
    return _t_quantile(freedom, confidence) * math.sqrt(squared_error)


def _t_quantile(freedom: float, confidence: float) -> float:
    from scipy.special import stdtrit  # half a second to import, so only where a t is needed

    return float(stdtrit(freedom, _upper_tail_at(confidence)))


def _normal_quantile(confidence: float) -> float:
    return NormalDist().inv_cdf(_upper_tail_at(confidence))


def _upper_tail_at(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"{confidence} is no confidence; expected more than 0 and less than 1")
    return (1 + confidence) / 2
