"""Whether two sides diagnose equally well: accuracy with its interval, and a verdict in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot
from statistics import fmean
from typing import Literal

from lungbench.record import Metrics, RunRecord
from lungbench.stats.agreement import Pair, holm, mcnemar, paired_interval, smallest_of
from lungbench.stats.intervals import Interval, wilson
from reports.results.repeats import repeats_of

# Two accuracies within this are as good as equal; a wider interval can't tell. 5 points: the
# paper's own devices differ by 0.8 (VGG16) to 14.4 points (InceptionV3).
EQUIVALENCE_MARGIN = 0.05
SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the runs of a cell diagnose the same test images.

    Attributes:
        accuracy: Mean overall accuracy of the repeats.
        interval: Wilson's interval of that mean on the test images; repeats share the images,
            so they don't make it narrower.
        accuracies: Overall accuracy of each repeat, over the test images of all its folds.
        images: Test images, of all folds.
        largest_class: Share of the most frequent class, which naming it always would score.
    """

    accuracy: float
    interval: Interval
    accuracies: tuple[float, ...]
    images: int
    largest_class: float

    @property
    def beats_guessing(self) -> bool:
        """Whether it is shown to be better than always naming the most frequent class."""
        return self.interval.low > self.largest_class


@dataclass(frozen=True, slots=True)
class Paired:
    """What the single images say where both sides' predictions are there, repeat by repeat.

    Attributes:
        repeats: Their numbers; the tuples below have one entry each.
        baseline_only: Images that only the baseline's network diagnosed rightly.
        other_only: Images that only the other side's network diagnosed rightly.
        p_values: McNemar's exact test of each repeat.
        p: One p-value for all repeats, by Bonferroni: they share their images.
        p_adjusted: The same after Holm's method over all comparisons along the same axis.
    """

    images: int
    repeats: tuple[int, ...]
    baseline_only: tuple[int, ...]
    other_only: tuple[int, ...]
    p_values: tuple[float, ...]
    p: float
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class QualityVerdict:
    """The difference in accuracy, other side minus baseline, and what may be said of it.

    Attributes:
        interval: Of the paired difference; where nothing pairs up, Newcombe's from the two Wilson
            intervals, which treats the sides as independent and so is wider.
        paired: None where the predictions of single images can't be paired.
    """

    difference: float
    interval: Interval
    paired: Paired | None = None

    @property
    def kind(self) -> Literal["equivalent", "different", "inconclusive"]:
        """Equivalent within the margin; different where interval and adjusted test both say so."""
        low, high = self.interval.low, self.interval.high
        if low >= -EQUIVALENCE_MARGIN and high <= EQUIVALENCE_MARGIN:
            return "equivalent"
        significant = self.paired is None or self.paired.p_adjusted <= SIGNIFICANCE
        return "different" if significant and (low > 0 or high < 0) else "inconclusive"

    @property
    def conclusive(self) -> bool:
        """Whether either is shown."""
        return self.kind != "inconclusive"


def quality_of(runs: Sequence[RunRecord]) -> Quality | None:
    """Return the quality of a cell, or None where no run was evaluated."""
    repeats = repeats_of(runs)
    if not repeats or not repeats[0].images:
        return None
    images = repeats[0].images
    accuracies = tuple(each.accuracy for each in repeats)
    accuracy = fmean(accuracies)
    return Quality(
        accuracy=accuracy,
        interval=wilson(round(accuracy * images), images),
        accuracies=accuracies,
        images=images,
        largest_class=max(map(sum, repeats[0].confusion)) / images,
    )


def accuracy_interval(metrics: Metrics) -> Interval | None:
    """Return Wilson's interval of one run's overall accuracy."""
    images = sum(map(sum, metrics.confusion))
    right = sum(row[index] for index, row in enumerate(metrics.confusion))
    return wilson(right, images) if images else None


def judge(
    baseline: Quality | None, other: Quality | None, pairs: Mapping[int, Pair] | None = None
) -> QualityVerdict | None:
    """Compare two accuracies against the margin; None where a side was not evaluated.

    Args:
        baseline: The baseline's.
        other: The other side's.
        pairs: Both sides' networks on the same images, by repeat, as far as they are there.
    """
    if baseline is None or other is None:
        return None
    if pairs:
        return _judged_by_images(pairs)
    difference = other.accuracy - baseline.accuracy
    below = hypot(other.accuracy - other.interval.low, baseline.interval.high - baseline.accuracy)
    above = hypot(other.interval.high - other.accuracy, baseline.accuracy - baseline.interval.low)
    return QualityVerdict(difference, Interval(difference - below, difference + above))


def adjusted(verdicts: Sequence[QualityVerdict | None]) -> list[QualityVerdict | None]:
    """Adjust the tests of all comparisons that are read together, in their order."""
    tested = [each.paired for each in verdicts if each and each.paired]
    p_values = iter(holm([each.p for each in tested]))
    return [
        replace(each, paired=replace(each.paired, p_adjusted=next(p_values)))
        if each and each.paired
        else each
        for each in verdicts
    ]


def _judged_by_images(pairs: Mapping[int, Pair]) -> QualityVerdict:
    each = tuple(pairs.values())
    p_values = tuple(mcnemar(pair.baseline_only, pair.other_only) for pair in each)
    p = smallest_of(p_values)
    return QualityVerdict(
        difference=fmean(pair.difference for pair in each),
        interval=paired_interval(each),
        paired=Paired(
            images=each[0].images,
            repeats=tuple(pairs),
            baseline_only=tuple(pair.baseline_only for pair in each),
            other_only=tuple(pair.other_only for pair in each),
            p_values=p_values,
            p=p,
            p_adjusted=p,
        ),
    )
