"""One training on two devices against the same one on a single device, both on the CPU.

There is no GPU in these tests: TensorFlow divides the CPU into logical devices, and the strategy,
the batches and the steps are the real ones (`train_on_replicas.py`).
"""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest

from lungbench.data.dataset import PIXELS_FILE, PreparedData
from lungbench.device import Device
from lungbench.errors import DeviceUnavailable
from lungbench.experiment import RunSpec
from lungbench.job import JOB_FILE, Job
from lungbench.training.replicas import Even, Replicas, replicas_of

PROGRAM = Path(__file__).with_name("train_on_replicas.py")
MakeData = Callable[[Path], PreparedData]


@dataclass(frozen=True)
class Trained:
    """What a training left, and what it said of itself."""

    run_dir: Path
    said: dict[str, Any]

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The lines of `epochs.jsonl`."""
        lines = (self.run_dir / "epochs.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def predictions(self) -> list[dict[str, str]]:
        """The rows of `predictions.csv`."""
        with (self.run_dir / "predictions.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def measured(self, *names: str) -> list[list[float]]:
        """Some numbers of every epoch."""
        return [[epoch[name] for name in names] for epoch in self.epochs]


@dataclass(frozen=True)
class Run:
    """What to train, on how many replicas; the words are those of the program."""

    run_dir: Path
    spec: RunSpec
    replicas: int
    words: tuple[str, ...] = ()


def train(*runs: Run) -> list[Trained]:
    """Train one after the other in a process of their own."""
    for run in runs:
        run.run_dir.mkdir(exist_ok=True)
        job = Job(spec=run.spec, data=run.run_dir.parent / "data.json")
        (run.run_dir / JOB_FILE).write_text(job.model_dump_json())
    asked = [
        {"run_dir": str(run.run_dir), "replicas": run.replicas, "words": run.words} for run in runs
    ]
    command = [sys.executable, str(PROGRAM), json.dumps(asked)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout.splitlines()[-1])
    return [Trained(run.run_dir, each) for run, each in zip(runs, said, strict=True)]


@pytest.fixture(scope="module")
def shared(spec: RunSpec) -> RunSpec:
    """A run on all GPUs: 12 training images make one batch of 11 and one of a single image."""
    return spec.model_copy(update={"device": Device.parse("gpu:all"), "batch_size": 11})


@pytest.fixture(scope="module")
def once(shared: RunSpec) -> RunSpec:
    """An epoch of three batches."""
    return shared.model_copy(update={"epochs": 1, "batch_size": 4})


@pytest.fixture(scope="module")
def trained(
    shared: RunSpec, once: RunSpec, make_data: MakeData, tmp_path_factory: pytest.TempPathFactory
) -> list[Trained]:
    """Four trainings: without dropout on one device and on two, with it whole and stopped."""
    folder = tmp_path_factory.mktemp("replicas")
    make_data(folder)
    return train(
        Run(folder / "one", shared, 1),
        Run(folder / "two", shared, 2),
        Run(folder / "whole", once, 2, ("dropout",)),
        Run(folder / "stopped", once, 2, ("dropout", "stop")),
    )


@pytest.fixture(scope="module")
def both(trained: list[Trained]) -> tuple[Trained, Trained]:
    """The same training without dropout on one device and on two."""
    one, two, *_ = trained
    return one, two


@pytest.fixture
def stopped(trained: list[Trained], make_data: MakeData, tmp_path: Path) -> Trained:
    """A copy of the training that was stopped in its second step."""
    *_, original = trained
    make_data(tmp_path)
    return Trained(copytree(original.run_dir, tmp_path / "stopped"), original.said)


@pytest.mark.slow
def test_two_replicas_compute_the_losses_of_one_device(both: tuple[Trained, Trained]) -> None:
    one, two = (each.measured("loss", "val_loss") for each in both)
    # float32 sums in another order: a few units of the seventh digit, grown over four steps
    np.testing.assert_allclose(two, one, rtol=1e-5)


@pytest.mark.slow
def test_padding_counts_in_no_accuracy(both: tuple[Trained, Trained]) -> None:
    one, two = (each.measured("accuracy", "val_accuracy") for each in both)
    # of 12 and 4 images: a padded image counted would give a fraction of 14
    np.testing.assert_allclose(two, one, rtol=1e-6)


@pytest.mark.slow
def test_every_test_image_is_diagnosed_once_and_as_on_one_device(
    both: tuple[Trained, Trained],
) -> None:
    one, two = (each.predictions for each in both)
    assert [row["path"] for row in two] == [row["path"] for row in one]
    assert len({row["path"] for row in two}) == 4
    for row, same in zip(two, one, strict=True):
        assert row["predicted"] == same["predicted"]
        assert float(row["p_covid"]) == pytest.approx(float(same["p_covid"]), rel=1e-3)


@pytest.mark.slow
def test_the_model_that_two_replicas_saved_diagnoses_alike_on_one_device(
    both: tuple[Trained, Trained],
) -> None:
    import keras

    import lungbench.models.network  # noqa: F401 - the layers that the file names

    _, two = both
    data = PreparedData.read(two.run_dir.parent / "data.json")
    rows = list(data.rows["test"])
    images = np.load(data.pixels / PIXELS_FILE)[rows][..., np.newaxis]
    probabilities = keras.models.load_model(two.run_dir / "model.keras").predict(images, verbose=0)
    saved = [[float(row["p_covid"]), float(row["p_normal"])] for row in two.predictions]
    np.testing.assert_allclose(probabilities, saved, rtol=1e-4)


@pytest.mark.slow
def test_the_control_legs_run_on_the_replicas(both: tuple[Trained, Trained]) -> None:
    _, two = both
    controls = two.said["training"]["controls"]
    assert controls["steps"] == 2
    assert min(controls.values()) > 0


@pytest.mark.slow
def test_the_training_says_how_many_it_saw(both: tuple[Trained, Trained]) -> None:
    assert [each.said["training"]["device_seen"] for each in both] == ["1 gpu", "2 gpu"]


@pytest.mark.slow
def test_a_training_on_two_replicas_that_was_stopped_goes_on_as_if_it_had_not_been(
    once: RunSpec, trained: list[Trained], stopped: Trained
) -> None:
    _, _, whole, _ = trained
    assert stopped.said["training"]["stopped"]
    assert stopped.epochs == []
    [resumed] = train(Run(stopped.run_dir, once, 2, ("dropout",)))
    assert len(resumed.epochs) == 1
    np.testing.assert_allclose(resumed.measured("loss"), whole.measured("loss"), rtol=1e-5)
    first, second = whole.said["seeds"][0]
    assert first != second  # else both replicas drop the same neurons
    assert resumed.said["seeds"][0] == [first, second]
    assert resumed.said["training"]["resumption"]["exact"]


@pytest.mark.slow
def test_a_training_that_goes_on_with_another_number_of_gpus_is_not_called_exact(
    once: RunSpec, stopped: Trained
) -> None:
    [again] = train(Run(stopped.run_dir, once, 1, ("dropout",)))
    resumed = again.said["training"]["resumption"]
    assert not resumed["exact"]
    assert resumed["differences"] == ["device: 2 gpu, now 1 gpu"]


OVERFLOW = """
import os, sys
os.environ |= {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
import tensorflow as tf
[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from lungbench.training.replicas import Mirrored

class OneBatch(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        images = np.zeros((4, 4), "float16")
        images[3] = 60000  # the second replica's; its gradient is no float16
        return images, np.eye(2, dtype="float32")[[0, 1, 0, 1]], np.full(4, 0.25, "float32")

keras.config.set_dtype_policy("mixed_float16")
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    image = keras.Input((4,), dtype="float16")
    dense = keras.layers.Dense(2, kernel_initializer="zeros")
    network = Mirrored(image, keras.layers.Activation("softmax", dtype="float32")(dense(image)))
    network.compile("adam", "categorical_crossentropy", jit_compile=False)
network.fit(OneBatch(), verbose=0)
print(float(network.optimizer.dynamic_scale.value.values[1]), np.abs(dense.kernel.numpy()).max())
"""


@pytest.mark.slow
def test_an_overflow_on_one_replica_skips_the_step_on_all() -> None:
    command = [sys.executable, "-c", OVERFLOW]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    scale, largest = ended.stdout.split()[-2:]
    assert float(scale) == 2**15 / 2  # Keras starts at 2**15 and halves
    assert float(largest) == 0.0


class OneBatch:
    """One batch of images that are their own numbers."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        numbers = np.arange(self._count)
        return (numbers, numbers[:, np.newaxis]), np.eye(2)[numbers % 2]


@pytest.mark.parametrize(
    ("count", "replicas", "numbers"),
    [
        (4, 2, [0, 1, 2, 3]),
        (3, 2, [0, 1, 2, 0]),
        (1, 3, [0, 0, 0]),
        (5, 4, [0, 1, 2, 3, 4, 0, 1, 2]),
    ],
)
def test_a_batch_is_filled_up_until_every_replica_gets_as_many(
    count: int, replicas: int, numbers: list[int]
) -> None:
    (images, transforms), labels, weights = Even(OneBatch(count), replicas)[0]
    assert images.tolist() == numbers
    assert transforms.tolist() == [[number] for number in numbers]
    assert labels.tolist() == np.eye(2)[np.array(numbers) % 2].tolist()
    np.testing.assert_allclose(weights, [1 / count] * count + [0] * (len(numbers) - count))


def test_a_run_on_one_device_is_left_as_it_is() -> None:
    alone, feed = Replicas(), object()
    assert (alone.count, alone.devices) == (1, (None,))
    assert alone.share(feed) is feed  # type: ignore[arg-type]


@pytest.mark.parametrize("device", ["cpu", "cpu:threads=2", "gpu:0"])
def test_only_all_gpus_share_a_training(device: str) -> None:
    assert replicas_of(Device.parse(device)).strategy is None


@pytest.mark.parametrize(
    ("device", "gpus", "seen"),
    [
        ("cpu", 0, "cpu"),
        ("gpu:1", 1, "1 gpu"),
        ("gpu:all", 1, "1 gpu"),
        ("gpu:all", 4, "4 gpu"),
        ("cpu", 1, None),
        ("gpu:1", 2, None),
        ("gpu:all", 0, None),
    ],
)
def test_a_backend_must_see_the_device_that_was_asked_for(
    spec: RunSpec, monkeypatch: pytest.MonkeyPatch, device: str, gpus: int, seen: str | None
) -> None:
    from lungbench.training import fit

    monkeypatch.setattr(fit, "_visible_gpus", lambda _: gpus)
    asked = spec.model_copy(update={"device": Device.parse(device)})
    if seen is None:
        with pytest.raises(DeviceUnavailable, match=f"sees {gpus}"):
            fit.seen_device(asked)
    else:
        assert fit.seen_device(asked) == seen
