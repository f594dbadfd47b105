"""What an experiment file says about its images, its trainings and how they are watched."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from lungbench.device import Device
from lungbench.frozen import Settings
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


ModelName = Annotated[
    str,
    BeforeValidator(_known_model),
    WithJsonSchema({"type": "string", "enum": list(model_names())}),  # a form offers them
]


class ColumnSettings(Settings):
    """What a manifest calls its columns; None looks for the names that are known."""

    path: ColumnName | Annotated[tuple[ColumnName, ...], Field(min_length=1)] | None = None
    """Where the image lies; of several columns, the parts of its path in their order, such as
    folder and file name.
    """
    label: ColumnName | None = None
    """The image's class, or what `labels` makes one of."""
    patient: ColumnName | None = None
    """Whose image it is, so that `strict` keeps all images of a patient in one part."""
    split: ColumnName | None = None
    """`train`, `validation` or `test`, for the split `folders`."""
    view: ColumnName | None = None
    """How the image was taken, such as `PA`, for `views`."""
    collection: ColumnName | None = None
    """The data set that the image comes from."""


class DataSettings(Settings):
    """Which images, at which size, and how they are split."""

    source: str = Field(SYNTHETIC, min_length=1)
    """`synthetic`, for drawn images; a folder with one sub-folder per class, or with one per split
    and those of the classes below; or a manifest, a CSV or TSV file of paths and labels.
    """
    classes: dict[ClassName, Folders] = Field(default_factory=dict)
    """The folders of each class, where they come from several collections; then there is no
    `source`.
    """
    columns: ColumnSettings = ColumnSettings()
    """What a manifest calls its columns, where that isn't found out by itself."""
    labels: dict[Annotated[str, Field(min_length=1)], ClassName] = Field(default_factory=dict)
    """The class of each label of a manifest, where labels are many or long; rows with other labels
    are passed over. Empty takes each label for a class.
    """
    views: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """The views of a manifest that are used, such as `PA`; empty is all."""
    image_size: int = Field(224, ge=16, le=1024)
    """Height and width in pixels that every image is resized to, 16 to 1024; InceptionV3 needs
    75.
    """
    split: SplitName = "strict"
    """`strict` keeps train, validation and test disjoint, stratified by class, with all images of a
    patient and all near-duplicates in one of them. `paper` is the paper's own, whose test images
    are taken from those that train (section III.B). `folders` is the source's own, by its folders
    or its manifest.
    """
    split_seed: int = Field(0, ge=0, lt=2**32)
    """Fixes which image goes where."""
    validation_fraction: float = Field(0.16, gt=0, lt=1)
    """Share of each class kept for validation, between 0 and 1. With `test_fraction`, the paper's
    20 % for testing and 80/20 of the rest, without its overlap (section III.B). For `strict`; and
    of each class's training images for `folders` where the source has no validation folder, since
    those are then not trained on. `paper` has its own.
    """
    test_fraction: float = Field(0.20, gt=0, lt=1)
    """Share of each class kept for testing, between 0 and 1; for `strict` alone."""
    kfold: int | None = Field(None, ge=2, le=20)
    """Parts of a cross-validation, 2 to 20, with `strict`: each part tests once, in a run of its
    own; None is none.
    """
    per_class: int | None = Field(None, ge=3)
    """Images of each class that are used, 3 or more, drawn with `split_seed`; the paper's are 845.
    None is all.
    """
    brightness: tuple[GreyLevel, GreyLevel] | None = None
    """Least and greatest mean grey of an image that is used, 0 to 255; the paper's are 120 and 140
    (section III.A). None is any.
    """
    most_unusable: float = Field(0.1, ge=0, le=1)
    """Share of the images found that may be unusable before that is an error, 0 to 1: damaged, too
    small or large, links that lead out of the source, or the same bytes under two labels. What is
    no image, or is left out by `brightness` or `per_class`, doesn't count.
    """
    synthetic_per_class: int = Field(60, ge=5, le=100_000)
    """Images drawn per class when the source is `synthetic`, 5 or more."""
    synthetic_seed: int = Field(0, ge=0, lt=2**32)
    """Fixes every drawn image."""

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


