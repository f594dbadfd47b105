"""From a raw image to probabilities, in one saved model.

Every network takes the decoder's grey uint8 image. Rescaling and the step from grey to three
channels are layers of the model, so that whoever loads it can't forget them; augmentation is not,
since only a training has any use for it (`lungbench.training.pipelines`).
"""

from importlib import import_module
from typing import Any

import keras
from keras import layers

from lungbench.models import MODELS
from lungbench.settings import Preprocess

RESCALE = "rescale"  # the layers after which a training may put its images in
GREY_TO_RGB = "grey_to_rgb"


@keras.saving.register_keras_serializable(package="lungbench")
class GreyToRgb(layers.Layer):  # type: ignore[misc]
    """Repeat one grey channel three times, as pretrained networks expect."""

    def call(self, images: Any) -> Any:
        """Return image x row x column x 3."""
        # `repeat` and `concatenate` took 1.7 and 2.4 times as long on a CPU.
        return keras.ops.broadcast_to(images, (*keras.ops.shape(images)[:-1], 3))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with three channels."""
        return (*input_shape[:-1], 3)


def build_network(
    name: str,
    *,
    image_size: int,
    classes: int,
    weights: str,
    preprocess: Preprocess = "paper",
    fine_tune: int = 0,
) -> keras.Model:
    """Build a network of the table, not yet compiled.

    Args:
        name: A name in `lungbench.models.MODELS`.
        image_size: Height and width of the images in pixels.
        classes: Number of classes, 2 or more.
        weights: `imagenet`, `none` or the path of a file of weights without the top.
        preprocess: What comes between images in [0, 1] and a pretrained base: nothing, or what
            Keras's `preprocess_input` of that network does.
        fine_tune: How many of the last frozen layers are trained too, at most all.

    Returns:
        A model from uint8 grey images (image x row x column x 1) to probabilities
        (image x class).
    """
    raw = keras.Input((image_size, image_size, 1), dtype="uint8", name="xray")
    grey = layers.Rescaling(1 / 255, dtype="float32", name=RESCALE)(raw)
    rgb = GreyToRgb(dtype="float32", name=GREY_TO_RGB)(grey)
    images = _as_pretrained(name)(rgb) if preprocess == "imagenet" else rgb
    probabilities = import_module(f"lungbench.models.{name}").head(images, classes, weights)
    network = keras.Model(raw, probabilities, name=name)
    _thaw(network, fine_tune)
    return network


def _as_pretrained(name: str) -> layers.Layer:
    spec = MODELS[name]
    scale, offset = list(spec.imagenet_scale), list(spec.imagenet_offset)
    return layers.Rescaling(scale, offset, dtype="float32", name="as_pretrained")


def _thaw(network: keras.Model, count: int) -> None:
    """Let the last frozen layers train.

    Batch normalisation stays frozen: the statistics of a few small batches would replace
    ImageNet's, and undo what was learned there.
    """
    frozen = [
        layer
        for layer in network.layers
        if layer.weights
        and not layer.trainable
        and not isinstance(layer, layers.BatchNormalization | layers.Normalization)
    ]
    for layer in frozen[len(frozen) - min(count, len(frozen)) :]:
        layer.trainable = True
