"""Ratios from interleaved pairs: the sides take turns in one run, so that drift hits all alike."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from lungbench.stats.intervals import Interval, geometric_mean


@dataclass(frozen=True, slots=True)
class PairedRatio:
    """How many times as much one side takes as another.

    Attributes:
        estimate: Geometric mean of the ratios of the pairs.
        interval: Student's t interval on the logarithms of the ratios; None where it can't be
            told, with one pair or without spread.
        pairs: Rounds in which both sides had a turn.
    """

    estimate: float
    interval: Interval | None
    pairs: int

    def __str__(self) -> str:
        if self.interval is None:
            return f"{self.estimate:.3g}"
        return f"{self.estimate:.3g} [{self.interval.low:.3g}, {self.interval.high:.3g}]"


def in_turn(sides: Sequence[str], rounds: int) -> Iterator[str]:
    """Yield A B C, then C B A, and so on: a steady drift cancels over two rounds."""
    for number in range(rounds):
        yield from sides if number % 2 == 0 else reversed(sides)


def paired_ratio(
    over: Sequence[float], under: Sequence[float], confidence: float = 0.95
) -> PairedRatio:
    """Compare two sides round by round.

    Args:
        over: One value above 0 a round.
        under: The other side's value of the same rounds.
        confidence: Coverage of the interval, between 0 and 1.

    Raises:
        ValueError: The sides had different numbers of turns or none, or a value isn't above 0.
    """
    ratios = [top / bottom for top, bottom in zip(over, under, strict=True)]
    estimate = geometric_mean(ratios)
    logs = [math.log(ratio) for ratio in ratios]
    return PairedRatio(estimate, _interval(logs, confidence), len(ratios))


def paired_median(
    over: Sequence[float], under: Sequence[float], confidence: float = 0.95
) -> PairedRatio:
    """Compare two sides by the median of their rounds' ratios.

    One round in which the machine stood still moves a geometric mean as far as it likes, and this
    not at all. The interval is the sign test's, between two of the sorted ratios: it assumes no
    distribution, and there is none below 6 rounds at 95 %.

    Raises:
        ValueError: See `paired_ratio`.
    """
    ratios = sorted(top / bottom for top, bottom in zip(over, under, strict=True))
    cut = _cut_off(len(ratios), (1 - confidence) / 2)
    interval = Interval(ratios[cut], ratios[-1 - cut]) if cut is not None else None
    return PairedRatio(math.exp(median(map(math.log, ratios))), interval, len(ratios))


def _cut_off(pairs: int, tail: float) -> int | None:
    """Return how many ratios lie beyond each end of the sign test's interval; None without one."""
    below = 0.0
    for cut in range(pairs):
        below += math.comb(pairs, cut) / 2**pairs
        if below > tail:
            return cut - 1 if cut else None
    return None


def _interval(logs: Sequence[float], confidence: float) -> Interval | None:
    if len(logs) == 1 or (spread := stdev(logs)) == 0:
        return None
    from scipy.special import stdtrit

    quantile = float(stdtrit(len(logs) - 1, (1 + confidence) / 2))
    middle, half_width = fmean(logs), quantile * spread / math.sqrt(len(logs))
    return Interval(math.exp(middle - half_width), math.exp(middle + half_width))
