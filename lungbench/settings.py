"""What an experiment file says about its images, its trainings and how they are watched."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from lungbench.device import Device
from lungbench.frozen import Frozen
from lungbench.models import MODELS, model_names

SYNTHETIC = "synthetic"

SplitName = Literal["strict", "paper", "folders"]
Preprocess = Literal["paper", "imagenet"]
ClassName = Annotated[str, Field(min_length=1, max_length=100)]
Folders = Annotated[tuple[str, ...], Field(min_length=1)]
GreyLevel = Annotated[float, Field(ge=0, le=255)]


def _known_model(name: object) -> str:
    if not isinstance(name, str) or name not in MODELS:
        raise ValueError(f"{name!r} is no model; expected one of {', '.join(model_names())}")
    return name


ModelName = Annotated[str, BeforeValidator(_known_model)]


class DataSettings(Frozen):
    """Which images, at which size, and how they are split.

    Attributes:
        source: `synthetic`; a folder with one sub-folder per class, or with one per split and
            those of the classes below; or a manifest, a CSV or TSV file of paths and labels.
        classes: The folders of each class, where they come from several collections; then there
            is no `source`.
        image_size: Height and width in pixels that every image is resized to.
        split: `strict` keeps train, validation and test disjoint, stratified by class, with all
            images of a patient and all near-duplicates in one of them. `paper` is the paper's
            own, whose test images are taken from those that train (section III.B). `folders` is
            the source's own, by its folders or its manifest.
        split_seed: Fixes which image goes where.
        validation_fraction: Share of each class kept for validation. With `test_fraction`, the
            paper's 20 % for testing and 80/20 of the rest, without its overlap (section III.B).
            For `strict` alone.
        test_fraction: Share of each class kept for testing; likewise.
        kfold: Parts of a cross-validation, with `strict`: each part tests once, in a run of its
            own; None is none.
        per_class: Images of each class that are used, drawn with `split_seed`; the paper's are
            845. None is all.
        brightness: Least and greatest mean grey of an image that is used, 0 to 255; the paper's
            are 120 and 140 (section III.A). None is any.
        most_unusable: Share of the images that may be unreadable before that is an error.
        synthetic_per_class: Images drawn per class when the source is `synthetic`.
        synthetic_seed: Fixes every drawn image.
    """

    source: str = Field(SYNTHETIC, min_length=1)
    classes: dict[ClassName, Folders] = Field(default_factory=dict)
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
