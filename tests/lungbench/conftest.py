"""What the core's tests share: a run, its data, and a stand-in for the training child."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungbench.data.dataset import DATA_FILE, LABELS_FILE, PIXELS_FILE, PreparedData
from lungbench.experiment import Experiment, Matrix, RunSpec
from lungbench.host import describe_host
from lungbench.record import Host
from lungbench.run.launch import Surroundings
from lungbench.settings import TrainSettings

CLASSES = ("covid", "normal")
PER_CLASS = 10
SIZE = 32


@pytest.fixture(autouse=True)
def own_locks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the tests' host lock apart from that of a benchmark on the same machine."""
    folder = tmp_path_factory.mktemp("locks")
    monkeypatch.setenv("LUNGBENCH_LOCKS", str(folder))
    return folder


@pytest.fixture(scope="session")
def spec() -> RunSpec:
    """One epoch-pair of the ten-layer network on one core."""
    train = TrainSettings(epochs=2, batch_size=4, weights="none")
    matrix = Matrix(models=("cnn10",), devices=("cpu:threads=1",))
    experiment = Experiment(name="tiny", train=train, matrix=matrix)
    return experiment.runs()[0].model_copy(update={"image_size": SIZE})


@pytest.fixture(scope="session")
def make_data() -> Callable[..., PreparedData]:
    """Write small prepared data and its image files into a folder, 32 pixels a side or others."""
    return _written_data


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    """The same in the test's own folder."""
    return _written_data(tmp_path)


def _written_data(folder: Path, size: int = SIZE) -> PreparedData:
    """Two classes that differ in brightness: 12 images to train, 4 to validate, 4 to test."""
    labels = np.repeat([0, 1], PER_CLASS)
    noise = np.random.default_rng(0).integers(0, 60, (2 * PER_CLASS, size, size))
    pixels = folder / "pixels"
    pixels.mkdir()
    images = (noise + 150 * labels[:, None, None]).astype(np.uint8)
    np.save(pixels / PIXELS_FILE, images)
    np.save(pixels / LABELS_FILE, labels.astype(np.int64))
    paths = tuple(f"{CLASSES[label]}/{row}.png" for row, label in enumerate(labels))
    for path, image in zip(paths, images, strict=True):
        (folder / "files" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / "files" / path)
    prepared = PreparedData(
        fingerprint="f" * 64,
        source="somewhere",
        classes=CLASSES,
        image_size=size,
        split_seed=0,
        pixels=pixels,
        folder=folder / "files",
        rows={
            "train": (*range(6), *range(10, 16)),
            "validation": (6, 7, 16, 17),
            "test": (8, 9, 18, 19),
        },
        paths=paths,
        images_found=2 * PER_CLASS,
        images_skipped=0,
    )
    (folder / DATA_FILE).write_text(prepared.model_dump_json())
    return prepared


@pytest.fixture(scope="session")
def host() -> Host:
    """This machine."""
    return describe_host(gpus=False)


@pytest.fixture
def surroundings(
    tmp_path: Path, data: PreparedData, host: Host, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Surroundings]:
    """Make what a launch stands in; `script` replaces the training child."""
    # Where others test beside it the host is busy, and each launch would look at it for a second.
    monkeypatch.setattr("lungbench.resources.disturbance._LOOK_S", 0.01)

    def make(script: str | None = None, **parts: object) -> Surroundings:
        if script is not None:
            (tmp_path / "child.py").write_text(script)
            parts["command"] = (sys.executable, str(tmp_path / "child.py"))
        usual = {"data": tmp_path / DATA_FILE, "facts": data.facts(), "host": host}
        return Surroundings(**(usual | parts))  # type: ignore[arg-type]

    return make
