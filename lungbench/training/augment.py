"""Random shear, zoom and mirroring of the training images, the same ones on every device.

The ranges and the pixels are those of the class that the paper used, Keras's `ImageDataGenerator`
(section III.C); see `tests/lungbench/training/test_augment.py`. What an image is put through
depends on the seed, the epoch and its place in the split alone, so runs of one seed see equal
images on every device and backend, and so does a run that goes on after an interruption. A network
on the CPU gets its images from `warp`, which costs half of what TensorFlow's kernel does there; one
on a GPU is given `Affine`, which does the same on the GPU.
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from lungbench.settings import Augmentation

Matrices = NDArray[np.float32]

_DRAWS = 1  # tells these draws from those that shuffle, which have the same seed and epoch


def draw(augmentation: Augmentation, count: int, size: int, *, seed: int, epoch: int) -> Matrices:
    """Draw what each image of a split is put through in one epoch.

    Args:
        augmentation: The ranges.
        count: Number of images.
        size: Their height and width in pixels.
        seed: The run's seed.
        epoch: From 1.

    Returns:
        The rows that `matrices` makes, one an image.
    """
    random = np.random.default_rng([seed, epoch, _DRAWS])
    shear, zoom = augmentation.shear_degrees, augmentation.zoom
    return matrices(
        size,
        shear_degrees=random.uniform(-shear, shear, count),
        zoom_x=random.uniform(1 - zoom, 1 + zoom, count),
        zoom_y=random.uniform(1 - zoom, 1 + zoom, count),
        mirrored=random.integers(2, size=count).astype(bool) & augmentation.horizontal_flip,
    )


def matrices(
    size: int,
    *,
    shear_degrees: NDArray[Any],
    zoom_x: NDArray[Any],
    zoom_y: NDArray[Any],
    mirrored: NDArray[Any],
) -> Matrices:
    """Return the transform shear · zoom · mirror about the centre of each image.

    Args:
        size: Height and width in pixels.
        shear_degrees: Angles, one an image.
        zoom_x: Factors on x; above 1 shows more of the scene, as in Keras.
        zoom_y: Factors on y.
        mirrored: Whether to mirror left and right.

    Returns:
        a, b, c, 0, d, f, 0, 0, one row an image: the output's (x, y) is read from the input's
        (a·x + b·y + c, d·y + f). It is the form that `keras.ops.image.affine_transform` takes.
    """
    angle, centre = np.deg2rad(shear_degrees), (size - 1) / 2
    a = zoom_x * np.where(mirrored, -1.0, 1.0)
    b = -np.sin(angle) * zoom_y
    d = np.cos(angle) * zoom_y
    none = np.zeros_like(a)
    rows = [a, b, centre * (1 - a - b), none, d, centre * (1 - d), none, none]
    return np.stack(rows, axis=1).astype(np.float32)


def unchanged(count: int) -> Matrices:
    """Return the rows that leave `count` images as they are."""
    return np.tile(np.array([1, 0, 0, 0, 1, 0, 0, 0], dtype=np.float32), (count, 1))


def warp(pixels: NDArray[np.uint8], transforms: Matrices) -> NDArray[np.float32]:
    """Transform images on the CPU: bilinear, edges continued.

    Args:
        pixels: image x row x column, square.
        transforms: As `matrices` makes them, one row an image.

    Returns:
        image x row x column from 0 to 1.
    """
    out = np.empty(pixels.shape, dtype=np.float32)
    for image, (a, b, c, _, d, f, _, _), warped in zip(pixels, transforms, out, strict=True):
        size = len(image)
        along = np.arange(size, dtype=np.float32)
        rows = _stretched(image, d * along + f)
        _sampled(rows, np.add.outer(b * along + c, a * along), warped)
    return out


def _stretched(image: NDArray[np.uint8], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Read an image at fractional rows; every column of an output row lies on the same one.

    Returns:
        row x column, its last column twice, so that the column after any is there.
    """
    size = len(image)
    rows = rows.clip(0, size - 1)
    above = rows.astype(np.intp)
    share = (rows - above)[:, np.newaxis]
    grey = image * np.float32(1 / 255)
    upper, lower = grey.take(above, axis=0), grey.take(above + 1, axis=0, mode="clip")
    lower -= upper
    lower *= share
    out = np.empty((size, size + 1), dtype=np.float32)
    np.add(upper, lower, out=out[:, :-1])
    out[:, -1] = out[:, -2]
    return out


def _sampled(
    rows: NDArray[np.float32], columns: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Read each row at fractional columns, in place of a gather a pixel and axis."""
    size, width = rows.shape
    np.maximum(columns, 0, out=columns)
    np.minimum(columns, size - 1, out=columns)
    left = np.floor(columns)
    columns -= left
    at = left.astype(np.intp)
    at += np.arange(0, size * width, width)[:, np.newaxis]
    flat = rows.ravel()
    # Positions are in range; "clip" only spares numpy the copy that a check would need.
    flat.take(at, mode="clip", out=left)
    at += 1
    flat.take(at, mode="clip", out=out)
    out -= left
    out *= columns
    out += left


class Affine(keras.layers.Layer):  # type: ignore[misc]
    """Do what `warp` does to images that are already from 0 to 1, on the device that trains.

    Inputs are float32 images, image x row x column x channel, and their transforms. At inference
    images pass unchanged.
    """

    def __init__(self, **settings: Any) -> None:
        # Coordinates of a bfloat16 image would be off by whole pixels.
        super().__init__(**{"dtype": "float32", **settings})

    def call(self, images: Any, transforms: Any, training: bool = False) -> Any:
        """Transform a batch while training."""
        if not training:
            return images
        return ops.image.affine_transform(
            images,
            transforms,
            interpolation="bilinear",
            fill_mode="nearest",
            data_format="channels_last",
        )

    def compute_output_shape(
        self,
        images_shape: tuple[int | None, ...],
        transforms_shape: tuple[int | None, ...],  # noqa: ARG002 - Keras's signature
    ) -> tuple[int | None, ...]:
        """Return the shape of the images."""
        return images_shape
