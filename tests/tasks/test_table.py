"""The table of all trainings that Prefect's UI shows."""

import json

from lungbench.experiment import Experiment, Matrix
from lungbench.record import Epoch
from tasks.standing import Standing
from tasks.table import rows, summary

MATRIX = Matrix(models=("cnn10", "vgg16"), devices=("cpu",), repeats=250)
SPECS = Experiment(name="x", matrix=MATRIX).runs()
EPOCHS = tuple(
    Epoch(epoch=n, started_s=1, train_s=2, images_per_s=21.52, loss=0.25, accuracy=0.875)
    for n in (1, 2)
)
# What Prefect's UI and database take without harm; measured by the project before it began.
MOST_BYTES = 500_000


def test_a_row_says_where_a_training_stands() -> None:
    [row] = rows([Standing(SPECS[0], EPOCHS, begun=True)])
    assert row == {
        "training": "cnn10 on cpu #1",
        "state": "training",
        "epoch": "2/120",
        "loss": "0.2500",
        "accuracy": "0.8750",
        "images/s": "21.5",
        # 118 epochs of 2 s
        "note": "about 3 min 56 s to go",
    }


def test_one_that_waits_has_empty_cells() -> None:
    [row] = rows([Standing(SPECS[0])])
    assert (row["epoch"], row["loss"], row["images/s"], row["note"]) == ("0/120", "", "", "")


def test_the_trainings_are_counted_by_state() -> None:
    standings = [Standing(SPECS[0], EPOCHS, begun=True), *map(Standing, SPECS[1:4])]
    assert summary(standings) == "0 of 4 done: 1 training, 3 waiting"


def test_five_hundred_trainings_are_a_small_artifact() -> None:
    assert len(SPECS) == 500
    table = json.dumps(rows([Standing(spec, EPOCHS, begun=True) for spec in SPECS]))
    assert len(table.encode()) < MOST_BYTES
