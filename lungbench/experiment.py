"""What is to be measured: one experiment file becomes a list of fully resolved runs.

Reading an experiment never looks at the machine: whether a device, a folder or a weights file
exists is asked later, by the room that uses it.
"""

import tomllib
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from lungbench.device import Device
from lungbench.errors import ExperimentError
from lungbench.models import MODELS, model_names

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
Backend = Literal["tensorflow", "jax", "torch"]
Pipeline = Literal["cached", "paper"]

SYNTHETIC = "synthetic"


class Frozen(BaseModel):
    """A value: every key known, nothing changed after it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataSettings(Frozen):
    """Which images, at which size, and how they are split.

    Attributes:
        source: `synthetic`, or a folder with one sub-folder per class.
        image_size: Height and width in pixels that every image is resized to.
        split: `strict` keeps train, validation and test disjoint, stratified by class.
        split_seed: Fixes which image goes where.
        validation_fraction: Share of each class kept for validation. With `test_fraction`, the
            paper's 20 % for testing and 80/20 of the rest, without its overlap (section III.B).
        test_fraction: Share of each class kept for testing.
        synthetic_per_class: Images drawn per class when the source is `synthetic`.
        synthetic_seed: Fixes every drawn image.
    """

    source: str = Field(SYNTHETIC, min_length=1)
    image_size: int = Field(224, ge=16, le=1024)
    split: Literal["strict"] = "strict"
    split_seed: int = Field(0, ge=0, lt=2**32)
    validation_fraction: float = Field(0.16, gt=0, lt=1)
    test_fraction: float = Field(0.20, gt=0, lt=1)
    synthetic_per_class: int = Field(60, ge=5, le=100_000)
    synthetic_seed: int = Field(0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _leave_images_to_train_on(self) -> Self:
        held_out = self.validation_fraction + self.test_fraction
        if held_out >= 1:
            raise ValueError(
                f"validation_fraction + test_fraction is {held_out:g}; expected less than 1"
            )
        return self


class Augmentation(Frozen):
    """Random changes of the training images (paper, section III.C).

    Attributes:
        shear_degrees: Largest shear angle. The paper's `shear_range = 0.3` is in degrees.
        zoom: Height and width are scaled by factors from 1 - zoom to 1 + zoom.
        horizontal_flip: Mirror half of the images.
    """

    shear_degrees: float = Field(0.3, ge=0, le=45)
    zoom: float = Field(0.3, ge=0, lt=1)
    horizontal_flip: bool = True


class TrainSettings(Frozen):
    """How a network is trained; the defaults are the paper's (sections III.C and IV.A).

    Attributes:
        epochs: Times that every training image is used.
        batch_size: Images per step; with `gpu:all`, of all GPUs together.
        optimizer: The paper's Adam; its other settings are Keras's defaults.
        learning_rate: The paper states none; Keras's default for Adam.
        augmentation: Random changes of the training images.
        weights: `imagenet`, `none`, a file of weights without the top, or one of these per model.
        seed: Repeat r of every cell trains with seed + r, on every device alike.
    """

    epochs: int = Field(120, ge=1, le=100_000)
    batch_size: int = Field(64, ge=1, le=65_536)
    optimizer: Literal["adam"] = "adam"
    learning_rate: float = Field(0.001, gt=0, le=10)
    augmentation: Augmentation = Augmentation()
    weights: str | dict[str, str] = "imagenet"
    seed: int = Field(0, ge=0, lt=2**31)

    @field_validator("weights")
    @classmethod
    def _weights_of_known_models(cls, weights: str | dict[str, str]) -> str | dict[str, str]:
        for name in weights if isinstance(weights, dict) else ():
            _known_model(name)
        return weights

    def weights_of(self, model: str) -> str:
        """Return what `model` starts from: `imagenet`, `none` or a path."""
        if not MODELS[model].pretrained:
            return "none"
        if isinstance(self.weights, dict):
            return self.weights.get(model, "imagenet")
        return self.weights


class MeasureSettings(Frozen):
    """How runs are watched.

    Attributes:
        sample_interval_s: Seconds between two readings of the resources.
        timeout_s: Longest wall time of one run; None is no limit.
        start_s: Longest time from its start to the end of its first batch.
        stall_s: Longest time without the end of a batch after that.
        exit_s: Time that its process gets to end after its last word.
        grace_s: Time that a run gets to finish its batch and write a checkpoint when it is asked
            to end; after that it is killed, and its last checkpoint counts.
        timing_epochs: Steady epochs after which runs on a device are stopped, by device: their
            full time is predicted, and they give no diagnostic metrics.
    """

    sample_interval_s: float = Field(1.0, ge=0.1, le=60)
    timeout_s: float | None = Field(None, gt=0)
    start_s: float | None = Field(1800.0, gt=0)
    stall_s: float | None = Field(1800.0, gt=0)
    exit_s: float = Field(60.0, gt=0)
    grace_s: float = Field(4.0, ge=0, le=3600)
    timing_epochs: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)

    @field_validator("timing_epochs")
    @classmethod
    def _by_device(cls, epochs: dict[str, int]) -> dict[str, int]:
        return {str(Device.parse(device)): count for device, count in epochs.items()}


def _known_model(name: str) -> str:
    if name not in MODELS:
        raise ValueError(f"{name!r} is no model; expected one of {', '.join(model_names())}")
    return name


ModelName = Annotated[str, BeforeValidator(_known_model)]


class Matrix(Frozen):
    """The axes; every combination is one cell, trained `repeats` times.

    Attributes:
        devices: The first is the baseline of every speed-up.
    """

    models: tuple[ModelName, ...] = Field(min_length=1)
    devices: tuple[Device, ...] = Field(min_length=1)
    precisions: tuple[Precision, ...] = Field(("float32",), min_length=1)
    backends: tuple[Backend, ...] = Field(("tensorflow",), min_length=1)
    pipelines: tuple[Pipeline, ...] = Field(("cached",), min_length=1)
    repeats: int = Field(1, ge=1, le=1000)

    @field_validator("models", "devices", "precisions", "backends", "pipelines")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"{value} stands more than once; expected each value once")
        return values


class RunSpec(Frozen):
    """One fully resolved training: everything that decides what is computed, and where."""

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
        return "-".join((*self.cell_parts, f"r{self.repeat}"))

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
        return f"{self.model} on {self.device}{extra} #{self.repeat}"

    def environ(self) -> dict[str, str]:
        """Return the environment variables that fix this run's device and backend."""
        return self.device.environ() | {"KERAS_BACKEND": self.backend}


