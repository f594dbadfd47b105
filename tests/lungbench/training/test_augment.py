"""The augmentation against the class that the paper used, with the same parameters."""

import os
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

from lungbench.settings import Augmentation  # noqa: E402
from lungbench.training.augment import (  # noqa: E402 - after the backend is fixed
    Affine,
    draw,
    matrices,
    unchanged,
    warp,
)

SIZE = 24
WIDE = Augmentation(shear_degrees=20.0, zoom=0.3)
# A float32 position in an image of up to 256 columns is off by 2**-17 of a column at most, twice
# in a sum, in each direction; neighbours differ by 1 at most.
TOLERANCE = 4 * 2**-17


@pytest.fixture(scope="module")
def generator() -> Any:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    return ImageDataGenerator(shear_range=20.0, zoom_range=0.3, horizontal_flip=True)


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (40, SIZE, SIZE), dtype=np.uint8)


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels[..., np.newaxis] / np.float32(255)


def of_keras(parameters: list[dict[str, Any]]) -> NDArray[np.float32]:
    """Our matrices for the parameters that `ImageDataGenerator.get_random_transform` drew."""

    def column(name: str) -> NDArray[Any]:
        return np.array([each[name] for each in parameters])

    return matrices(
        SIZE,
        shear_degrees=column("shear"),
        zoom_x=column("zx"),
        zoom_y=column("zy"),
        mirrored=column("flip_horizontal") > 0,
    )


# Keras's own legacy code reaches scipy under an old name.
@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")
def test_pixels_equal_those_of_keras_for_the_parameters_it_draws(
    generator: Any, pixels: NDArray[np.uint8]
) -> None:
    np.random.seed(7)  # noqa: NPY002 - the legacy class draws from numpy's global state
    parameters = [generator.get_random_transform((SIZE, SIZE, 1)) for _ in pixels]
    assert {bool(each["flip_horizontal"]) for each in parameters} == {True, False}
    theirs = np.stack(
        [
            generator.apply_transform(image, each)
            for image, each in zip(grey(pixels), parameters, strict=True)
        ]
    )
    transforms = of_keras(parameters)
    np.testing.assert_allclose(warp(pixels, transforms)[..., None], theirs, atol=TOLERANCE)
    on_device = Affine()(grey(pixels), transforms, training=True)
    np.testing.assert_allclose(np.asarray(on_device), theirs, atol=TOLERANCE)


def test_parameters_are_drawn_from_the_ranges_of_keras(generator: Any) -> None:
    a, b, _, _, d, _, _, _ = draw(WIDE, 20_000, SIZE, seed=3, epoch=1).astype(float).T
    ours = {
        "shear": np.rad2deg(np.arctan2(-b, d)),
        "zx": np.abs(a),
        "zy": np.hypot(b, d),
        "flip_horizontal": a < 0,
    }
    np.random.seed(3)  # noqa: NPY002 - as above
    drawn = [generator.get_random_transform((SIZE, SIZE, 1)) for _ in range(20_000)]
    for name, mine in ours.items():
        theirs = np.array([float(each[name]) for each in drawn])
        scale = theirs.max() - theirs.min()
        # Quantiles of 20 000 uniform draws scatter by at most 0.5/sqrt(20 000) = 0.35 % of the
        # range (one standard deviation, at the median); five of them, for two samples, is 2.5 %.
        quantiles = (0, 0.1, 0.25, 0.75, 0.9, 1)
        difference = np.quantile(mine.astype(float), quantiles) - np.quantile(theirs, quantiles)
        assert np.abs(difference).max() < 0.025 * scale, name


def test_each_image_of_each_epoch_of_each_seed_gets_its_own_draw() -> None:
    drawn = [draw(WIDE, 8, SIZE, seed=s, epoch=e) for s in (1, 2) for e in (1, 2)]
    assert len({row.tobytes() for rows in drawn for row in rows}) == 32


def test_a_seed_repeats_its_draws() -> None:
    first, second = (draw(WIDE, 8, SIZE, seed=5, epoch=2) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_no_range_at_all_changes_nothing(pixels: NDArray[np.uint8]) -> None:
    none = Augmentation(shear_degrees=0.0, zoom=0.0, horizontal_flip=False)
    transforms = draw(none, len(pixels), SIZE, seed=1, epoch=1)
    np.testing.assert_array_equal(transforms, unchanged(len(pixels)))
    np.testing.assert_allclose(warp(pixels, transforms)[..., None], grey(pixels), rtol=1e-6)


def test_a_mirror_reverses_the_columns(pixels: NDArray[np.uint8]) -> None:
    transforms = unchanged(len(pixels))
    transforms[:, 0], transforms[:, 2] = -1, SIZE - 1
    np.testing.assert_allclose(
        warp(pixels, transforms), grey(pixels)[:, :, ::-1, 0], atol=TOLERANCE
    )


def test_it_is_off_at_inference(pixels: NDArray[np.uint8]) -> None:
    transforms = draw(WIDE, len(pixels), SIZE, seed=1, epoch=1)
    passed = Affine()(grey(pixels), transforms)
    np.testing.assert_array_equal(np.asarray(passed), grey(pixels))


def test_coordinates_stay_exact_under_a_mixed_policy(pixels: NDArray[np.uint8]) -> None:
    transforms = draw(WIDE, len(pixels), SIZE, seed=1, epoch=1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = Affine()
    finally:
        keras.config.set_dtype_policy("float32")
    exact = Affine()(grey(pixels), transforms, training=True)
    mixed = layer(grey(pixels), transforms, training=True)
    np.testing.assert_array_equal(np.asarray(mixed), np.asarray(exact))
