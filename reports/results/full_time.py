"""What all planned epochs of a training take: measured, or predicted from the few it was timed for.

Both count from the start of the process to the end of the last epoch, without the evaluation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.guards.judging import usable_for_timing
from lungbench.record import Prediction, RunRecord
from lungbench.stats.intervals import geometric_mean


@dataclass(frozen=True, slots=True)
class FullTime:
    """The time of all planned epochs.

    Attributes:
        wall_s: Geometric mean over the runs.
        low_s: Of a prediction, the lowest limit of its runs' own 95 % intervals; None where it
            was measured, and where a run has no interval.
        high_s: The highest limit, likewise.
        trained_epochs: Epochs that every run trained; a prediction is made from these.
        planned_epochs: Epochs of the full training.
        runs: How many runs it is of.
        predicted: Whether it is an extrapolation.
    """

    wall_s: float
    low_s: float | None
    high_s: float | None
    trained_epochs: int
    planned_epochs: int
    runs: int
    predicted: bool


def timed_only(run: RunRecord) -> bool:
    """Return whether a run was stopped after a few timed epochs, and so left no diagnosis."""
    return run.timing is not None and run.timing.predicted is not None


def full_time(runs: Sequence[RunRecord]) -> FullTime | None:
    """Return what all epochs of a cell take; None where no run's epochs tell."""
    known = [run for run in runs if run.epochs and usable_for_timing(run)]
    if not known:
        return None
    times = [_time(run) for run in known]
    limits = [(low, high) for _, low, high in times if low is not None and high is not None]
    complete = len(limits) == len(times)
    return FullTime(
        wall_s=geometric_mean(wall_s for wall_s, _, _ in times),
        low_s=min(low for low, _ in limits) if complete else None,
        high_s=max(high for _, high in limits) if complete else None,
        trained_epochs=min(len(run.epochs) for run in known),
        planned_epochs=known[0].spec.epochs,
        runs=len(known),
        predicted=any(timed_only(run) for run in known),
    )


def _time(run: RunRecord) -> tuple[float, float | None, float | None]:
    """Return one run's time and its limits; the epochs that ended are a lower limit themselves."""
    last = run.epochs[-1]
    trained_s = last.started_s + last.train_s + (last.validation_s or 0.0)
    prediction: Prediction | None = run.timing.predicted if run.timing else None
    if prediction is None:
        return trained_s, None, None
    wall_s, low_s = prediction.wall_s, prediction.low_s
    if low_s is not None:
        low_s = max(low_s, min(trained_s, wall_s))
    return wall_s, low_s, prediction.high_s
