"""From a few steps to a whole training."""

import pytest

from lungbench.experiment import Experiment, RunSpec
from lungbench.record import Split
from lungbench.training.step_times import StepTimes, estimated

IMAGES: dict[Split, int] = {"train": 200, "validation": 40, "test": 50}
TIMES = StepTimes(
    startup_s=5,
    build_s=2,
    first_step_s=9,
    step_s=(1.0, 2.0, 3.0),
    first_validation_step_s=1.5,
    validation_step_s=(0.5, 0.5),
)


def spec(**measure: object) -> RunSpec:
    experiment = Experiment.model_validate(
        {
            "name": "x",
            "train": {"epochs": 10, "batch_size": 20},
            "measure": measure,
            "matrix": {"models": ["cnn10"], "devices": ["cpu"]},
        }
    )
    return experiment.runs()[0]


def test_a_training_is_its_start_its_epochs_and_its_evaluation() -> None:
    # Starting 5 + 2, compiling 9 - 2 and 1.5 - 0.5; ten epochs of ten steps and two validation
    # steps; 2.5 steps to evaluate.
    once, evaluation = 5 + 2 + 7 + 1, 2.5 * 0.5
    assert estimated(TIMES, spec(), IMAGES).wall_s == pytest.approx(
        once + 10 * (10 * 2 + 2 * 0.5) + evaluation
    )


def test_the_range_is_that_of_the_steps() -> None:
    found = estimated(TIMES, spec(), IMAGES)
    # A hundred training steps, one second faster or slower each.
    assert found.wall_s - found.low_s == pytest.approx(100)
    assert found.high_s - found.wall_s == pytest.approx(100)


def test_a_training_that_is_only_timed_has_fewer_epochs() -> None:
    whole, timed = (estimated(TIMES, each, IMAGES) for each in (spec(), _timed()))
    assert whole.wall_s - timed.wall_s == pytest.approx(7 * (10 * 2 + 2 * 0.5))


def _timed() -> RunSpec:
    return spec(timing_epochs={"cpu": 2})  # the first epoch and two that are timed
