"""The table of all trainings that Prefect's UI shows."""

import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.actions import ArtifactCreate

from lungbench.experiment import Experiment, Matrix
from lungbench.record import Epoch
from tasks.standing import Standing
from tasks.table import ROWS, LongTable, rows, summary

MATRIX = Matrix(models=("cnn10", "vgg16"), devices=("cpu",), repeats=250)
SPECS = Experiment(name="x", matrix=MATRIX).runs()
EPOCHS = tuple(
    Epoch(epoch=n, started_s=1, train_s=2, images_per_s=21.52, loss=0.25, accuracy=0.875)
    for n in (1, 2)
)
# What Prefect's UI and database take without harm; measured by the project before it began.
MOST_BYTES = 500_000


@dataclass
class CountingServer:
    """Takes what a server is sent of artifacts, and counts it."""

    keys: dict[UUID, str | None] = field(default_factory=dict)
    shown: dict[str | None, dict[str, Any]] = field(default_factory=dict)
    requests: int = 0
    rows: int = 0
    longest: int = 0

    def create_artifact(self, artifact: ArtifactCreate) -> SimpleNamespace:
        made = uuid4()
        self.keys[made] = artifact.key
        self._take(made, {"data": artifact.data, "description": artifact.description})
        return SimpleNamespace(id=made)

    def request(
        self, method: str, path: str, path_params: dict[str, UUID], json: dict[str, Any]
    ) -> None:
        assert (method, path) == ("PATCH", "/artifacts/{id}")
        self._take(path_params["id"], json)

    def _take(self, made: UUID, news: dict[str, Any]) -> None:
        self.shown.setdefault(self.keys[made], {}).update(news)
        data = news.get("data", "[]")
        self.requests += 1
        self.rows += len(json.loads(data))
        self.longest = max(self.longest, len(data.encode()))


def filled_in(trainings: int) -> CountingServer:
    """Show a table anew after each training that begins, the worst there is."""
    server, standings = CountingServer(), list(map(Standing, SPECS[:trainings]))
    table = LongTable("x", trainings)
    table.show(server, standings)  # type: ignore[arg-type]
    for place in range(trainings):
        standings[place] = replace(standings[place], epochs=EPOCHS, begun=True)
        table.show(server, standings)  # type: ignore[arg-type]
    return server


@pytest.mark.parametrize("trainings", [ROWS, 4 * ROWS, 10 * ROWS])
def test_what_is_sent_is_linear_in_the_number_of_trainings(trainings: int) -> None:
    sent = filled_in(trainings)
    # Every part once, then for each training the part that it stands in ...
    assert sent.rows == trainings + trainings * ROWS
    # ... and how far all are, which is told with the first part.
    assert sent.requests == trainings // ROWS + trainings + (trainings - ROWS)


def test_a_long_table_is_in_parts_that_hold_every_training_in_order() -> None:
    server = filled_in(2 * ROWS + 1)
    names = ["x-trainings", f"x-trainings-from-{ROWS + 1}", f"x-trainings-from-{2 * ROWS + 1}"]
    assert list(server.shown) == names
    shown = [row["training"] for name in names for row in json.loads(server.shown[name]["data"])]
    assert shown == [spec.label for spec in SPECS[: 2 * ROWS + 1]]
    whole, second, third = (server.shown[name]["description"] for name in names)
    assert whole == f"0 of {2 * ROWS + 1} done: {2 * ROWS + 1} training"
    assert second == f"0 of {ROWS} done: {ROWS} training"
    assert third == "0 of 1 done: 1 training"


def test_a_table_in_which_nothing_has_changed_is_not_sent() -> None:
    server, standings = CountingServer(), [Standing(SPECS[0])]
    table = LongTable("x", 1)
    for _ in range(3):
        table.show(server, standings)  # type: ignore[arg-type]
    assert server.requests == 1


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


def test_five_hundred_trainings_are_small_artifacts() -> None:
    assert len(SPECS) == 500
    assert filled_in(500).longest < MOST_BYTES
