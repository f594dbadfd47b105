"""An execution's folder: found again, held, and asked what is left of it."""

import hashlib
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.packed import Rows
from lungbench.errors import DataError, ExperimentError, LungbenchError, Refused
from lungbench.executions.execution import (
    EXPERIMENT_FILE,
    Execution,
    newest_execution,
    preflight,
    record_name,
)
from lungbench.executions.hold import signed_here
from lungbench.executions.seal import read_seal
from lungbench.experiment import Experiment, Matrix
from lungbench.host import describe_host
from lungbench.record import RECORD_FILE, Status, read_record, write_record
from lungbench.run import launch as launching
from lungbench.settings import DataSettings, TrainSettings

CHILD = """
import csv, json, pathlib, sys
run = pathlib.Path(sys.argv[1])
with (run / "predictions.csv").open("w", newline="") as file:
    csv.writer(file).writerows([["path", "true", "predicted"], ["x", "covid", "covid"]])
(run / "training.json").write_text(json.dumps({}))
"""


@pytest.fixture
def execution(tmp_path: Path, data: PreparedData) -> Execution:
    """Two runs, prepared, none begun."""
    experiment = Experiment(
        name="tiny",
        data=DataSettings(source=str(tmp_path / "files"), image_size=32),
        train=TrainSettings(epochs=2, weights="none"),
        matrix=Matrix.model_validate({"models": ["cnn10"], "devices": ["cpu"], "repeats": 2}),
    )
    execution = Execution.create(experiment, tmp_path / "results")
    (execution.folder / DATA_FILE).write_text(data.model_dump_json())
    return execution


@pytest.fixture
def train(
    execution: Execution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], None]:
    """Train the run of this number with a stand-in for the training child."""
    (tmp_path / "child.py").write_text(CHILD)
    command = (sys.executable, str(tmp_path / "child.py"))
    usual = launching.Surroundings

    def with_stand_in(**parts: object) -> launching.Surroundings:
        return usual(**parts, command=command)  # type: ignore[arg-type]

    monkeypatch.setattr("lungbench.executions.execution.Surroundings", with_stand_in)

    def train(number: int) -> None:
        run_id = execution.experiment.runs()[number].run_id
        assert execution.train(run_id, threading.Event()).status == "completed"

    return train


def end_as(execution: Execution, number: int, status: Status) -> None:
    run_dir = execution.run_dir(execution.experiment.runs()[number])
    write_record(read_record(run_dir).model_copy(update={"status": status}), run_dir)


def test_what_has_no_result_remains_and_what_was_interrupted_is_left(
    execution: Execution, train: Callable[[int], None]
) -> None:
    first, second = execution.experiment.runs()
    assert execution.remaining() == execution.left() == (first, second)
    train(0)
    assert execution.remaining() == execution.left() == (second,)
    end_as(execution, 0, "failed")
    assert (execution.remaining(), execution.left()) == ((first, second), (second,))
    end_as(execution, 0, "interrupted")
    assert execution.left() == (first, second)


def test_runs_on_other_data_remain(execution: Execution, train: Callable[[int], None]) -> None:
    train(0)
    data = PreparedData.read(execution.folder / DATA_FILE)
    other = data.model_copy(update={"fingerprint": "e" * 64})
    (execution.folder / DATA_FILE).write_text(other.model_dump_json())
    assert len(execution.remaining()) == 2


def test_a_record_is_sealed_when_its_run_has_ended(
    execution: Execution, train: Callable[[int], None]
) -> None:
    train(0)
    name = record_name(execution.experiment.runs()[0].run_id)
    digest = hashlib.sha256((execution.folder / name).read_bytes()).hexdigest()
    assert read_seal(execution.folder) == {name: digest}


def test_who_holds_an_execution_seals_its_own_files_at_the_end(execution: Execution) -> None:
    for content in ("one", "two"):
        with execution.held("lungbench run"):
            assert EXPERIMENT_FILE not in read_seal(execution.folder)
            (execution.folder / "report.html").write_text(content)
    sealed = read_seal(execution.folder)
    assert sealed.keys() == {EXPERIMENT_FILE, DATA_FILE, "report.html"}
    assert sealed["report.html"] == hashlib.sha256(b"two").hexdigest()
    assert not signed_here(execution.folder)


