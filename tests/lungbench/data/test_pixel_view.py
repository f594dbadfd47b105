import gc
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lungbench.data.pixel_view import pixel_view


def drawn(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    return Image.fromarray(pixels)


def stored(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return Image.open(buffer)


# Each makes Pillow lay the pixels out anew, in its own memory.
REMADE = (
    lambda image: image,
    lambda image: image.copy(),
    lambda image: image.convert("RGB").convert("L"),
    lambda image: image.transpose(Image.Transpose.ROTATE_90),
    lambda image: image.crop((1, 1, image.width - 1, image.height - 1)),
    lambda image: image.resize((image.height, image.width)),
    stored,
)


@settings(max_examples=60)
@given(st.integers(16, 90), st.integers(16, 90), st.sampled_from(REMADE))
def test_the_view_is_what_numpy_copies(width: int, height: int, remade: type) -> None:
    image = remade(drawn(width, height))
    view = pixel_view(image)
    assert view.dtype == np.uint8
    np.testing.assert_array_equal(view, np.asarray(image))


def test_an_image_in_several_blocks_of_memory_is_copied() -> None:
    # Pillow's blocks hold 16 MiB.
    image = drawn(4097, 4099).copy()
    np.testing.assert_array_equal(pixel_view(image), np.asarray(image))


def test_the_view_outlives_the_image() -> None:
    image = drawn(500, 400).copy()
    expected, view = np.array(image), pixel_view(image)
    del image
    gc.collect()
    others = [Image.new("L", (500, 400), 255) for _ in range(20)]  # take memory that was freed
    np.testing.assert_array_equal(view, expected)
    assert len(others) == 20


def test_the_image_cannot_be_changed_through_the_view() -> None:
    with pytest.raises(ValueError, match="read-only"):
        pixel_view(drawn(20, 20))[0, 0] = 1
