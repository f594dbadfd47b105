"""A training that was stopped and goes on, against the one that was not, to the last bit."""

import io
import os
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import psutil
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
pytest.importorskip("keras")

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.environment import environment
from lungbench.experiment import RunSpec
from lungbench.host import describe_host
from lungbench.job import MODEL_FILE, PREDICTIONS_FILE, Job, Training
from lungbench.models import MODELS, model_names
from lungbench.run.launch import Surroundings, launch
from lungbench.run.outcome import read_epochs
from lungbench.training import fit
from lungbench.training.checkpoint import CHECKPOINT_FILE, read_checkpoint, write_checkpoint
from lungbench.training.keeper import Keeper

pytestmark = pytest.mark.slow


def trained(spec: RunSpec, folder: Path, run_dir: Path) -> Training:
    run_dir.mkdir(exist_ok=True)
    began = time.monotonic()
    return fit.train(
        Job(spec=spec, data=folder / DATA_FILE), run_dir, lambda: time.monotonic() - began
    )


def outcome(run_dir: Path) -> tuple[dict[str, bytes], bytes, list[Any]]:
    """What a training computed: weights, predictions, history."""
    history = [
        (each.epoch, each.loss, each.accuracy, each.val_loss, each.val_accuracy)
        for each in read_epochs(run_dir)
    ]
    return weights(run_dir / MODEL_FILE), (run_dir / PREDICTIONS_FILE).read_bytes(), history


