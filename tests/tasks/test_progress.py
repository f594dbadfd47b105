"""What Prefect is told of a training, and what it is spared."""

import re

import pytest

from lungbench.experiment import Experiment, Matrix, RunSpec
from lungbench.record import Epoch
from tasks.progress import artifact_key, description, worth_showing
from tasks.standing import Standing

MATRIX = Matrix(models=("vgg16",), devices=("cpu:threads=2", "gpu:0"))
SPECS = Experiment(name="x", matrix=MATRIX).runs()


def epoch(number: int, **values: float) -> Epoch:
    return Epoch(
        epoch=number, started_s=5.0, train_s=100.0, validation_s=20.0, images_per_s=21.5, **values
    )


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.run_id)
def test_an_artifacts_key_is_one_that_prefect_accepts(spec: RunSpec) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", artifact_key("Lung.3_x", spec))


def test_every_run_of_every_experiment_has_its_own_history() -> None:
    keys = {artifact_key(name, spec) for name in ("one", "two") for spec in SPECS}
    assert len(keys) == 2 * len(SPECS)


def test_progress_says_where_the_training_stands_and_how_long_it_takes() -> None:
    epochs = (epoch(1), epoch(2, loss=0.5, accuracy=0.75))
    text = description(Standing(SPECS[0], epochs, begun=True))
    assert text.startswith("vgg16 on cpu:threads=2 #1: training, epoch 2 of 120, loss 0.5000, ")
    assert "accuracy 0.7500, 21.5 images/s" in text
    # 118 epochs of 120 s are 3 h 56 min.
    assert text.endswith("about 3 h 56 min to go")


def test_nothing_is_foretold_from_the_first_epoch_which_holds_compilation() -> None:
    assert "to go" not in description(Standing(SPECS[0], (epoch(1),), begun=True))


def test_a_training_is_shown_before_its_first_epoch_has_ended() -> None:
    assert description(Standing(SPECS[0], kept=7, begun=True)) == (
        "vgg16 on cpu:threads=2 #1: training, epoch 7 of 120"
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("12:00:01 epoch 1/3 8.19 s", True),
        ("ValueError: what a user must see", True),
        ("E0000 00:00:1 port.cc:1] something that is not about CUDA", True),
        ("", False),
        ("I0000 00:00:1 port.cc:153] oneDNN custom operations are on.", False),
        ("WARNING: All log messages before absl::InitializeLog() is called", False),
        ("E0000 00:00:1 cuda_platform.cc:52] failed call to cuInit", False),
    ],
)
def test_only_a_frameworks_usual_chatter_is_left_out(line: str, shown: bool) -> None:
    assert worth_showing(line) is shown
