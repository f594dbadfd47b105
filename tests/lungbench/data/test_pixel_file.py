from pathlib import Path

import numpy as np
import pytest

from lungbench.data.dataset import PIXELS_FILE
from lungbench.data.pixel_file import open_pixels
from lungbench.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 20, 20), dtype=np.uint8)


def test_every_image_is_the_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / PIXELS_FILE, PIXELS)
    with open_pixels(tmp_path) as pixels:
        assert len(pixels) == 5
        for position, image in enumerate(PIXELS):
            np.testing.assert_array_equal(pixels[position], image)


@pytest.mark.parametrize("position", [-1, 5])
def test_there_is_no_image_outside(tmp_path: Path, position: int) -> None:
    np.save(tmp_path / PIXELS_FILE, PIXELS)
    with open_pixels(tmp_path) as pixels, pytest.raises(IndexError):
        pixels[position]


@pytest.mark.parametrize(
    "array",
    [PIXELS.astype(np.float32), PIXELS[:, :10], np.asfortranarray(PIXELS), PIXELS[0]],
    ids=["floats", "no squares", "the other order", "one image"],
)
def test_another_array_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / PIXELS_FILE, array)
    with pytest.raises(DataError, match="must stay in the cache"), open_pixels(tmp_path):
        pass


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY", b"torn" * 50])
def test_a_missing_or_torn_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / PIXELS_FILE).write_bytes(content)
    with pytest.raises(DataError, match="must stay in the cache"), open_pixels(tmp_path):
        pass


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / PIXELS_FILE, PIXELS)
    content = (tmp_path / PIXELS_FILE).read_bytes()
    (tmp_path / PIXELS_FILE).write_bytes(content[:-1])
    with pytest.raises(DataError, match="bytes are no 5 images"), open_pixels(tmp_path):
        pass


def test_an_error_of_the_body_is_its_own(tmp_path: Path) -> None:
    np.save(tmp_path / PIXELS_FILE, PIXELS)
    with pytest.raises(ValueError, match="mine"), open_pixels(tmp_path):
        raise ValueError("mine")
