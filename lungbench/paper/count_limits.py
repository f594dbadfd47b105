"""What printed rates demand of whole numbers of images: linear inequalities, and how they narrow.

For one class of `images` images among `others` images of the other classes, two numbers are
unknown: `tp`, its images diagnosed rightly, and `fp`, other images diagnosed as it. Every rate is a
quotient of sums of these four, so that "the exact rate lies between these bounds" is two linear
inequalities with whole coefficients: no float and no rounding anywhere in the search.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lungbench.paper.rounding import Bounds, PrintedRate, Rounding, bounds
from lungbench.paper.table import PrintedRun

Between = tuple[int, int]  # the lowest and the highest whole number; none where low > high


class Limit(NamedTuple):
    """A demand: the sum of each coefficient times its number is `least` or more."""

    images: int
    others: int
    tp: int
    fp: int
    least: int


@dataclass(frozen=True, slots=True)
class Demands:
    """What the printed rates of a run demand of its counts, by one way of rounding.

    Attributes:
        classes: The limits of each class.
        overall: Limits of the overall accuracy; their `tp` and `images` are those of all classes.
    """

    classes: tuple[tuple[Limit, ...], ...]
    overall: tuple[Limit, ...]

    def right_of(self, images: int) -> Between:
        """Return how many of all images may be diagnosed rightly, by the overall accuracy."""
        right = (0, images)
        for limit in self.overall:
            right = at_least(limit.tp, limit.least - limit.images * images, right)
        return right


class Box(NamedTuple):
    """Between what the three unknown numbers of a class lie."""

    others: Between
    tp: Between
    fp: Between


# Numerator and denominator of each rate as coefficients of (images, others, tp, fp). In this order
# they are tried: recall leaves the fewest counts, and needs to know nothing else.
_QUOTIENTS = {
    "recall": ((0, 0, 1, 0), (1, 0, 0, 0)),
    "precision": ((0, 0, 1, 0), (0, 0, 1, 1)),
    "f1": ((0, 0, 2, 0), (1, 0, 1, 1)),
    "specificity": ((0, 1, 0, -1), (0, 1, 0, 0)),
    "accuracy": ((0, 1, 1, -1), (1, 1, 0, 0)),
}
_DIAGNOSED = Limit(0, 0, 1, 1, least=1)
_MOST_PASSES = 20


def demands(run: PrintedRun, rounding: Rounding) -> Demands:
    """Return what a run's printed rates demand.

    A precision printed as 0 also stands where no image was diagnosed as the class, 0 / 0.
    """
    return Demands(
        classes=tuple(tuple(class_limits(each.rates, rounding)) for each in run.classes),
        overall=tuple(_overall(run.overall, rounding)),
    )


def class_limits(rates: Mapping[str, PrintedRate], rounding: Rounding) -> Iterator[Limit]:
    """Yield what the printed rates of one class demand of its counts."""
    for name, quotient in _QUOTIENTS.items():
        if name in rates:
            within = bounds(rates[name], rounding)
            if name == "precision" and within.low > 0:
                yield _DIAGNOSED  # else 0 / 0 would meet any precision
            elif name == "precision":
                within = within._replace(high_open=False)
            yield from _both_sides(quotient, within)


def narrowed(limits: Sequence[Limit], images: int, box: Box) -> Box | None:
    """Return the box without ends that no counts in it can have; None where it is empty.

    A pass takes each limit with the other unknowns where they help it most; passes are repeated
    while they change anything. What is left may still hold counts that don't fit.
    """
    for _ in range(_MOST_PASSES):
        before = box
        for limit in limits:
            others, tp, fp = box
            slack = limit.images * images - limit.least
            slack += _most(limit.others, others) + _most(limit.tp, tp) + _most(limit.fp, fp)
            if slack < 0:
                return None
            box = Box(
                _within(slack, limit.others, others),
                _within(slack, limit.tp, tp),
                _within(slack, limit.fp, fp),
            )
        if box == before:
            return box
    return box


def at_least(factor: int, least: int, between: Between) -> Between:
    """Return the whole numbers of a range that are `least` or more when multiplied by `factor`."""
    low, high = between
    if factor > 0:
        return max(low, -(-least // factor)), high
    if factor < 0:
        return low, min(high, least // factor)
    return between if least <= 0 else (1, 0)


def _both_sides(
    quotient: tuple[tuple[int, ...], tuple[int, ...]], within: Bounds
) -> Iterator[Limit]:
    """Yield: numerator x parts >= low x denominator, and high x denominator >= numerator x parts.

    Over whole numbers, more than 0 is 1 or more: that is an open end.
    """
    pairs = list(zip(*quotient, strict=True))
    above = [within.parts * over - within.low * under for over, under in pairs]
    below = [within.high * under - within.parts * over for over, under in pairs]
    yield Limit._make((*above, int(within.low_open)))
    yield Limit._make((*below, int(within.high_open)))


def _overall(accuracy: PrintedRate | None, rounding: Rounding) -> Iterator[Limit]:
    if accuracy is not None:
        yield from _both_sides(_QUOTIENTS["recall"], bounds(accuracy, rounding))


def _most(factor: int, between: Between) -> int:
    """Return the most that a number of this range gives when multiplied."""
    return factor * between[factor > 0]


def _within(slack: int, factor: int, between: Between) -> Between:
    """Return the numbers that cost a limit no more than its slack, against the most they give."""
    low, high = between
    if factor > 0:
        return max(low, high - slack // factor), high
    if factor < 0:
        return low, min(high, low + slack // -factor)
    return between
