from collections.abc import Callable
from typing import Any

import pytest

from lungbench.record import Epoch, RunRecord
from reports.comparing.comparison import Comparison, Study, compare
from reports.comparing.learning import (
    TimeToAccuracy,
    gap_spread,
    spread,
    target_of,
    time_to_accuracy,
)
from reports.results.load import load
from reports.sections.to_accuracy import to_accuracy
from reports.wording.sentences import time_text

Change = Callable[[RunRecord], RunRecord]


def learning(*accuracies: float | None, train_s: float = 2.0) -> tuple[Epoch, ...]:
    return tuple(
        Epoch(
            epoch=number,
            started_s=3.0 * number,
            train_s=train_s,
            validation_s=0.5,
            images_per_s=50,
            accuracy=0.9,
            val_accuracy=accuracy,
        )
        for number, accuracy in enumerate(accuracies, start=1)
    )


def with_epochs(
    baseline: tuple[tuple[Epoch, ...], ...], other: tuple[tuple[Epoch, ...], ...]
) -> Change:
    """Give each run, by its side and repeat, these epochs."""

    def change(record: RunRecord) -> RunRecord:
        side = baseline if record.spec.device.threads == 1 else other
        return record.model_copy(update={"epochs": side[record.spec.repeat - 1]})

    return change


def pair(lab: Any, change: Change, **options: Any) -> tuple[Comparison, Comparison]:
    found: Study = compare([load(lab.execution(models=("cnn10",), change=change, **options))])
    first, second = found.comparisons
    return first, second


def times(comparison: Comparison) -> TimeToAccuracy:
    found = time_to_accuracy(comparison)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("best", "target"),
    [(0.84, 0.8), (0.85, 0.85), (0.8499999, 0.85), (0.849, 0.8), (1.0, 1.0), (0.34, None)],
)
def test_the_target_is_the_highest_multiple_of_5_points_that_the_baseline_reached(
    lab: Any, best: float, target: float | None
) -> None:
    # Of three equal classes naming one always scores 33.3 %, so 30 % would be no target.
    epochs = learning(0.2, best, 0.3)
    baseline, _ = pair(lab, with_epochs((epochs,), (epochs,)))
    assert target_of(baseline.cell) == target


def test_every_run_of_the_baseline_reaches_the_target(lab: Any) -> None:
    worse, better = learning(0.5, 0.61), learning(0.5, 0.92)
    baseline, _ = pair(lab, with_epochs((worse, better), (worse, better)), repeats=2)
    assert target_of(baseline.cell) == 0.6
    assert all(run.reached for run in times(baseline).runs)


def test_the_time_is_of_training_up_to_the_first_epoch_that_reached_it(lab: Any) -> None:
    baseline, other = pair(
        lab,
        with_epochs(
            (learning(0.5, 0.6, 0.7, train_s=4.0),), (learning(0.5, 0.71, 0.6, train_s=3.0),)
        ),
    )
    [reach] = times(other).runs
    assert (reach.reached, reach.epochs, reach.train_s) == (True, 2, 6.0)
    ratio = times(other).ratio
    assert ratio is not None
    assert ratio.estimate == pytest.approx(12 / 6)
    assert times(baseline).ratio is None


def test_a_target_that_was_not_reached_is_shown_and_has_no_ratio(lab: Any) -> None:
    _, other = pair(lab, with_epochs((learning(0.5, 0.7),), (learning(0.5, 0.6),)))
    found = times(other)
    assert found.ratio is None
    assert [run.reached for run in found.runs] == [False]
    assert time_text(found) == "not reached in 2 epochs, 4.00 s"


def test_one_run_that_missed_the_target_leaves_no_ratio(lab: Any) -> None:
    there, missed = learning(0.5, 0.7), learning(0.5, 0.6, train_s=3.0)
    _, other = pair(lab, with_epochs((there, there), (there, missed)), repeats=2)
    found = times(other)
    assert found.ratio is None
    assert time_text(found) == "4.00 s (1 run); not reached in 2 epochs, 6.00 s"


def test_without_validation_there_is_no_target(lab: Any) -> None:
    epochs = learning(None, None)
    baseline, other = pair(lab, with_epochs((epochs,), (epochs,)))
    assert time_to_accuracy(baseline) is None
    assert time_to_accuracy(other) is None


def test_a_network_without_a_target_keeps_its_row(lab: Any) -> None:
    def change(record: RunRecord) -> RunRecord:
        learnt = learning(0.5, 0.7) if record.spec.model == "cnn10" else learning(0.3, 0.3)
        return record.model_copy(update={"epochs": learnt})

    study = compare([load(lab.execution(models=("cnn10", "vgg16"), change=change))])
    shown = to_accuracy(study.comparisons)
    assert shown is not None
    assert [row[-1] for row in shown.rows] == ["4.00 s", "4.00 s", "no target", "no target"]


def test_the_gap_is_the_last_training_accuracy_minus_the_test_accuracy(lab: Any) -> None:
    epochs = learning(0.5, 0.7)
    baseline, _ = pair(lab, with_epochs((epochs,), (epochs,)))
    gap = gap_spread(baseline.cell)
    assert gap is not None
    [run] = baseline.cell.runs
    assert run.metrics is not None
    assert gap.mean == pytest.approx(0.9 - run.metrics.overall_accuracy)


def test_the_spread_is_the_samples() -> None:
    found = spread([0.8, 0.9, 0.85])
    assert found is not None
    # Deviations -0.05, 0.05, 0: sqrt((0.0025 + 0.0025) / 2).
    assert found.deviation == pytest.approx(0.05)
    assert (found.mean, found.low, found.high) == (pytest.approx(0.85), 0.8, 0.9)


def test_one_run_has_no_deviation_and_no_run_no_spread() -> None:
    single = spread([0.8])
    assert single is not None
    assert single.deviation is None
    assert spread([]) is None
