"""One side of `benchmarks.pipeline`: makes an epoch's batches and gives them to nobody."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from benchmarks.generator_images import generator_images
from benchmarks.sides import Turns
from lungbench.data.dataset import ImageSet, PreparedData
from lungbench.experiment import RunSpec
from lungbench.models.network import GreyToRgb
from lungbench.training.pipelines import Batches, warped

Epochs = Callable[[], Iterator[Any]]


def lungbench(spec: RunSpec, folder: Path, data: Path) -> Epochs:  # noqa: ARG001 - same for all
    """Read mapped pixels, augment them and widen them to three channels, as a run does."""
    batches = Batches(
        ImageSet.open(PreparedData.read(data), "train"),
        spec.batch_size,
        deliver=warped,
        seed=spec.seed,
        augmentation=spec.augmentation,
    )
    widen = tf.function(GreyToRgb(), reduce_retracing=True)

    def epoch() -> Iterator[Any]:
        for number in range(len(batches)):
            images, labels = batches[number]
            yield widen(tf.constant(images)), labels

    return epoch


def generator(spec: RunSpec, folder: Path, data: Path) -> Epochs:  # noqa: ARG001 - same for all
    """Read, decode and change the files as the paper describes."""
    images = generator_images(spec, folder)
    return lambda: (images[number] for number in range(len(images)))


SIDES: dict[str, Callable[[RunSpec, Path, Path], Epochs]] = {
    "lungbench": lungbench,
    "generator": generator,
}


def main(side: str, spec: RunSpec, folder: Path, data: Path) -> None:
    """Go through the images once whenever it is asked for."""
    turns = Turns()
    epoch = SIDES[side](spec, folder, data)
    while True:
        turns.begin()
        for _ in epoch():
            pass
        turns.end()


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    main(
        asked["side"],
        RunSpec.model_validate(asked["spec"]),
        Path(asked["folder"]),
        Path(asked["data"]),
    )
