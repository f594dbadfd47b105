"""Whether two sides diagnose equally well: accuracy with its interval, and a verdict in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from statistics import fmean
from typing import Literal

from lungbench.record import Metrics, RunRecord
from lungbench.stats import Interval, wilson

# Two accuracies within this are as good as equal; a wider interval can't tell. 5 points: the
# paper's own devices differ by 0.8 (VGG16) to 14.4 points (InceptionV3).
EQUIVALENCE_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the runs of a cell diagnose the same test images.

    Attributes:
        accuracy: Mean overall accuracy of the runs.
        interval: Wilson's interval of that mean on the test images; repeats share the images,
            so they don't make it narrower.
        accuracies: Overall accuracy of each run.
        images: Test images.
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
class QualityVerdict:
    """The difference in accuracy, other side minus baseline, and what may be said of it.

    Attributes:
        interval: Newcombe's interval from the two Wilson intervals. It treats the two sides as
            independent; they share their images, so it is wider than a paired one.
    """

    kind: Literal["equivalent", "different", "inconclusive"]
    difference: float
    interval: Interval


def quality_of(runs: Sequence[RunRecord]) -> Quality | None:
    """Return the quality of a cell, or None where no run was evaluated."""
    metrics = [run.metrics for run in runs if run.metrics]
    if not metrics:
        return None
    images = sum(map(sum, metrics[0].confusion))
    if images == 0:
        return None
    accuracies = tuple(each.overall_accuracy for each in metrics)
    accuracy = fmean(accuracies)
    return Quality(
        accuracy=accuracy,
        interval=wilson(round(accuracy * images), images),
        accuracies=accuracies,
        images=images,
        largest_class=max(map(sum, metrics[0].confusion)) / images,
    )


def accuracy_interval(metrics: Metrics) -> Interval | None:
    """Return Wilson's interval of one run's overall accuracy."""
    images = sum(map(sum, metrics.confusion))
    right = sum(row[index] for index, row in enumerate(metrics.confusion))
    return wilson(right, images) if images else None


def judge(baseline: Quality | None, other: Quality | None) -> QualityVerdict | None:
    """Compare two accuracies against the margin; None where a side was not evaluated."""
    if baseline is None or other is None:
        return None
    difference = other.accuracy - baseline.accuracy
    below = hypot(other.accuracy - other.interval.low, baseline.interval.high - baseline.accuracy)
    above = hypot(other.interval.high - other.accuracy, baseline.accuracy - baseline.interval.low)
    interval = Interval(difference - below, difference + above)
    return QualityVerdict(_kind(interval), difference, interval)


def _kind(interval: Interval) -> Literal["equivalent", "different", "inconclusive"]:
    if interval.low >= -EQUIVALENCE_MARGIN and interval.high <= EQUIVALENCE_MARGIN:
        return "equivalent"
    return "different" if interval.low > 0 or interval.high < 0 else "inconclusive"