def test_an_interruption_seals_as_well(execution: Execution) -> None:
    with pytest.raises(KeyboardInterrupt), execution.held("lungbench run"):
        raise KeyboardInterrupt
    assert EXPERIMENT_FILE in read_seal(execution.folder)


def test_an_execution_is_found_again_by_any_spelling_of_its_path(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(execution.folder.parent)
    assert Execution.open(Path(execution.folder.name)) == execution


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "Invalid JSON"),
        ("{}", "name is missing"),
        ('{"name": "x", "matrix": {"models": ["vgg61"], "devices": ["cpu"]}}', "vgg61"),
        (b"\xff\xfe", "Invalid JSON"),
    ],
)
def test_a_damaged_experiment_is_named_in_one_line(
    execution: Execution, text: str | bytes, words: str
) -> None:
    path = execution.folder / EXPERIMENT_FILE
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ExperimentError, match=words) as error:
        Execution.open(execution.folder)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["nowhere", "files", "data.json"])
def test_a_folder_without_an_execution_is_refused(
    execution: Execution, tmp_path: Path, name: str
) -> None:
    for find in (newest_execution, Execution.open):
        with pytest.raises(Refused, match=name):
            find(tmp_path / name)


def test_the_newest_execution_is_found_from_above(execution: Execution) -> None:
    results = execution.folder.parents[1]
    for folder in (execution.folder, execution.folder.parent, results):
        assert newest_execution(folder) == execution.folder


@pytest.mark.parametrize("begun", [False, True])
def test_refused_data_remove_an_execution_only_where_nothing_was_begun(
    execution: Execution, begun: bool
) -> None:
    (execution.folder / DATA_FILE).unlink()
    if begun:
        execution.run_dir(execution.experiment.runs()[0]).mkdir(parents=True)
    values = json.loads((execution.folder / EXPERIMENT_FILE).read_bytes())
    values["data"]["source"] = "nowhere"
    (execution.folder / EXPERIMENT_FILE).write_text(json.dumps(values))
    with pytest.raises(DataError):
        Execution.open(execution.folder).prepare()
    assert execution.folder.exists() is begun


def test_a_record_that_cannot_be_read_is_none(execution: Execution) -> None:
    spec = execution.experiment.runs()[0]
    execution.run_dir(spec).mkdir(parents=True)
    (execution.run_dir(spec) / RECORD_FILE).write_text("{")
    assert execution.record(spec) is None
    with pytest.raises(LungbenchError):
        read_record(execution.run_dir(spec))


def test_the_record_of_a_fold_counts_that_folds_images(
    execution: Execution, train: Callable[[int], None], data: PreparedData
) -> None:
    fold = {"train": Rows([0, 1, 10]), "validation": Rows([2, 11]), "test": Rows([3])}
    data.model_copy(update={"folds": (data.rows, fold)}).write(execution.folder / DATA_FILE)
    settings = execution.experiment.data.model_copy(update={"kfold": 2})
    crossed = execution.experiment.model_copy(update={"data": settings})
    (execution.folder / EXPERIMENT_FILE).write_text(crossed.model_dump_json())
    again = Execution.open(execution.folder)
    found = {}
    for spec in crossed.runs()[:2]:
        found[spec.fold] = again.train(spec.run_id, threading.Event()).data.counts
    assert found[1] == data.facts().counts
    assert found[2]["train"] == {"covid": 2, "normal": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,label\ncovid/0.png,covid\nnormal/10.png,normal\n", None),
        ("path,label\ncovid/0.png,covid\nnowhere.png,normal\n", "1 missing: nowhere.png"),
    ],
)
def test_the_images_are_looked_for_before_anything_is_started(
    execution: Execution, tmp_path: Path, text: str, words: str | None
) -> None:
    (tmp_path / "files" / "m.csv").write_text(text)
    data = DataSettings(source=str(tmp_path / "files" / "m.csv"))
    experiment = execution.experiment.model_copy(update={"data": data})
    if words is None:
        preflight(experiment, tmp_path / "results", describe_host(gpus=False))
        return
    with pytest.raises(DataError, match=words):
        preflight(experiment, tmp_path / "results", describe_host(gpus=False))
