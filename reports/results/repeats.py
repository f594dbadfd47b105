"""The repeats of a cell: one run each, or all folds of a cross-validation together."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from lungbench.metrics import Confusion
from lungbench.record import RunRecord


@dataclass(frozen=True, slots=True)
class Repeat:
    """One repeat whose networks were evaluated.

    Attributes:
        confusion: Of the test images of all its folds, each of which one network diagnosed.
        accuracy: The share of these that were diagnosed rightly.
        training_accuracy: Of the last epoch, a mean over the folds; None where one has none.
    """

    confusion: Confusion
    accuracy: float
    training_accuracy: float | None

    @property
    def images(self) -> int:
        """The number of test images."""
        return sum(map(sum, self.confusion))


def repeats_of(runs: Sequence[RunRecord]) -> tuple[Repeat, ...]:
    """Return the repeats of a cell's runs, in their order.

    Those that lack a fold which others have are left out: they are of other images.
    """
    by_number: dict[int, list[RunRecord]] = defaultdict(list)
    for run in runs:
        if run.metrics:
            by_number[run.spec.repeat].append(run)
    found = [_repeat(folds) for folds in by_number.values()]
    most = max((len(folds) for folds in by_number.values()), default=0)
    return tuple(
        repeat
        for repeat, folds in zip(found, by_number.values(), strict=True)
        if len(folds) == most
    )


def _repeat(folds: Sequence[RunRecord]) -> Repeat:
    metrics = [run.metrics for run in folds if run.metrics]
    confusion = tuple(
        tuple(map(sum, zip(*rows, strict=True)))
        for rows in zip(*(each.confusion for each in metrics), strict=True)
    )
    right = sum(row[label] for label, row in enumerate(confusion))
    images = sum(map(sum, confusion))
    trained = [run.epochs[-1].accuracy if run.epochs else None for run in folds]
    known = [each for each in trained if each is not None]
    return Repeat(
        confusion=confusion,
        accuracy=right / images if images else metrics[0].overall_accuracy,
        training_accuracy=fmean(known) if len(known) == len(trained) else None,
    )