def weights(model: Path) -> dict[str, bytes]:
    """Read every weight of a saved network by its place in it."""
    found: dict[str, bytes] = {}

    def keep(place: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[place] = item[()].tobytes()

    with zipfile.ZipFile(model) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        file.visititems(keep)
    assert found
    return found


def stopped_and_resumed(
    spec: RunSpec, folder: Path, run_dir: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> Training:
    """Stop a training after so many batches, and let a second one finish it."""
    done = 0
    counted = Keeper.on_train_batch_end

    def after_some(self: Keeper, batch: int, logs: Any = None) -> None:
        nonlocal done
        done += 1
        if done == steps:
            self._stop.set()
        counted(self, batch, logs)

    monkeypatch.setattr(Keeper, "on_train_batch_end", after_some)
    stopped = trained(spec, folder, run_dir)
    assert stopped.stopped
    held = read_checkpoint(run_dir / CHECKPOINT_FILE).header
    assert (len(held.epochs), held.batches) == divmod(steps, 3)  # 12 images, 4 a batch
    return trained(spec, folder, run_dir)


@pytest.fixture(scope="module")
def whole(
    spec: RunSpec,
    make_data: Callable[..., PreparedData],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Path]:
    """Return what a training leaves that nobody stopped; each pipeline trains once."""

    @cache
    def whole(pipeline: str) -> Path:
        folder = tmp_path_factory.mktemp("whole")
        make_data(folder)
        run = spec.model_copy(update={"pipeline": pipeline})
        assert not trained(run, folder, folder / "run").stopped
        return folder / "run"

    return whole


# Keras's own legacy code reaches scipy under an old name.
@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")
@pytest.mark.usefixtures("measured_briefly")
@pytest.mark.parametrize("pipeline", ["cached", "paper"])
@pytest.mark.parametrize("steps", [1, 3, 5])
def test_a_stopped_training_goes_on_as_if_it_had_not(
    spec: RunSpec,
    data: PreparedData,
    whole: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
    pipeline: str,
) -> None:
    expected = outcome(whole(pipeline))
    spec = spec.model_copy(update={"pipeline": pipeline})
    resumed = stopped_and_resumed(spec, tmp_path, tmp_path / "stopped", monkeypatch, steps)
    assert resumed.resumption is not None
    assert (resumed.resumption.attempts, resumed.resumption.exact) == (2, True)
    assert outcome(tmp_path / "stopped") == expected


@pytest.mark.usefixtures("measured_briefly")
def test_a_death_after_the_last_epoch_costs_only_what_came_after_it(
    spec: RunSpec,
    data: PreparedData,
    whole: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def died(*_: object, **__: object) -> None:
        raise OSError("stands for a death here")

    expected = outcome(whole(spec.pipeline))
    with monkeypatch.context() as patched:
        patched.setattr(fit, "_evaluate", died)
        patched.setattr("lungbench.training.keeper._SHARE", 1e9)  # a checkpoint every epoch
        with pytest.raises(OSError, match="a death here"):
            trained(spec, tmp_path, tmp_path / "dead")
    held = read_checkpoint(tmp_path / "dead" / CHECKPOINT_FILE).header
    assert (len(held.epochs), held.batches) == (spec.epochs, 0)
    again = trained(spec, tmp_path, tmp_path / "dead")
    assert again.controls is not None  # which need the time of an epoch, and none was trained now
    assert outcome(tmp_path / "dead") == expected


# Deep networks take minutes to trace three times; `make faults` has time for them.
DEEP = {"inceptionv3", "resnet50", "densenet121", "efficientnetb0"}
LONG = pytest.mark.skipif(os.environ.get("FAULTS") != "long", reason="the long form has it")


@pytest.mark.usefixtures("measured_briefly")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=LONG) if name in DEEP else name
        for name in model_names()
        if name != "cnn10"
    ],
)
def test_every_network_goes_on_as_if_it_had_not_stopped(
    spec: RunSpec,
    make_data: Callable[..., PreparedData],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    size = MODELS[name].min_image_size
    make_data(tmp_path, size)
    # Two layers of the base are trained too, so that its part of the optimizer's state counts.
    asked = {"model": name, "image_size": size, "preprocess": "imagenet", "fine_tune": 2}
    spec = spec.model_copy(update=asked)
    # How fast it diagnoses is asked when all that is compared here is on disk.
    monkeypatch.setattr(fit, "_latency", lambda *_: None)
    trained(spec, tmp_path, tmp_path / "whole")
    resumed = stopped_and_resumed(spec, tmp_path, tmp_path / "stopped", monkeypatch, steps=4)
    assert resumed.resumption is not None
    assert resumed.resumption.exact
    assert outcome(tmp_path / "stopped") == outcome(tmp_path / "whole")


def test_a_killed_process_is_followed_by_one_that_goes_on(
    spec: RunSpec, data: PreparedData, tmp_path: Path
) -> None:
    around = Surroundings(tmp_path / DATA_FILE, data.facts(), describe_host(gpus=False))
    long = spec.model_copy(update={"epochs": 4})
    whole = launch(long, tmp_path / "whole", around)

    run_dir = tmp_path / "killed"
    with ThreadPoolExecutor() as beside:
        first = beside.submit(launch, long, run_dir, around)
        while not (run_dir / CHECKPOINT_FILE).exists():
            time.sleep(0.01)
        child = next(
            process
            for process in psutil.Process().children(recursive=True)
            if str(run_dir) in process.cmdline()
        )
        child.kill()
        killed = first.result()
    assert killed.reason is not None
    assert (killed.status, killed.reason.kind) == ("failed", "signal")
    assert killed.timing is not None
    record = launch(long, run_dir, around)

    assert (record.status, whole.status) == ("completed", "completed")
    assert record.resumption is not None
    assert record.resumption.exact
    assert record.resumption.epochs >= 1
    assert [epoch.loss for epoch in record.epochs] == [epoch.loss for epoch in whole.epochs]
    assert {epoch.attempt for epoch in record.epochs} == {1, 2}
    for name in (PREDICTIONS_FILE, MODEL_FILE):
        assert (name in record.artifacts) == (name in whole.artifacts)
    assert record.artifacts[PREDICTIONS_FILE] == whole.artifacts[PREDICTIONS_FILE]

    assert record.timing is not None
    assert record.timing.resumed
    assert record.timing.wall_s > killed.timing.wall_s
    ledger = record.timing.ledger.model_dump()
    assert all(part is None or part >= 0 for part in ledger.values())
    assert sum(part or 0.0 for part in ledger.values()) == pytest.approx(record.timing.wall_s)
    assert not (run_dir / CHECKPOINT_FILE).exists()


@pytest.mark.usefixtures("measured_briefly")
def test_a_checkpoint_of_another_version_is_not_called_exact(
    spec: RunSpec, data: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keeper, "on_epoch_end", stop_after_an_epoch)
    trained(spec, tmp_path, tmp_path / "run")
    monkeypatch.undo()
    path = tmp_path / "run" / CHECKPOINT_FILE
    held = read_checkpoint(path)
    other = held.header.model_copy(update={"environment": environment() | {"numpy": "0.1"}})
    write_checkpoint(path, other, held.arrays)
    resumed = trained(spec, tmp_path, tmp_path / "run")
    assert resumed.resumption is not None
    assert not resumed.resumption.exact
    assert [each.split(":")[0] for each in resumed.resumption.differences] == ["numpy"]


ended = Keeper.on_epoch_end


def stop_after_an_epoch(self: Keeper, epoch: int, logs: Any = None) -> None:
    self._stop.set()
    ended(self, epoch, logs)
