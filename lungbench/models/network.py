"""From a raw image to probabilities, in one saved model.

Every network takes the decoder's grey uint8 image. Rescaling, augmentation and the step from grey
to three channels are layers of the model, so that whoever loads it can't forget them.
"""

from importlib import import_module
from typing import Any

import keras
from keras import layers

from lungbench.augment import RandomAffine
from lungbench.experiment import Augmentation


@keras.saving.register_keras_serializable(package="lungbench")
class GreyToRgb(layers.Layer):  # type: ignore[misc]
    """Repeat one grey channel three times, as pretrained networks expect."""

    def call(self, images: Any) -> Any:
        """Return image x row x column x 3."""
        return keras.ops.repeat(images, 3, axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with three channels."""
        return (*input_shape[:-1], 3)


def build_network(
    name: str,
    *,
    image_size: int,
    classes: int,
    augmentation: Augmentation,
    weights: str,
    seed: int | None = None,
) -> keras.Model:
    """Build a network of the table, not yet compiled.

    Args:
        name: A name in `lungbench.models.MODELS`.
        image_size: Height and width of the images in pixels.
        classes: Number of classes, 2 or more.
        augmentation: Random changes of the training images.
        weights: `imagenet`, `none` or the path of a file of weights without the top.
        seed: Fixes the augmentation's draws.

    Returns:
        A model from uint8 grey images (image x row x column x 1) to probabilities
        (image x class).
    """
    raw = keras.Input((image_size, image_size, 1), dtype="uint8", name="xray")
    x = layers.Rescaling(1 / 255, dtype="float32", name="rescale")(raw)
    x = RandomAffine(
        augmentation.shear_degrees,
        augmentation.zoom,
        augmentation.horizontal_flip,
        seed=seed,
        name="augment",
    )(x)
    rgb = GreyToRgb(dtype="float32", name="grey_to_rgb")(x)
    probabilities = import_module(f"lungbench.models.{name}").head(rgb, classes, weights)
    return keras.Model(raw, probabilities, name=name)
