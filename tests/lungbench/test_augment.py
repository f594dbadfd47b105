"""The augmentation against the class that the paper used, with the same parameters."""

import os
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

from lungbench.augment import RandomAffine, affine  # noqa: E402 - after the backend is fixed

SIZE = 24
SETTINGS: dict[str, Any] = {"shear_degrees": 20.0, "zoom": 0.3, "horizontal_flip": True}


@pytest.fixture(scope="module")
def generator() -> Any:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    return ImageDataGenerator(shear_range=20.0, zoom_range=0.3, horizontal_flip=True)


@pytest.fixture(scope="module")
def images() -> NDArray[np.float32]:
    return np.random.default_rng(0).random((40, SIZE, SIZE, 1), dtype=np.float32)


def transformed(images: NDArray[np.float32], parameters: list[dict[str, Any]]) -> NDArray[Any]:
    """Our pixels for the parameters that `ImageDataGenerator.get_random_transform` drew."""

    def column(name: str) -> Any:
        return np.array([each[name] for each in parameters], dtype=np.float32)

    return np.asarray(
        affine(
            images,
            SIZE,
            shear_degrees=column("shear"),
            zoom_x=column("zx"),
            zoom_y=column("zy"),
            mirrored=column("flip_horizontal") > 0,
        )
    )


# Keras's own legacy code reaches scipy under an old name.
@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")
def test_pixels_equal_those_of_keras_for_the_parameters_it_draws(
    generator: Any, images: NDArray[np.float32]
) -> None:
    np.random.seed(7)  # noqa: NPY002 - the legacy class draws from numpy's global state
    parameters = [generator.get_random_transform(image.shape) for image in images]
    assert {bool(each["flip_horizontal"]) for each in parameters} == {True, False}
    theirs = [generator.apply_transform(i, p) for i, p in zip(images, parameters, strict=True)]
    np.testing.assert_allclose(transformed(images, parameters), np.stack(theirs), atol=1e-5)


def test_parameters_are_drawn_from_the_ranges_of_keras(generator: Any) -> None:
    layer = RandomAffine(**SETTINGS, seed=3)
    ours = {name: np.asarray(values) for name, values in layer.draw(20_000).items()}
    np.random.seed(3)  # noqa: NPY002 - as above
    drawn = [generator.get_random_transform((SIZE, SIZE, 1)) for _ in range(20_000)]
    for our_name, their_name in (
        ("shear_degrees", "shear"),
        ("zoom_x", "zx"),
        ("zoom_y", "zy"),
        ("mirrored", "flip_horizontal"),
    ):
        mine = ours[our_name].astype(float)
        theirs = np.array([float(each[their_name]) for each in drawn])
        scale = theirs.max() - theirs.min()
        # Quantiles of 20 000 uniform draws scatter by at most 0.5/sqrt(20 000) = 0.35 % of the
        # range (one standard deviation, at the median); five of them, for two samples, is 2.5 %.
        quantiles = (0, 0.1, 0.25, 0.75, 0.9, 1)
        difference = np.quantile(mine, quantiles) - np.quantile(theirs, quantiles)
        assert np.abs(difference).max() < 0.025 * scale, our_name


def test_each_image_and_each_batch_gets_its_own_draw(images: NDArray[np.float32]) -> None:
    layer = RandomAffine(**SETTINGS, seed=1)
    same = np.repeat(images[:1], 8, axis=0)
    first, second = (np.asarray(layer(same, training=True)) for _ in range(2))
    assert len({image.tobytes() for image in (*first, *second)}) == 16


def test_a_seed_repeats_its_draws(images: NDArray[np.float32]) -> None:
    first, second = (
        np.asarray(RandomAffine(**SETTINGS, seed=5)(images, training=True)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_it_is_off_at_inference(images: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(np.asarray(RandomAffine(**SETTINGS)(images)), images)


def test_no_range_at_all_changes_nothing(images: NDArray[np.float32]) -> None:
    layer = RandomAffine(shear_degrees=0.0, zoom=0.0, horizontal_flip=False)
    np.testing.assert_allclose(np.asarray(layer(images, training=True)), images, atol=1e-6)


def test_coordinates_stay_exact_under_a_mixed_policy(images: NDArray[np.float32]) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = RandomAffine(**SETTINGS, seed=5)
    finally:
        keras.config.set_dtype_policy("float32")
    exact = RandomAffine(**SETTINGS, seed=5)(images, training=True)
    np.testing.assert_array_equal(np.asarray(layer(images, training=True)), np.asarray(exact))
