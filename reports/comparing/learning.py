"""What the epochs say beyond speed: time to an accuracy, spread over seeds, the train-test gap."""

import math
from dataclasses import dataclass
from statistics import fmean, stdev

from lungbench.record import RunRecord
from lungbench.stats.intervals import Speedup, speedup
from reports.comparing.comparison import Cell, Comparison
from reports.results.repeats import repeats_of

# Targets are multiples of this share.
_STEP = 0.05
# Frameworks average accuracies in single precision: 0.95 may be written 0.9499999.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Reach:
    """One run on its way to a validation accuracy.

    Attributes:
        reached: Whether an epoch ended with it.
        fold: Of a cross-validation; 0 without one.
        epochs: Epochs until then, or all epochs where none did.
        train_s: Training time of those epochs, the first one's tracing included; without
            start-up, validation and checkpoints.
    """

    repeat: int
    reached: bool
    epochs: int
    train_s: float
    fold: int = 0


@dataclass(frozen=True, slots=True)
class TimeToAccuracy:
    """How long a cell's runs train until they reach a validation accuracy.

    Attributes:
        target: The validation accuracy, a share.
        ratio: How many times sooner than the baseline; None for the baseline, where the two
            sides may not be compared, and where a run of either side never got there.
    """

    target: float
    runs: tuple[Reach, ...]
    ratio: Speedup | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over the repeats of a cell, each with its own seed.

    Attributes:
        deviation: Standard deviation; None for a single run.
    """

    mean: float
    deviation: float | None
    low: float
    high: float
    runs: int


def time_to_accuracy(comparison: Comparison) -> TimeToAccuracy | None:
    """Return the time that a cell takes to its baseline's target; None where there is no target.

    Also None where a side was only timed: it was stopped before it could get anywhere.
    """
    if comparison.timed_only:
        return None
    baseline = comparison.cell if comparison.is_baseline else comparison.baseline
    target = target_of(baseline) if baseline else None
    runs = _reaches(comparison.cell, target) if target else ()
    if baseline is None or target is None or not runs:
        return None
    ratio = None
    if comparison.speedup:
        ratio = _ratio(_reaches(baseline, target), runs)
    return TimeToAccuracy(target, runs, ratio)


def target_of(baseline: Cell) -> float | None:
    """Return the highest multiple of 5 points that every run of the baseline reached.

    None where that is no more than always naming the largest class would score.
    """
    best = [max(_accuracies(run), default=None) for run in baseline.runs]
    known = [each for each in best if each is not None]
    if not known or len(known) < len(best):
        return None
    steps = math.floor((min(known) + _ROUNDING) / _STEP)
    target = steps / round(1 / _STEP)
    return target if target > _largest_class(baseline.runs[0]) else None


def accuracy_spread(cell: Cell) -> Spread | None:
    """Return the spread of the test accuracy over a cell's repeats."""
    return spread([each.accuracy for each in repeats_of(cell.runs)])


def training_spread(cell: Cell) -> Spread | None:
    """Return the spread of the last epoch's training accuracy."""
    last = [each.training_accuracy for each in repeats_of(cell.runs)]
    return spread([each for each in last if each is not None])


def gap_spread(cell: Cell) -> Spread | None:
    """Return the spread of the train-test gap: last training accuracy minus test accuracy.

    Training accuracy is the running mean of an epoch over augmented images with dropout on, so
    the gap comes out smaller than the networks' true one, and may be negative.
    """
    return spread(
        [
            each.training_accuracy - each.accuracy
            for each in repeats_of(cell.runs)
            if each.training_accuracy is not None
        ]
    )


def spread(values: list[float]) -> Spread | None:
    """Return mean, standard deviation and range; None without values."""
    if not values:
        return None
    deviation = stdev(values) if len(values) > 1 else None
    return Spread(fmean(values), deviation, min(values), max(values), len(values))


def _accuracies(run: RunRecord) -> list[float]:
    return [each.val_accuracy for each in run.epochs if each.val_accuracy is not None]


def _largest_class(run: RunRecord) -> float:
    counts = run.data.counts.get("validation", {}).values()
    return max(counts) / sum(counts) if sum(counts) else 0.0


def _reaches(cell: Cell, target: float) -> tuple[Reach, ...]:
    return tuple(_reach(run, target) for run in cell.timed_runs if run.epochs)


def _reach(run: RunRecord, target: float) -> Reach:
    until = next(
        (
            number
            for number, epoch in enumerate(run.epochs, start=1)
            if epoch.val_accuracy is not None and epoch.val_accuracy >= target - _ROUNDING
        ),
        None,
    )
    trained = run.epochs[: until or len(run.epochs)]
    return Reach(
        repeat=run.spec.repeat,
        reached=until is not None,
        epochs=len(trained),
        train_s=math.fsum(epoch.train_s for epoch in trained),
        fold=run.spec.fold or 0,
    )


def _ratio(baseline: tuple[Reach, ...], other: tuple[Reach, ...]) -> Speedup | None:
    """Compare the times; a run that never got there has none, and leaving it out would flatter."""
    if not all(each.reached for each in (*baseline, *other)):
        return None
    return speedup([each.train_s for each in baseline], [each.train_s for each in other])
