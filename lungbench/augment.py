"""Random shear, zoom and mirroring as one affine transform a batch, on the device that trains.

It draws from the same ranges and computes the same pixels as the class that the paper used,
Keras's `ImageDataGenerator` (section III.C); see `tests/lungbench/test_augment.py`.
"""

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lungbench")
class RandomAffine(keras.layers.Layer):  # type: ignore[misc]
    """Shear, zoom and mirror images at random while training; pass them on otherwise.

    Input and output are float32, image x row x column x channel, height equal to width.

    Args:
        shear_degrees: Angles are drawn from [-shear_degrees, shear_degrees].
        zoom: Width and height are scaled apart, by factors from [1 - zoom, 1 + zoom].
        horizontal_flip: Mirror each image with probability 1/2.
        seed: Fixes the draws.
    """

    def __init__(
        self,
        shear_degrees: float,
        zoom: float,
        horizontal_flip: bool,
        seed: int | None = None,
        **settings: Any,
    ) -> None:
        # Coordinates of a bfloat16 image would be off by whole pixels.
        super().__init__(**{"dtype": "float32", **settings})
        self.shear_degrees = shear_degrees
        self.zoom = zoom
        self.horizontal_flip = horizontal_flip
        self.seed = seed
        self.draws = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        """Transform a batch while training, each image by its own draw."""
        if not training:
            return images
        count, _, size, _ = ops.shape(images)
        return affine(images, size, **self.draw(count))

    def draw(self, count: Any) -> dict[str, Any]:
        """Draw the parameters of `affine` for `count` images."""

        def uniform(low: float, high: float) -> Any:
            return keras.random.uniform((count,), low, high, seed=self.draws)

        return {
            "shear_degrees": uniform(-self.shear_degrees, self.shear_degrees),
            "zoom_x": uniform(1 - self.zoom, 1 + self.zoom),
            "zoom_y": uniform(1 - self.zoom, 1 + self.zoom),
            "mirrored": ops.logical_and(uniform(-1, 1) < 0, self.horizontal_flip),
        }

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape it was given."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this layer."""
        return {
            **super().get_config(),
            "shear_degrees": self.shear_degrees,
            "zoom": self.zoom,
            "horizontal_flip": self.horizontal_flip,
            "seed": self.seed,
        }


def affine(
    images: Any, size: Any, *, shear_degrees: Any, zoom_x: Any, zoom_y: Any, mirrored: Any
) -> Any:
    """Apply shear · zoom · mirror about the centre of each image.

    Args:
        images: image x row x column x channel, square.
        size: Height and width in pixels.
        shear_degrees: Angles, one an image.
        zoom_x: Factors on x; above 1 shows more of the scene, as in Keras.
        zoom_y: Factors on y.
        mirrored: Whether to mirror left and right.

    Returns:
        Images of the same shape: bilinear, edges continued.
    """
    angle = shear_degrees * (math.pi / 180)
    mirror = ops.where(mirrored, -1.0, 1.0)
    centre = (ops.cast(size, "float32") - 1) / 2
    # Output (x, y) is read from input (a·x + b·y + c, d·y + f), all about the centre.
    a = zoom_x * mirror
    b = -ops.sin(angle) * zoom_y
    d = ops.cos(angle) * zoom_y
    none = ops.zeros_like(a)
    rows = [a, b, centre * (1 - a - b), none, d, centre * (1 - d), none, none]
    return ops.image.affine_transform(
        images,
        ops.stack(rows, axis=1),
        interpolation="bilinear",
        fill_mode="nearest",
        data_format="channels_last",
    )
