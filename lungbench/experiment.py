"""What is to be measured: an experiment becomes a list of fully resolved runs.

An experiment never looks at the machine: whether a device, a folder or a weights file exists is
asked later, by the room that uses it.
"""

from collections import Counter
from itertools import product
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lungbench.device import Device
from lungbench.frozen import Frozen, Settings
from lungbench.models import MODELS
from lungbench.settings import (
    Augmentation,
    DataSettings,
    DeliverySettings,
    MeasureSettings,
    ModelName,
    Preprocess,
    TrainSettings,
)

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
Backend = Literal["tensorflow", "jax", "torch"]
Pipeline = Literal["cached", "paper"]
# As Prefect names them; one that looks like an option would be taken for one.
PoolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$")]

_KINDS = ("cpu", "gpu")


class Matrix(Settings):
    """The axes; every combination is one cell, trained `repeats` times."""

    models: tuple[ModelName, ...] = Field(min_length=1)
    """Networks to train."""
    devices: tuple[Device, ...] = Field(min_length=1)
    """What they train on: `cpu`, `cpu:threads=4`, `gpu:0` or `gpu:all`. The first is the baseline
    of every speed-up.
    """
    precisions: tuple[Precision, ...] = Field(("float32",), min_length=1)
    """Types of number that they compute with."""
    backends: tuple[Backend, ...] = Field(("tensorflow",), min_length=1)
    """Frameworks that Keras runs on."""
    pipelines: tuple[Pipeline, ...] = Field(("cached",), min_length=1)
    """How images reach the network: `cached` decodes each once, before any training; `paper` reads
    and augments the files in every epoch, as the paper does (section III.C).
    """
    repeats: int = Field(1, ge=1, le=1000)
    """Runs of each cell, 1 to 1000; an interval needs two or more."""

    @field_validator("models", "devices", "precisions", "backends", "pipelines")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        for value, count in Counter(values).items():
            if count > 1:
                raise ValueError(f"{value} stands more than once; expected each value once")
        return values


class RunSpec(Frozen):
    """One fully resolved training: everything that decides what is computed, and where.

    Attributes:
        preprocess: See `TrainSettings`; `paper` for a network that is never pretrained.
        fine_tune: Likewise; 0 for such a network.
        fold: Which part of a cross-validation tests, from 1; None without one.
    """

    model: ModelName
    device: Device
    precision: Precision
    backend: Backend
    pipeline: Pipeline
    repeat: int = Field(ge=1)
    seed: int
    epochs: int
    batch_size: int
    image_size: int
    optimizer: str
    learning_rate: float
    augmentation: Augmentation
    weights: str
    preprocess: Preprocess = "paper"
    fine_tune: int = Field(0, ge=0)
    fold: int | None = Field(None, ge=1)
    timing_epochs: int | None = None

    @property
    def epochs_to_train(self) -> int:
        """Epochs that are really trained: all, or the first and those that are timed."""
        if self.timing_epochs is None:
            return self.epochs
        return min(self.epochs, 1 + self.timing_epochs)

    @property
    def run_id(self) -> str:
        """The run's folder name, unique within an experiment."""
        fold = f".f{self.fold}" if self.fold else ""
        return "-".join((*self.cell_parts, f"r{self.repeat}{fold}"))

    @property
    def cell_parts(self) -> tuple[str, ...]:
        """What repeats of one cell share: model, device, precision, backend, pipeline."""
        return (self.model, self.device.slug, self.precision, self.backend, self.pipeline)

    @property
    def label(self) -> str:
        """What people read in logs and task names: `vgg16 on cpu:threads=2 #1`."""
        odd = [
            value
            for value, usual in (
                (self.precision, "float32"),
                (self.backend, "tensorflow"),
                (self.pipeline, "cached"),
            )
            if value != usual
        ]
        extra = f" ({', '.join(odd)})" if odd else ""
        fold = f" fold {self.fold}" if self.fold else ""
        return f"{self.model} on {self.device}{extra} #{self.repeat}{fold}"

    def environ(self) -> dict[str, str]:
        """Return the environment variables that fix this run's device and backend."""
        return self.device.environ() | {"KERAS_BACKEND": self.backend}


class Experiment(Settings):
    """One experiment file, checked."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """Of the experiment and of its folder of results: up to 64 letters, digits, `.`, `_` and `-`,
    the first a letter or a digit.
    """
    description: str = ""
    """What it is for, in a sentence; it decides nothing."""
    data: DataSettings = DataSettings()
    train: TrainSettings = TrainSettings()
    measure: MeasureSettings = MeasureSettings()
    hosts: dict[str, PoolName] = Field(default_factory=dict)
    """The work pool that trains on a device, by the device or its kind: `cpu`, `gpu`, `gpu:0`.
    Empty is this host, for all.
    """
    delivery: DeliverySettings | None = None
    """How the runs of other hosts come back; None without such hosts."""
    matrix: Matrix

    @field_validator("hosts")
    @classmethod
    def _by_device(cls, hosts: dict[str, str]) -> dict[str, str]:
        for key in hosts:
            if key not in _KINDS:
                Device.parse(key)
        return hosts

    @model_validator(mode="after")
    def _hosts_for_every_device(self) -> Self:
        if bool(self.hosts) != (self.delivery is not None):
            raise ValueError("hosts and delivery belong together; expected both tables or none")
        for device in self.matrix.devices if self.hosts else ():
            if self.pool_of(device) is None:
                raise ValueError(
                    f'hosts names no work pool for {device}; expected e.g. {device.kind} = "lab"'
                )
        return self

    @model_validator(mode="after")
    def _images_large_enough(self) -> Self:
        for name in self.matrix.models:
            smallest = MODELS[name].min_image_size
            if self.data.image_size < smallest:
                raise ValueError(
                    f"data.image_size is {self.data.image_size}; "
                    f"expected at least {smallest}, which {name} needs"
                )
        return self

    def pool_of(self, device: Device) -> str | None:
        """Return the work pool that trains on a device; None is this host."""
        return self.hosts.get(str(device), self.hosts.get(device.kind))

    def runs(self) -> tuple[RunSpec, ...]:
        """Expand the matrix, repeat by repeat so that slow drift hits every cell alike."""
        matrix, train, kfold = self.matrix, self.train, self.data.kfold
        cells = list(
            product(
                matrix.models, matrix.precisions, matrix.backends, matrix.pipelines, matrix.devices
            )
        )
        return tuple(
            RunSpec(
                model=model,
                device=device,
                precision=precision,
                backend=backend,
                pipeline=pipeline,
                repeat=repeat,
                seed=train.seed + repeat,
                epochs=train.epochs,
                batch_size=train.batch_size,
                image_size=self.data.image_size,
                optimizer=train.optimizer,
                learning_rate=train.learning_rate,
                augmentation=train.augmentation,
                weights=train.weights_of(model),
                preprocess=train.preprocess if MODELS[model].pretrained else "paper",
                fine_tune=train.fine_tune if MODELS[model].pretrained else 0,
                fold=fold,
                timing_epochs=self.measure.timing_epochs.get(str(device)),
            )
            for repeat in range(1, matrix.repeats + 1)
            for fold in (range(1, kfold + 1) if kfold else (None,))
            for model, precision, backend, pipeline, device in cells
        )
