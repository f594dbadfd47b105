"""The real training child, on images small enough to train in seconds."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from lungbench.data.dataset import PreparedData
from lungbench.experiment import RunSpec
from lungbench.files import sha256_of
from lungbench.host import describe_host
from lungbench.predict.card import ModelCard, card_of_run
from lungbench.predict.trust import Voucher
from lungbench.record import RunRecord
from lungbench.run.launch import Surroundings, launch

Make = Callable[..., Surroundings]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(
    spec: RunSpec,
    make_data: Callable[[Path], PreparedData],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[RunRecord, Path]:
    """One real training, which several tests look at."""
    folder = tmp_path_factory.mktemp("trained")
    data = make_data(folder)
    around = Surroundings(folder / "data.json", data.facts(), describe_host(gpus=False))
    return launch(spec, folder / "run", around), folder / "run"


def test_a_training_leaves_all_that_its_record_promises(
    trained: tuple[RunRecord, Path],
) -> None:
    record, run_dir = trained
    data = PreparedData.read(run_dir.parent / "data.json")
    assert (record.status, record.reason) == ("completed", None)
    assert [epoch.epoch for epoch in record.epochs] == [1, 2]
    for epoch in record.epochs:
        assert None not in (epoch.loss, epoch.accuracy, epoch.val_loss, epoch.val_accuracy)
        assert epoch.images_per_s == pytest.approx(12 / epoch.train_s)
    assert record.model is not None
    # By hand at 32 px: 1 568 + 18 496 + 32 896 + (8*8*128 + 1)*128 + 129*64 + 65*2.
    assert record.model.parameters == record.model.trainable_parameters == 1_110_050
    assert record.model.weights == "none"
    assert {"model.keras", "predictions.csv", "samples.csv.gz"} <= record.artifacts.keys()

    assert record.timing is not None
    parts = [part for part in record.timing.ledger.model_dump().values() if part is not None]
    assert all(part >= 0 for part in parts)
    assert sum(parts) == pytest.approx(record.timing.wall_s)

    with (run_dir / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [data.paths[row] for row in data.rows["test"]]
    assert [row["true"] for row in rows] == ["covid", "covid", "normal", "normal"]
    for row in rows:
        assert float(row["p_covid"]) + float(row["p_normal"]) == pytest.approx(1, abs=1e-6)
        assert float(row[f"p_{row['predicted']}"]) >= 0.5


def test_a_training_leaves_how_sure_its_network_may_be_and_how_fast_it_diagnoses(
    trained: tuple[RunRecord, Path],
) -> None:
    record, run_dir = trained
    assert record.artifacts["diagnosis.json"] == sha256_of(run_dir / "diagnosis.json")
    card = card_of_run(Voucher(record, run_dir), record.spec.image_size)
    assert isinstance(card, ModelCard)
    assert card.calibration is not None
    # The fixture has 4 images to validate and 12 to train on, and no table of the originals.
    assert (card.calibration.images, card.appearance.images) == (4, 12)
    assert card.appearance.aspect is None
    assert record.latency is not None
    assert record.latency.batch_1_s > 0
    assert record.latency.batch_64_s is not None


def test_where_an_epoch_goes_sums_to_the_epoch(trained: tuple[RunRecord, Path]) -> None:
    record, _ = trained
    assert record.controls is not None
    assert record.timing is not None
    parts = record.timing.epoch_parts
    assert parts is not None
    total = parts.compute_s + parts.stall_s + parts.rest_s
    assert total == pytest.approx(record.timing.steady_epoch_s)
    assert 0 <= parts.stall_s <= record.controls.loader_s
    assert record.controls.matmul_flops_per_s > 0


def test_the_papers_pipeline_trains_from_the_files_and_saves_the_same_kind_of_model(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    paper = spec.model_copy(update={"pipeline": "paper", "epochs": 3})
    record = launch(paper, tmp_path / "run", surroundings())
    assert (record.status, record.reason) == ("completed", None)
    assert len(record.epochs) == 3
    assert record.metrics is not None
    assert record.model is not None
    assert record.model.parameters == 1_110_050
    assert not (tmp_path / "run" / "images").exists()


def test_a_run_that_only_times_its_epochs_predicts_the_rest_and_diagnoses_nothing(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    timed = spec.model_copy(update={"epochs": 50, "timing_epochs": 2})
    record = launch(timed, tmp_path / "run", surroundings())
    assert (record.status, record.reason) == ("completed", None)
    assert len(record.epochs) == 3
    assert record.metrics is None
    assert not (tmp_path / "run" / "predictions.csv").exists()
    assert not (tmp_path / "run" / "diagnosis.json").exists()
    assert record.latency is not None
    assert record.timing is not None
    assert record.timing.predicted is not None
    assert record.timing.predicted.wall_s > record.epochs[-1].started_s


def test_one_thread_means_one_core(trained: tuple[RunRecord, Path]) -> None:
    record, run_dir = trained
    # 100 % is one core; the kernel's clock ticks blur a short reading by a few percent.
    assert record.resources is not None
    assert record.resources.cpu_percent_max is not None
    assert record.resources.cpu_percent_max < 115
    assert json.loads((run_dir / "training.json").read_text())["device_seen"] == "cpu"


def test_the_same_seed_gives_the_same_losses_and_another_one_others(
    spec: RunSpec, trained: tuple[RunRecord, Path], tmp_path: Path, surroundings: Make
) -> None:
    def losses(name: str, seed: int) -> list[float | None]:
        other = spec.model_copy(update={"seed": seed})
        return [epoch.loss for epoch in launch(other, tmp_path / name, surroundings()).epochs]

    first = [epoch.loss for epoch in trained[0].epochs]
    assert losses("again", spec.seed) == first
    assert losses("other", spec.seed + 1) != first


def test_a_gpu_that_the_backend_does_not_see_is_never_a_cpu_timing(
    spec: RunSpec, tmp_path: Path, surroundings: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    # NVML is made to promise a GPU that TensorFlow then doesn't find: the child must refuse.
    monkeypatch.setattr("lungbench.run.launch.unavailable", lambda *_: None)
    record = launch(
        spec.model_copy(update={"device": spec.device.parse("gpu:0")}),
        tmp_path / "run",
        surroundings(),
    )
    assert record.status == "skipped"
    assert record.reason is not None
    assert record.reason.kind == "device_unavailable"
    assert record.epochs == ()


def test_a_loss_that_is_no_number_is_a_diverged_run(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    wild = spec.model_copy(update={"learning_rate": 1e30, "epochs": 5})
    record = launch(wild, tmp_path / "run", surroundings())
    assert record.status == "failed"
    assert record.reason is not None
    assert record.reason.kind == "diverged"
    assert "Traceback" not in (tmp_path / "run" / "log.txt").read_text()


def test_data_that_vanished_is_named(spec: RunSpec, tmp_path: Path, surroundings: Make) -> None:
    around = surroundings()
    (tmp_path / "data.json").unlink()
    record = launch(spec, tmp_path / "run", around)
    assert record.status == "failed"
    assert record.reason is not None
    assert record.reason.kind == "bad_data"


def test_the_child_ends_itself_when_its_parent_is_killed(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    long = spec.model_copy(update={"epochs": 100_000})
    surroundings()
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    arguments = [sys.executable, str(script), str(tmp_path), long.model_dump_json()]
    parent = subprocess.Popen(arguments, env=dict(os.environ))
    try:
        epochs = tmp_path / "run" / "epochs.jsonl"
        _wait(lambda: epochs.exists() and epochs.read_bytes().count(b"\n") > 0)
        [child] = [
            p for p in psutil.Process(parent.pid).children() if "lungbench.train" in p.cmdline()
        ]
        parent.kill()
        parent.wait()
        _wait(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    finally:
        parent.kill()


_PARENT = """
import sys
from pathlib import Path
from lungbench.run.child import Child
from lungbench.experiment import RunSpec
from lungbench.host import describe_host
from lungbench.job import Job

folder, spec = Path(sys.argv[1]), RunSpec.model_validate_json(sys.argv[2])
run = folder / "run"
run.mkdir()
(run / "spec.json").write_text(Job(spec=spec, data=folder / "data.json").model_dump_json())
Child(run, spec.environ()).wait(600)
"""


def _wait(condition: Callable[[], Any], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
