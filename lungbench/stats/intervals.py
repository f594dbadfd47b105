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
class LogError:
    """How sure the logarithm of a ratio is.

    Attributes:
        variance: Squared standard error of the logarithm.
        freedom: Degrees of freedom of that variance, by Welch and Satterthwaite.
    """

    variance: float
    freedom: float


@dataclass(frozen=True, slots=True)
class Speedup:
    """How many times faster one side trains than the baseline.

    Attributes:
        estimate: Above 1 is faster than the baseline.
        interval: None where it can't be told; see `speedup`.
        baseline_runs: Independent runs of the baseline.
        other_runs: Independent runs of the other side.
        error: What the interval is made of; None where there is none.
    """

    estimate: float
    interval: Interval | None
    baseline_runs: int
    other_runs: int
    error: LogError | None = None


@dataclass(frozen=True, slots=True)
class Combined:
    """The geometric mean of several models' speed-ups.

    Attributes:
        interval: None where a model has none.
    """

    estimate: float
    interval: Interval | None


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
    error = _welch(baseline, other)
    return Speedup(
        estimate=math.exp(difference),
        interval=None if error is None else _around(difference, error, confidence),
        baseline_runs=len(baseline),
        other_runs=len(other),
        error=error,
    )


def combined(speedups: Iterable[Speedup], confidence: float = 0.95) -> Combined:
    """Return the geometric mean of speed-ups, one a model, and its interval.

    The models' runs are independent, so the variances of their logarithms add up; the degrees of
    freedom are Welch's and Satterthwaite's, over all runs of all models. The interval is about
    these models on these machines: it says nothing of models that were not trained. Simulated at
    3 models and 3 runs a side, its 95 % intervals cover 95 to 96 %.

    Args:
        speedups: One a model, of the same two devices.
        confidence: Coverage of the interval, between 0 and 1.

    Raises:
        ValueError: There are none.
    """
    each = list(speedups)
    estimate = geometric_mean(one.estimate for one in each)
    errors = [one.error for one in each if one.error]
    if len(errors) < len(each):
        return Combined(estimate, None)
    error = _summed([(one.variance / len(each) ** 2, one.freedom) for one in errors])
    return Combined(estimate, _around(math.log(estimate), error, confidence))


def relative(new: Speedup, old: Speedup, confidence: float = 0.95) -> Combined:
    """Return how many times greater a speed-up is than an earlier one of other runs.

    The runs of both are independent, so the variances of their logarithms add up, as those of
    several models do.

    Args:
        new: Over its own baseline.
        old: Over its own baseline, none of whose runs is one of the other's.
        confidence: Coverage of the interval, between 0 and 1.
    """
    estimate = new.estimate / old.estimate
    errors = [each.error for each in (new, old) if each.error]
    if len(errors) == 1 or not errors:
        return Combined(estimate, None)
    error = _summed([(one.variance, one.freedom) for one in errors])
    return Combined(estimate, _around(math.log(estimate), error, confidence))


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval | None:
    """Return Student's t interval of the geometric mean of independent runs.

    None of a single run, and where the runs show no spread.

    Raises:
        ValueError: There are no values, or one isn't positive and finite.
    """
    logs = _logs(values)
    if len(logs) == 1 or not variance(logs):
        return None
    error = LogError(variance(logs) / len(logs), len(logs) - 1)
    return _around(fmean(logs), error, confidence)


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
    z, p = normal_quantile(confidence), successes / n
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


def _around(log_ratio: float, error: LogError, confidence: float) -> Interval:
    half_width = t_quantile(error.freedom, confidence) * math.sqrt(error.variance)
    return Interval(math.exp(log_ratio - half_width), math.exp(log_ratio + half_width))


def _welch(first: list[float], second: list[float]) -> LogError | None:
    """Return the error of the difference of two means, or None without spread."""
    if min(len(first), len(second)) == 1:
        return None
    # `variance` is exact: equal values have a variance of 0, not one of rounding noise.
    parts = [(variance(side) / len(side), len(side) - 1) for side in (first, second)]
    return _summed(parts) if any(part for part, _ in parts) else None


def _summed(parts: Sequence[tuple[float, float]]) -> LogError:
    """Add independent variances up, each with its degrees of freedom."""
    total = math.fsum(part for part, _ in parts)
    # Of shares rather than squares: the square of a tiny variance is 0.
    freedom = 1 / math.fsum((part / total) ** 2 / freedom for part, freedom in parts)
    return LogError(total, freedom)


def t_quantile(freedom: float, confidence: float) -> float:
    """Return how many standard errors Student's t allows each way at this confidence.

    Raises:
        ValueError: `confidence` isn't between 0 and 1.
    """
    from scipy.special import stdtrit  # half a second to import, so only where a t is needed

    return float(stdtrit(freedom, _upper_tail_at(confidence)))


def normal_quantile(confidence: float) -> float:
    """Return how many standard errors the normal distribution allows each way.

    Raises:
        ValueError: `confidence` isn't between 0 and 1.
    """
    return NormalDist().inv_cdf(_upper_tail_at(confidence))


def _upper_tail_at(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"{confidence} is no confidence; expected more than 0 and less than 1")
    return (1 + confidence) / 2