class Experiment(Frozen):
    """One experiment file, checked."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    description: str = ""
    data: DataSettings = DataSettings()
    train: TrainSettings = TrainSettings()
    measure: MeasureSettings = MeasureSettings()
    matrix: Matrix

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

    @classmethod
    def load(cls, path: Path, overrides: tuple[str, ...] = ()) -> "Experiment":
        """Read an experiment file.

        Args:
            path: A TOML file. Relative paths inside it start at its folder.
            overrides: `section.key=value` texts that replace what the file says; the value is
                TOML, or plain text where it isn't.

        Raises:
            ExperimentError: The file can't be read, or a value in it isn't accepted.
        """
        values = _read_toml(path)
        for override in overrides:
            _override(values, override)
        try:
            return _with_absolute_paths(cls.model_validate(values), path.resolve().parent)
        except ValidationError as error:
            raise ExperimentError(
                f"{path}: {first_problem(error)}", hint="correct that key and run again."
            ) from None

    def runs(self) -> tuple[RunSpec, ...]:
        """Expand the matrix, repeat by repeat so that slow drift hits every cell alike."""
        matrix, train = self.matrix, self.train
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
                timing_epochs=self.measure.timing_epochs.get(str(device)),
            )
            for repeat in range(1, matrix.repeats + 1)
            for model, precision, backend, pipeline, device in cells
        )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExperimentError(
            "The experiment file must be readable.",
            received=f"{path} ({error.strerror})",
            expected="a TOML file such as experiments/quick.toml",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExperimentError(
            "The experiment file must be TOML.", received=f"{path}: {error}"
        ) from None


def _override(values: dict[str, Any], text: str) -> None:
    """Put one `section.key=value` into the nested tables of an experiment file."""
    key, equals, raw = text.partition("=")
    *sections, last = key.strip().split(".")
    if not equals or not all((*sections, last)):
        raise ExperimentError(
            "--set takes one key and its value.", received=text, expected="e.g. train.epochs=3"
        )
    table = values
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ExperimentError("--set names a table's key.", received=text)
    try:
        table[last] = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        table[last] = raw


def _with_absolute_paths(experiment: Experiment, folder: Path) -> Experiment:
    """Anchor the relative paths of an experiment at the folder of its file."""

    def weights(value: str) -> str:
        return value if value in ("imagenet", "none") else str(_anchored(value, folder))

    source, given = experiment.data.source, experiment.train.weights
    data = experiment.data.model_copy(
        update={"source": source if source == SYNTHETIC else str(_anchored(source, folder))}
    )
    train = experiment.train.model_copy(
        update={
            "weights": weights(given)
            if isinstance(given, str)
            else {model: weights(value) for model, value in given.items()}
        }
    )
    return experiment.model_copy(update={"data": data, "train": train})


def _anchored(path: str, folder: Path) -> Path:
    return (folder / Path(path).expanduser()).resolve()


def first_problem(error: ValidationError) -> str:
    """Put pydantic's first complaint into one line: where, what was received, what is expected."""
    # A list whose items were refused is also said to be too short: that is no second mistake.
    problems = [each for each in error.errors(include_url=False) if each["type"] != "too_short"]
    first, *others = problems or error.errors(include_url=False)
    if first["type"] == "json_invalid":
        return str(first["msg"])  # what was received is the whole file
    where = ".".join(str(part) for part in first["loc"]) or "the experiment"
    rest = f" ({len(others)} more after this one.)" if others else ""
    if first["type"] == "extra_forbidden":
        return f"{where} is no key of an experiment file.{rest}"
    if first["type"] == "missing":
        return f"{where} is missing.{rest}"
    message = first["msg"].removeprefix("Value error, ")
    received = "" if first["type"] == "value_error" else f" Received: {first['input']!r}."
    return f"{where}: {message}.{received}{rest}"
