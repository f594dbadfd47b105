"""One side of `benchmarks.epoch`: a single `fit` whose every epoch waits to be told to begin.

Run by `benchmarks.epoch`. All sides train the same network with the same optimizer and loss; they
differ in where its images come from and which layers stand before it.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from benchmarks.generator_images import generator_images
from benchmarks.sides import Turns
from lungbench.data.dataset import ImageSet, PreparedData
from lungbench.experiment import RunSpec
from lungbench.models.network import build_network
from lungbench.training.fit import compile_for
from lungbench.training.pipelines import Order, feed_of

_ENDLESS = 10**6


@dataclass(frozen=True, slots=True)
class Training:
    """What a side's `fit` is called with."""

    network: keras.Model
    images: Any
    callbacks: Sequence[keras.callbacks.Callback] = field(default_factory=tuple)


class Gate(keras.callbacks.Callback):  # type: ignore[misc]
    """Let an epoch begin when a turn is asked for, and answer once its last step is done."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        """Block until the turn."""
        self._turns.begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        """End the turn; reading the metrics waits for the device."""
        for value in self.model.get_metrics_result().values():
            float(value)
        self._turns.end()


def lungbench(spec: RunSpec, folder: Path, data: Path) -> Training:
    """Train as a run does: from the mapped pixels, augmented batch by batch."""
    found = PreparedData.read(data)
    network = build_network(
        spec.model,
        image_size=spec.image_size,
        classes=len(found.classes),
        weights=spec.weights,
    )
    feed = feed_of(spec, found, network, folder)
    return Training(feed.network, feed.train, [Order(feed)])


def generator(spec: RunSpec, folder: Path, data: Path) -> Training:
    """Train as the paper describes: its generator reads the files again every epoch."""
    return Training(_plain_network(spec, data), generator_images(spec, folder))


def preprocessing_layers(spec: RunSpec, folder: Path, data: Path) -> Training:
    """Train as Keras's guides do today: decoded once into memory, augmented by its own layers."""
    images = keras.utils.image_dataset_from_directory(
        str(folder),
        label_mode="categorical",
        image_size=(spec.image_size, spec.image_size),
        batch_size=spec.batch_size,
        seed=spec.seed,
    )
    changes = spec.augmentation
    shear = changes.shear_degrees * 3.141592653589793 / 180  # of so small an angle, its sine
    augmented = (
        layers.Rescaling(1 / 255),
        layers.RandomShear(x_factor=shear, seed=spec.seed),
        layers.RandomZoom(changes.zoom, changes.zoom, fill_mode="nearest", seed=spec.seed),
        layers.RandomFlip("horizontal", seed=spec.seed),
    )
    network = _plain_network(spec, data, augmented)
    return Training(network, images.cache().prefetch(tf.data.AUTOTUNE))


def resident(spec: RunSpec, folder: Path, data: Path) -> Training:  # noqa: ARG001 - same for all
    """Train on one batch that lies ready in memory: what no input pipeline can undercut."""
    found = PreparedData.read(data)
    pixels, labels = ImageSet.open(found, "train").batch(range(spec.batch_size))
    rgb = pixels[..., None].repeat(3, axis=-1)
    ready = tf.constant(rgb, dtype="float32") / 255, tf.constant(labels)
    steps, rest = divmod(len(found.rows["train"]), spec.batch_size)
    images = tf.data.Dataset.from_tensors(ready).repeat(steps)
    if rest:
        last = tuple(part[:rest] for part in ready)
        images = images.concatenate(tf.data.Dataset.from_tensors(last))
    return Training(_plain_network(spec, data), images)


def _plain_network(
    spec: RunSpec, data: Path, before: Sequence[keras.layers.Layer] = ()
) -> keras.Model:
    raw = keras.Input((spec.image_size, spec.image_size, 3))
    x = raw
    for layer in before:
        x = layer(x)
    classes = len(PreparedData.read(data).classes)
    head = import_module(f"lungbench.models.{spec.model}").head
    return keras.Model(raw, head(x, classes, spec.weights))


SIDES: dict[str, Callable[[RunSpec, Path, Path], Training]] = {
    "lungbench": lungbench,
    "generator": generator,
    "layers": preprocessing_layers,
    "resident": resident,
}


def main(side: str, spec: RunSpec, folder: Path, data: Path) -> None:
    """Train until no more epochs are asked for."""
    turns = Turns()
    keras.utils.set_random_seed(spec.seed)
    keras.config.set_dtype_policy(spec.precision)
    training = SIDES[side](spec, folder, data)
    compile_for(spec, training.network)
    training.network.fit(
        training.images,
        epochs=_ENDLESS,
        callbacks=[Gate(turns), *training.callbacks],
        shuffle=False,
        verbose=0,
    )


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    main(
        asked["side"],
        RunSpec.model_validate(asked["spec"]),
        Path(asked["folder"]),
        Path(asked["data"]),
    )
