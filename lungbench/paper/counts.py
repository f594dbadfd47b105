"""What is known of a run's counts once its class sizes are, and how sure that makes its rates."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

from lungbench.metrics import Confusion, Counts
from lungbench.paper.class_sizes import STEPS
from lungbench.paper.count_limits import Between, Demands
from lungbench.paper.integer_counts import (
    CountVector,
    OutOfSteps,
    Sizes,
    Steps,
    confusions,
    count_vectors,
    strips,
)
from lungbench.paper.table import ALL_CLASSES, PrintedRun
from lungbench.stats.intervals import Interval, wilson

MOST_COUNTS = 10_000
MOST_MATRICES = 1_000


@dataclass(frozen=True, slots=True)
class Solutions:
    """The counts that could have produced a run's rates at some class sizes.

    Attributes:
        counts: One entry per possibility, each with the counts of every class.
        complete: Whether these are all; at most `MOST_COUNTS` are listed.
        of_class: Per class, counts that hold the extremes of all its possible ones.
        right: The fewest and the most images that may have been diagnosed rightly, of all classes.
        matrices: Confusion matrices with these counts.
        matrices_complete: Whether these are all; at most `MOST_MATRICES` are counted.
        example: One of the matrices, rows true classes, columns predicted ones.
    """

    counts: tuple[CountVector, ...]
    complete: bool
    of_class: tuple[tuple[Counts, ...], ...]
    right: Between
    matrices: int
    matrices_complete: bool
    example: Confusion

    @property
    def right_of_class(self) -> tuple[Between, ...]:
        """The same of each class."""
        return tuple(_span([counts.tp for counts in possible]) for possible in self.of_class)


@dataclass(frozen=True, slots=True)
class RateInterval:
    """How sure a printed rate is, as a share of its integer counts.

    Attributes:
        of: A class, or `overall`.
        rate: A rate's name.
        printed: As printed; None for an overall accuracy that isn't.
        numerator: With `denominator`, the exact rate of the first possible counts.
        denominator: 0 where no image was diagnosed as the class.
        interval: 95 % Wilson limits, the widest over all possible counts; None without images.
    """

    of: str
    rate: str
    printed: str | None
    numerator: int
    denominator: int
    interval: Interval | None


def solutions(wanted: Demands, sizes: Sizes) -> Solutions | None:
    """List the counts that meet the demands at these sizes; None where there are none."""
    vectors: list[CountVector] = []
    complete = True
    try:
        for counts in islice(count_vectors(wanted, sizes, Steps(STEPS)), MOST_COUNTS + 1):
            vectors.append(counts)  # noqa: PERF402  what was found stays when the steps run out
    except OutOfSteps:
        complete = False
    if not vectors:
        return None
    listed = tuple(vectors[:MOST_COUNTS])
    complete = complete and len(vectors) <= MOST_COUNTS
    of_class = _classes_of(listed) if complete else _extremes(wanted, sizes)
    matrices = sum(1 for _ in islice(_all_confusions(listed), MOST_MATRICES + 1))
    return Solutions(
        counts=listed,
        complete=complete,
        of_class=of_class,
        right=_right_of(listed) if complete else _right_at_most(of_class, wanted, sizes),
        matrices=min(matrices, MOST_MATRICES),
        matrices_complete=complete and matrices <= MOST_MATRICES,
        example=next(_all_confusions(listed)),
    )


def rate_intervals(run: PrintedRun, found: Solutions) -> tuple[RateInterval, ...]:
    """Return the interval of every printed rate, and of the overall accuracy."""
    return (*_class_intervals(run, found), _overall_interval(run, found))


def _classes_of(vectors: Iterable[CountVector]) -> tuple[tuple[Counts, ...], ...]:
    """Return the different counts of each class, in the order of the vectors."""
    return tuple(tuple(dict.fromkeys(of_class)) for of_class in zip(*vectors, strict=True))


def _extremes(wanted: Demands, sizes: Sizes) -> tuple[tuple[Counts, ...], ...]:
    """Return counts that hold the extremes of each class alone, whatever the others allow.

    Of those with the same `tp`, every rate is extreme where `fp` is.
    """
    total = sum(sizes)
    return tuple(
        tuple(
            Counts(strip.tp, fp, images - strip.tp, total - images - fp)
            for strip in strips(limits, images, total - images)
            for fp in dict.fromkeys((strip.fp_low, strip.fp_high))
        )
        for limits, images in zip(wanted.classes, sizes, strict=True)
    )


def _right_of(vectors: Iterable[CountVector]) -> Between:
    return _span([sum(each.tp for each in vector) for vector in vectors])


def _right_at_most(of_class: Iterable[Sequence[Counts]], wanted: Demands, sizes: Sizes) -> Between:
    """Return bounds of all right diagnoses, by the classes alone and by the overall accuracy."""
    low, high = wanted.right_of(sum(sizes))
    spans = [_span([counts.tp for counts in possible]) for possible in of_class]
    return max(low, sum(span[0] for span in spans)), min(high, sum(span[1] for span in spans))


def _span(counts: Sequence[int]) -> Between:
    return min(counts), max(counts)


def _all_confusions(vectors: Iterable[CountVector]) -> Iterator[Confusion]:
    return (matrix for counts in vectors for matrix in confusions(counts))


def _class_intervals(run: PrintedRun, found: Solutions) -> Iterator[RateInterval]:
    for label, each in enumerate(run.classes):
        for name, printed in each.rates.items():
            numerator, denominator = _quotient(name, found.counts[0][label])
            interval = _widest(_interval(name, counts) for counts in found.of_class[label])
            yield RateInterval(each.name, name, printed.text, numerator, denominator, interval)


def _overall_interval(run: PrintedRun, found: Solutions) -> RateInterval:
    images = sum(map(sum, found.example))
    first = sum(each.tp for each in found.counts[0])
    printed = None if run.overall is None else run.overall.text
    interval = _widest(wilson(right, images) for right in found.right)
    return RateInterval(ALL_CLASSES[0], "accuracy", printed, first, images, interval)


def _quotient(rate: str, counts: Counts) -> tuple[int, int]:
    """Return numerator and denominator of a rate."""
    diagnosed, images = counts.tp + counts.fp, counts.tp + counts.fn
    others = counts.fp + counts.tn
    return {
        "accuracy": (counts.tp + counts.tn, images + others),
        "precision": (counts.tp, diagnosed),
        "recall": (counts.tp, images),
        "specificity": (counts.tn, others),
        "f1": (2 * counts.tp, images + diagnosed),
    }[rate]


def _interval(rate: str, counts: Counts) -> Interval | None:
    """Return Wilson's interval of a rate.

    F1 is no share of images, but 2s / (1 + s) rises with s, the share of right ones among the
    images that are of the class or were diagnosed as it. So its limits are those of s, turned.

    Source: D. J. Hand, P. Christen, N. Kirielle, Machine Learning 110 (2021) 451-456, where s is
    called F*.
    """
    if rate == "f1":
        share = wilson(counts.tp, counts.tp + counts.fp + counts.fn)
        return Interval(*(2 * limit / (1 + limit) for limit in (share.low, share.high)))
    numerator, denominator = _quotient(rate, counts)
    return wilson(numerator, denominator) if denominator else None


def _widest(intervals: Iterable[Interval | None]) -> Interval | None:
    known = [each for each in intervals if each is not None]
    if not known:
        return None
    return Interval(min(each.low for each in known), max(each.high for each in known))


def exact_rate(rate: str, counts: Counts) -> Fraction | None:
    """Return a rate of these counts; None where its denominator is 0."""
    numerator, denominator = _quotient(rate, counts)
    return Fraction(numerator, denominator) if denominator else None
