"""What an experiment file says about its images, its trainings and how they are watched."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from lungbench.device import Device
from lungbench.frozen import Frozen
from lungbench.models import MODELS, model_names

SYNTHETIC = "synthetic"

SplitName = Literal["strict", "paper", "folders"]
Preprocess = Literal["paper", "imagenet"]
Exclusive = Literal["host", "device"]
ClassName = Annotated[str, Field(min_length=1, max_length=100)]
ColumnName = Annotated[str, Field(min_length=1)]
Folders = Annotated[tuple[str, ...], Field(min_length=1)]
GreyLevel = Annotated[float, Field(ge=0, le=255)]


def _known_model(name: object) -> str:
    if not isinstance(name, str) or name not in MODELS:
        raise ValueError(f"{name!r} is no model; expected one of {', '.join(model_names())}")
    return name


ModelName = Annotated[str, BeforeValidator(_known_model)]


class ColumnSettings(Frozen):
    """What a manifest calls its columns; None looks for the names that are known.

    Attributes:
        path: Where the image lies; of several columns, the parts of its path in their order, such
            as folder and file name.
        label: Its class, or what `labels` makes one of.
    """

    path: ColumnName | Annotated[tuple[ColumnName, ...], Field(min_length=1)] | None = None
    label: ColumnName | None = None
    patient: ColumnName | None = None
    split: ColumnName | None = None
    view: ColumnName | None = None
    collection: ColumnName | None = None


class DataSettings(Frozen):
    """Which images, at which size, and how they are split.

    Attributes:
        source: `synthetic`; a folder with one sub-folder per class, or with one per split and
            those of the classes below; or a manifest, a CSV or TSV file of paths and labels.
        classes: The folders of each class, where they come from several collections; then there
            is no `source`.
        columns: What a manifest calls its columns, where that isn't found out by itself.
        labels: The class of each label of a manifest, where labels are many or long; rows with
            other labels are passed over. Empty takes each label for a class.
        views: The views of a manifest that are used, such as `PA`; empty is all.
        image_size: Height and width in pixels that every image is resized to.
        split: `strict` keeps train, validation and test disjoint, stratified by class, with all
            images of a patient and all near-duplicates in one of them. `paper` is the paper's
            own, whose test images are taken from those that train (section III.B). `folders` is
            the source's own, by its folders or its manifest.
        split_seed: Fixes which image goes where.
        validation_fraction: Share of each class kept for validation. With `test_fraction`, the
            paper's 20 % for testing and 80/20 of the rest, without its overlap (section III.B).
            For `strict`; and of each class's training images for `folders` where the source has
            no validation folder, since those are then not trained on. `paper` has its own.
        test_fraction: Share of each class kept for testing; for `strict` alone.
        kfold: Parts of a cross-validation, with `strict`: each part tests once, in a run of its
            own; None is none.
        per_class: Images of each class that are used, drawn with `split_seed`; the paper's are
            845. None is all.
        brightness: Least and greatest mean grey of an image that is used, 0 to 255; the paper's
            are 120 and 140 (section III.A). None is any.
        most_unusable: Share of the images found that may be unusable before that is an error:
            damaged, too small or large, links that lead out of the source, or the same bytes under
            two labels. What is no image, or is left out by `brightness` or `per_class`, doesn't
            count.
        synthetic_per_class: Images drawn per class when the source is `synthetic`.
        synthetic_seed: Fixes every drawn image.
    """

    source: str = Field(SYNTHETIC, min_length=1)
    classes: dict[ClassName, Folders] = Field(default_factory=dict)
    columns: ColumnSettings = ColumnSettings()
    labels: dict[Annotated[str, Field(min_length=1)], ClassName] = Field(default_factory=dict)
    views: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    image_size: int = Field(224, ge=16, le=1024)
    split: SplitName = "strict"
    split_seed: int = Field(0, ge=0, lt=2**32)
    validation_fraction: float = Field(0.16, gt=0, lt=1)
    test_fraction: float = Field(0.20, gt=0, lt=1)
    kfold: int | None = Field(None, ge=2, le=20)
    per_class: int | None = Field(None, ge=3)
    brightness: tuple[GreyLevel, GreyLevel] | None = None
    most_unusable: float = Field(0.1, ge=0, le=1)
    synthetic_per_class: int = Field(60, ge=5, le=100_000)
    synthetic_seed: int = Field(0, ge=0, lt=2**32)

    @property
    def of_manifest(self) -> tuple[str, ...]:
        """The settings that say something of a manifest, by name."""
        said = {
            "columns": self.columns != ColumnSettings(),
            "labels": self.labels,
            "views": self.views,
        }
        return tuple(name for name, value in said.items() if value)

    @model_validator(mode="after")
    def _leave_images_to_train_on(self) -> Self:
        held_out = self.validation_fraction + self.test_fraction
        if held_out >= 1:
            raise ValueError(
                f"validation_fraction + test_fraction is {held_out:g}; expected less than 1"
            )
        return self

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.classes and self.source != SYNTHETIC:
            raise ValueError("source and classes exclude each other; expected one of them")
        if len(self.classes) == 1:
            raise ValueError(
                f"classes names {next(iter(self.classes))} alone; expected two or more"
            )
        if len(set(self.labels.values())) == 1:
            raise ValueError(
                f"labels makes {next(iter(self.labels.values()))} of all; expected two or more"
            )
        if self.of_manifest and (self.classes or self.source == SYNTHETIC):
            raise ValueError(f"{self.of_manifest[0]} is of a manifest; expected one as data.source")
        if self.kfold and self.split != "strict":
            raise ValueError(f"kfold needs split = 'strict'; received {self.split!r}")
        if self.brightness and self.brightness[0] >= self.brightness[1]:
            raise ValueError(
                f"brightness is {list(self.brightness)}; expected the lower level first"
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
        preprocess: What a pretrained network's images go through: `paper` scales to [0, 1],
            `imagenet` does what the network was pretrained with.
        fine_tune: How many of a pretrained network's last layers with weights train too, beside
            the new ones; the paper's is taken to be 0.
        seed: Repeat r of every cell trains with seed + r, on every device alike.
    """

    epochs: int = Field(120, ge=1, le=100_000)
    batch_size: int = Field(64, ge=1, le=65_536)
    optimizer: Literal["adam"] = "adam"
    learning_rate: float = Field(0.001, gt=0, le=10)
    augmentation: Augmentation = Augmentation()
    weights: str | dict[str, str] = "imagenet"
    preprocess: Preprocess = "paper"
    fine_tune: int = Field(0, ge=0, le=10_000)
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
        exclusive: What a training owns while it lives: its whole host, or its `device` alone, so
            that trainings on other devices of the host may run at the same time.
    """

    sample_interval_s: float = Field(1.0, ge=0.1, le=60)
    timeout_s: float | None = Field(None, gt=0)
    start_s: float | None = Field(1800.0, gt=0)
    stall_s: float | None = Field(1800.0, gt=0)
    exit_s: float = Field(60.0, gt=0)
    grace_s: float = Field(4.0, ge=0, le=3600)
    timing_epochs: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    exclusive: Exclusive = "host"

    @field_validator("timing_epochs")
    @classmethod
    def _by_device(cls, epochs: dict[str, int]) -> dict[str, int]:
        return {str(Device.parse(device)): count for device, count in epochs.items()}


class DeliverySettings(Frozen):
    """How the runs of other hosts come back; none of it decides what is trained.

    Attributes:
        location: What all hosts can reach: a folder that each mounts at the same path, or a URL
            such as `s3://bucket/prefix`.
        lost_after_s: A training whose host gives no sign for so long counts as lost, and waits in
            its pool's queue again.
        deadline_s: How long a work pool may give no sign; then its runs are interrupted, with that
            reason, and the report is made without them.
        allow_mixed: Whether hosts may have different versions of the packages that decide a
            result. A report refuses speed-ups across versions all the same.
    """

    location: str = Field(min_length=1)
    lost_after_s: float = Field(180.0, ge=1)
    deadline_s: float = Field(86_400.0, gt=0)
    allow_mixed: bool = False
