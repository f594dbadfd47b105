"""How images reach a training: from the decoded cache, or from the files as the paper reads them.

`cached` maps the pixels into memory; augmentation is a layer of the network. `paper` is Keras's
`ImageDataGenerator.flow_from_directory`, which decodes and augments every file in every epoch
(paper, section III.C); it feeds the network behind its augmentation.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lungbench.data.dataset import ImageSet, PreparedData
from lungbench.errors import DataError
from lungbench.experiment import RunSpec
from lungbench.record import Split

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
    """

    network: keras.Model
    train: "Batches | Any"
    validation: Any
    steps: int


def feed_of(spec: RunSpec, data: PreparedData, network: keras.Model, run_dir: Path) -> Feed:
    """Return the images of a run in the way that its pipeline delivers them.

    Raises:
        DataError: The pipeline reads files, and they are gone.
    """
    if spec.pipeline == "paper":
        return _from_files(spec, data, network, run_dir)
    train = Batches(ImageSet.open(data, "train"), spec.batch_size, seed=spec.seed)
    validation = Batches(ImageSet.open(data, "validation"), spec.batch_size)
    return Feed(network, train, validation, len(train))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """One split, batch by batch, every image once an epoch; the last batch may be smaller.

    Args:
        images: The split.
        batch_size: Images per batch.
        seed: With the epoch's number it fixes the order; None keeps the split's own.
    """

    def __init__(self, images: ImageSet, batch_size: int, seed: int | None = None) -> None:
        super().__init__()
        self._images, self._batch_size, self._seed = images, batch_size, seed
        self._order = np.arange(len(images))

    def reorder(self, epoch: int) -> None:
        """Shuffle for this epoch (from 1), the same way in every process on every machine."""
        if self._seed is not None:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._images))

    def __len__(self) -> int:
        return math.ceil(len(self._images) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        first = index * self._batch_size
        return self._images.batch(self._order[first : first + self._batch_size])


class Order(keras.callbacks.Callback):  # type: ignore[misc]
    """Give every epoch its own order of the training images."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        """Shuffle before the first batch is asked for."""
        self._batches.reorder(epoch + 1)


def _from_files(spec: RunSpec, data: PreparedData, network: keras.Model, run_dir: Path) -> Feed:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

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
            classes=list(data.classes),
            shuffle=shuffle,
            seed=spec.seed,
        )

    train = flow(augmented, "train", shuffle=True)
    behind_augmentation = keras.Model(network.get_layer("grey_to_rgb").output, network.output)
    return Feed(behind_augmentation, train, flow(plain, "validation", shuffle=False), len(train))


def _linked(data: PreparedData, split: Split, run_dir: Path) -> Path:
    """Lay out the files of one split as `flow_from_directory` wants them, without copying."""
    if data.folder is None or not data.folder.is_dir():
        raise DataError(
            "The paper's pipeline reads the image files in every epoch.",
            received=f"{data.folder} is gone",
            hint="prepare the data again, or use the cached pipeline.",
        )
    folder = run_dir / IMAGES_FOLDER / split
    for row in data.rows[split]:
        file = data.folder / data.paths[row]
        link = folder / data.paths[row].split("/")[0] / f"{row}{file.suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    return folder
