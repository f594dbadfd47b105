"""How images reach a training: from the decoded cache, or from the files as the paper reads them.

`cached` maps the pixels into memory and augments them where the network trains. `paper` is Keras's
`ImageDataGenerator.flow_from_directory`, which decodes and augments every file in every epoch
(paper, section III.C). Each hands its images to the network at the layer that comes next for them.
"""

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lungbench.data.dataset import ImageSet, PreparedData
from lungbench.errors import DataError
from lungbench.experiment import RunSpec
from lungbench.models.network import GREY_TO_RGB, RESCALE
from lungbench.record import Split
from lungbench.settings import Augmentation
from lungbench.training.augment import Affine, Matrices, draw, unchanged, warp

IMAGES_FOLDER = "images"


@dataclass(frozen=True, slots=True)
class Feed:
    """What `fit` is given.

    Attributes:
        network: The network to train, from what the feed delivers to probabilities. It shares
            its weights with the one that takes raw images.
        train: The training images.
        validation: The validation images.
        steps: Batches of one epoch.
        begin: Shuffles and draws for an epoch (from 1) that starts at some batch (from 0), the
            same way in every process and place.
    """

    network: keras.Model
    train: "Batches | Any"
    validation: Any
    steps: int
    begin: Callable[[int, int], None]


def feed_of(spec: RunSpec, data: PreparedData, network: keras.Model, run_dir: Path) -> Feed:
    """Return the images of a run in the way that its pipeline delivers them.

    Raises:
        DataError: The pipeline reads files, and they are gone.
    """
    if spec.pipeline == "paper":
        return _from_files(spec, data, network, run_dir)
    on_device = spec.device.kind == "gpu"
    deliver = with_transforms if on_device else warped
    train = Batches(
        ImageSet.open(data, "train"),
        spec.batch_size,
        deliver=deliver,
        seed=spec.seed,
        augmentation=spec.augmentation,
    )
    validation = Batches(ImageSet.open(data, "validation"), spec.batch_size, deliver=deliver)
    fed = _augmenting(network) if on_device else _behind(network, RESCALE)
    return Feed(fed, train, validation, len(train), train.begin)


def _behind(network: keras.Model, layer: str) -> keras.Model:
    """Return the part of a network that takes what one of its layers gives."""
    return keras.Model(network.get_layer(layer).output, network.output, name=network.name)


def _augmenting(network: keras.Model) -> keras.Model:
    """Return the network for images and their transforms, augmenting while it trains."""
    raw = keras.Input(network.input_shape[1:], dtype="uint8", name="xray")
    transforms = keras.Input((8,), dtype="float32", name="transforms")
    images = Affine(name="augment")(network.get_layer(RESCALE)(raw), transforms)
    return keras.Model([raw, transforms], _behind(network, RESCALE)(images), name=network.name)


# What a batch hands over: from uint8 pixels, image x row x column, and their transforms, if any.
Deliver = Callable[[NDArray[np.uint8], Matrices | None], Any]


def as_they_are(pixels: NDArray[np.uint8], _: Matrices | None) -> Any:
    """Deliver raw images, as whoever diagnoses has them: image x row x column x 1."""
    return pixels[..., np.newaxis]


def warped(pixels: NDArray[np.uint8], transforms: Matrices | None) -> Any:
    """Deliver images from 0 to 1, transformed where there are transforms."""
    if transforms is None:
        return pixels[..., np.newaxis] * np.float32(1 / 255)
    return warp(pixels, transforms)[..., np.newaxis]