class Augmentation(Settings):
    """Random changes of the training images (paper, section III.C)."""

    shear_degrees: float = Field(0.3, ge=0, le=45)
    """Largest shear angle, 0 to 45 degrees. The paper's `shear_range = 0.3` is in degrees."""
    zoom: float = Field(0.3, ge=0, lt=1)
    """Height and width are scaled by factors from 1 - zoom to 1 + zoom; 0 to less than 1."""
    horizontal_flip: bool = True
    """Mirror half of the images."""


class TrainSettings(Settings):
    """How a network is trained; the defaults are the paper's (sections III.C and IV.A)."""

    epochs: int = Field(120, ge=1, le=100_000)
    """Times that every training image is used."""
    batch_size: int = Field(64, ge=1, le=65_536)
    """Images per step; with `gpu:all`, of all GPUs together."""
    optimizer: Literal["adam"] = "adam"
    """The paper's Adam; its other settings are Keras's defaults."""
    learning_rate: float = Field(0.001, gt=0, le=10)
    """The optimizer's, more than 0 and at most 10. The paper states none; this is Keras's default
    for Adam.
    """
    augmentation: Augmentation = Augmentation()
    weights: str | dict[str, str] = "imagenet"
    """What a network starts from: `imagenet`, `none`, a file of weights without the top, or one of
    these per model.
    """
    preprocess: Preprocess = "paper"
    """What a pretrained network's images go through: `paper` scales to [0, 1], `imagenet` does what
    the network was pretrained with.
    """
    fine_tune: int = Field(0, ge=0, le=10_000)
    """How many of a pretrained network's last layers with weights train too, beside the new ones;
    the paper's is taken to be 0.
    """
    seed: int = Field(0, ge=0, lt=2**31)
    """Repeat r of every cell trains with seed + r, on every device alike."""

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


class MeasureSettings(Settings):
    """How runs are watched."""

    sample_interval_s: float = Field(1.0, ge=0.1, le=60)
    """Seconds between two readings of the resources, 0.1 to 60."""
    timeout_s: float | None = Field(None, gt=0)
    """Longest wall time of one run in seconds; None is no limit."""
    start_s: float | None = Field(1800.0, gt=0)
    """Longest time from a run's start to the end of its first batch, in seconds; None is no
    limit.
    """
    stall_s: float | None = Field(1800.0, gt=0)
    """Longest time without the end of a batch after that, in seconds; None is no limit."""
    exit_s: float = Field(60.0, gt=0)
    """Seconds that a run's process gets to end after its last word."""
    grace_s: float = Field(4.0, ge=0, le=3600)
    """Seconds that a run gets to finish its batch and write a checkpoint when it is asked to end, 0
    to 3600; after that it is killed, and its last checkpoint counts.
    """
    timing_epochs: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Steady epochs after which runs on a device are stopped, by device: their full time is
    predicted, and they give no diagnostic metrics.
    """
    exclusive: Exclusive = "host"
    """What a training owns while it lives: its whole host, or its `device` alone, so that trainings
    on other devices of the host may run at the same time.
    """

    @field_validator("timing_epochs")
    @classmethod
    def _by_device(cls, epochs: dict[str, int]) -> dict[str, int]:
        return {str(Device.parse(device)): count for device, count in epochs.items()}


class DeliverySettings(Settings):
    """How the runs of other hosts come back; none of it decides what is trained."""

    location: str = Field(min_length=1)
    """What all hosts can reach: a folder that each mounts at the same path, or a URL such as
    `s3://bucket/prefix`.
    """
    lost_after_s: float = Field(180.0, ge=1)
    """A training whose host gives no sign for so many seconds counts as lost, and waits in its
    pool's queue again.
    """
    deadline_s: float = Field(86_400.0, gt=0)
    """Seconds that a work pool may give no sign; then its runs are interrupted, with that reason,
    and the report is made without them.
    """
    allow_mixed: bool = False
    """Whether hosts may have different versions of the packages that decide a result. A report
    refuses speed-ups across versions all the same.
    """
