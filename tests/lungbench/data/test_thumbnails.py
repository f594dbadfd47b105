from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungbench.data.thumbnails import SIDE, Thumbnails, resized

PIXELS = np.random.default_rng(0).integers(0, 256, (50, 48, 48), dtype=np.uint8)


@pytest.mark.parametrize("on_disk", [False, True])
def test_thumbnails_are_the_images_reduced_by_pillow(tmp_path: Path, on_disk: bool) -> None:
    small = Thumbnails.of(PIXELS, folder=tmp_path if on_disk else None)
    wanted = np.stack(
        [
            np.asarray(Image.fromarray(each).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
            for each in PIXELS
        ]
    )
    assert np.array_equal(np.concatenate(list(small.pieces())), wanted)
    assert np.array_equal(small.some([3, 0, 3]), wanted[[3, 0, 3]])
    assert len(small) == len(PIXELS)
    assert not list(tmp_path.iterdir())  # the file has no name


def test_nothing_is_reduced_to_nothing() -> None:
    assert Thumbnails.of(PIXELS[:0]).some([]).shape == (0, SIDE, SIDE)


def test_progress_ends_at_the_number_of_images() -> None:
    told: list[tuple[int, int]] = []
    Thumbnails.of(PIXELS, lambda *counts: told.append(counts))
    assert told[-1] == (50, 50)


def test_a_resized_image_of_one_grey_stays_so() -> None:
    assert resized(np.full((50, 50), 9, np.uint8), 32).tolist() == [[9] * 32] * 32