def with_transforms(pixels: NDArray[np.uint8], transforms: Matrices | None) -> Any:
    """Deliver raw images with their transforms, for a network that applies them itself."""
    return pixels[..., np.newaxis], unchanged(len(pixels)) if transforms is None else transforms


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """One split, batch by batch, every image once an epoch; the last batch may be smaller.

    Args:
        images: The split.
        batch_size: Images per batch.
        deliver: Makes of pixels and transforms what the network takes.
        seed: With the epoch's number it fixes the order; None keeps the split's own.
        augmentation: Ranges of the transforms, which the seed fixes too; None has none.
    """

    def __init__(
        self,
        images: ImageSet,
        batch_size: int,
        *,
        deliver: Deliver = as_they_are,
        seed: int | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__()
        self._images, self._batch_size, self._deliver = images, batch_size, deliver
        self._seed, self._augmentation = seed, augmentation
        self._order = np.arange(len(images))
        self._transforms: Matrices | None = None
        self.begin(1)

    def begin(self, epoch: int, batch: int = 0) -> None:  # noqa: ARG002 - see `Feed.begin`
        """Shuffle and draw for this epoch (from 1), the same way in every process and place."""
        if self._seed is None:
            return
        count = len(self._images)
        self._order = np.random.default_rng([self._seed, epoch]).permutation(count)
        if self._augmentation:
            self._transforms = draw(
                self._augmentation, count, self._images.size, seed=self._seed, epoch=epoch
            )

    def __len__(self) -> int:
        return math.ceil(len(self._images) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, NDArray[np.float32]]:
        first = index * self._batch_size
        positions = self._order[first : first + self._batch_size]
        pixels, labels = self._images.batch(positions)
        transforms = None if self._transforms is None else self._transforms[positions]
        return self._deliver(pixels, transforms), labels


class Remaining(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of an epoch from one of them on.

    Args:
        batches: The whole epoch.
        first: How many of its batches are left out.
    """

    def __init__(self, batches: Any, first: int) -> None:
        super().__init__()
        self._batches, self._first = batches, first

    def __len__(self) -> int:
        return len(self._batches) - self._first

    def __getitem__(self, index: int) -> Any:
        return self._batches[self._first + index]


class Order(keras.callbacks.Callback):  # type: ignore[misc]
    """Give every epoch its own order of the training images, and its own transforms.

    Args:
        feed: Whose epochs begin.
        first: Batches of the first epoch that are left out.
    """

    def __init__(self, feed: Feed, first: int = 0) -> None:
        super().__init__()
        self._begin, self._first = feed.begin, first

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        """Shuffle and draw before the first batch is asked for."""
        self._begin(epoch + 1, self._first)


def _from_files(spec: RunSpec, data: PreparedData, network: keras.Model, run_dir: Path) -> Feed:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    shutil.rmtree(run_dir / IMAGES_FOLDER, ignore_errors=True)  # of an earlier attempt
    augmentation = spec.augmentation
    augmented = ImageDataGenerator(
        rescale=1 / 255,
        shear_range=augmentation.shear_degrees,
        zoom_range=augmentation.zoom,
        horizontal_flip=augmentation.horizontal_flip,
    )
    plain = ImageDataGenerator(rescale=1 / 255)

    def flow(generator: Any, split: Split, shuffle: bool) -> Any:
        return generator.flow_from_directory(
            _linked(data, split, run_dir),
            target_size=(spec.image_size, spec.image_size),
            batch_size=spec.batch_size,
            class_mode="categorical",
            classes=[str(label) for label in range(len(data.classes))],
            shuffle=shuffle,
            seed=spec.seed,
        )

    train = flow(augmented, "train", shuffle=True)

    def begin(epoch: int, batch: int) -> None:
        # Keras seeds each batch by its number since the start; only the order has no seed.
        train.total_batches_seen = (epoch - 1) * len(train) + batch
        np.random.seed([spec.seed, epoch])  # noqa: NPY002 - the legacy class draws from it
        train._set_index_array()  # noqa: SLF001 - which the class calls between epochs, too

    validation = flow(plain, "validation", shuffle=False)
    return Feed(_behind(network, GREY_TO_RGB), train, validation, len(train), begin)


def _linked(data: PreparedData, split: Split, run_dir: Path) -> Path:
    """Lay out the files of one split as `flow_from_directory` wants them, without copying."""
    if data.folder is None or not data.folder.is_dir():
        raise DataError(
            "The paper's pipeline reads the image files in every epoch.",
            received=f"{data.folder} is gone",
            hint="prepare the data again, or use the cached pipeline.",
        )
    folder, labels = run_dir / IMAGES_FOLDER / split, data.labels()
    for row in data.rows[split]:
        file = data.folder / data.paths[row]
        # A class's name may be none for a folder, and its files may lie in many.
        link = folder / str(labels[row]) / f"{row}{file.suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    return folder
