"""What the tests of prediction share: a small model file, taken apart so that it can be changed."""

import copy
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lungbench.experiment import RunSpec
from lungbench.files import sha256_of
from lungbench.host import describe_host
from lungbench.job import DIAGNOSIS_FILE
from lungbench.metrics import metrics_of
from lungbench.predict.appearance import Original, appearance_of
from lungbench.predict.card import Calibration, ModelCard
from lungbench.predict.errand import Errand
from lungbench.predict.job import Answer, PredictJob
from lungbench.record import DataFacts, RunRecord, write_record

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

SIZE = 16
CLASSES = ("covid", "normal", "tuberculosis")
MEMBERS = ("metadata.json", "config.json", "model.weights.h5")


@dataclass(frozen=True)
class Parts:
    """A model file taken apart.

    Attributes:
        metadata: Of Keras.
        config: The network's description.
        weights: An HDF5 file.
        others: Members that Keras wouldn't write, by name.
        order: Of its own members.
        compression: Of all members.
    """

    metadata: Any
    config: Any
    weights: bytes
    others: dict[str, bytes] = field(default_factory=dict)
    order: tuple[str, ...] = MEMBERS
    compression: int = zipfile.ZIP_STORED

    @classmethod
    def of(cls, path: Path) -> "Parts":
        with zipfile.ZipFile(path) as archive:
            metadata, config, weights = (archive.read(name) for name in MEMBERS)
        return cls(json.loads(metadata), json.loads(config), weights)

    @property
    def layers(self) -> list[dict[str, Any]]:
        return self.config["config"]["layers"]  # type: ignore[no-any-return]

    def changed(self, **values: Any) -> "Parts":
        return replace(copy.deepcopy(self), **values)

    def with_h5(self, change: Callable[[Any], None]) -> "Parts":
        """Change the weights by a function of their opened HDF5 file."""
        import h5py

        buffer = io.BytesIO(self.weights)
        with h5py.File(buffer, "r+") as file:
            change(file)
        return self.changed(weights=buffer.getvalue())

    def write(self, path: Path) -> Path:
        contents = {
            "metadata.json": _text(self.metadata),
            "config.json": _text(self.config),
            "model.weights.h5": self.weights,
        }
        with zipfile.ZipFile(path, "w", self.compression) as archive:
            for name in self.order:
                archive.writestr(name, contents[name])
            for name, content in self.others.items():
                archive.writestr(name, content)
        return path


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of two layers that takes and gives what lungbench's own do."""
    import keras
    from keras import layers

    from lungbench.models.network import GreyToRgb

    keras.utils.set_random_seed(1)
    raw = keras.Input((SIZE, SIZE, 1), dtype="uint8", name="xray")
    rgb = GreyToRgb(name="grey_to_rgb")(layers.Rescaling(1 / 255, name="rescale")(raw))
    out = layers.Dense(len(CLASSES), activation="softmax")(layers.Flatten()(rgb))
    path = tmp_path_factory.mktemp("model") / "model.keras"
    keras.Model(raw, out).save(path)
    return path


@pytest.fixture(scope="session")
def parts(saved_model: Path) -> Parts:
    """The same, taken apart."""
    return Parts.of(saved_model)


@pytest.fixture
def like_the_trained(tmp_path: Path) -> Path:
    """An image file like those that the network of `make_card` was trained on."""
    path = tmp_path / "like.png"
    Image.fromarray(dim(40, 99)).save(path)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A noisy image file."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
    path = tmp_path / "xray.png"
    Image.fromarray(pixels).save(path)
    return path


@dataclass
class InThisProcess:
    """Answers a job without a process of its own, and counts the calls."""

    calls: int = 0

    def __call__(self, _: Errand, job: PredictJob, folder: Path) -> Answer:
        from lungbench.predict import network

        self.calls += 1
        return network.answer_to(job, folder)


@pytest.fixture
def in_this_process() -> InThisProcess:
    return InThisProcess()


Recorded = Callable[..., Path]


def dim(side: int, seed: int) -> Any:
    """A square image that is darker above than below, with noise."""
    noise = np.random.default_rng(seed).integers(0, 12, (side, side))
    return (np.linspace(40, 80, side)[:, np.newaxis] + noise).astype(np.uint8)


def card(**changes: Any) -> ModelCard:
    """What a run left of a network that was trained on dim images, all of one shape."""
    squares = [dim(SIZE, seed) for seed in range(20)]
    usual = ModelCard(
        classes=CLASSES,
        image_size=SIZE,
        calibration=Calibration(images=30, temperature=2.0, raw=(), scaled=()),
        appearance=appearance_of(squares, [Original(40, 40, "L")] * 20),
    )
    return usual.model_copy(update=changes)


@pytest.fixture
def make_card() -> Callable[..., ModelCard]:
    return card


@pytest.fixture
def recorded(spec: RunSpec) -> Recorded:
    """Put a model into a completed run's folder, with what that run left; return the model."""

    def put(model: Path, run_dir: Path, left: ModelCard | None = None, **changes: Any) -> Path:
        run_dir.mkdir(parents=True)
        target = run_dir / "model.keras"
        target.write_bytes(model.read_bytes())
        artifacts = {"model.keras": sha256_of(target)}
        if left:
            (run_dir / DIAGNOSIS_FILE).write_text(left.model_dump_json())
            artifacts[DIAGNOSIS_FILE] = sha256_of(run_dir / DIAGNOSIS_FILE)
        counts = {"train": dict.fromkeys(CLASSES, 20)}
        facts = DataFacts(fingerprint="f" * 64, source="drawn", classes=CLASSES, counts=counts)
        record = RunRecord(
            run_id=run_dir.name,
            status="completed",
            started=datetime.now(UTC),
            spec=spec,
            host=describe_host(gpus=False),
            data=facts,
            metrics=metrics_of(((9, 1, 0), (0, 10, 0), (0, 1, 9)), CLASSES),
            artifacts=artifacts,
        )
        write_record(record.model_copy(update=changes), run_dir)
        return target

    return put
