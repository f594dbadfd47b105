"""Copies are alike when they are laid upon each other, whatever moved them by a little."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lungbench.data.likeness import SAME_PICTURE, likeness, same_picture
from lungbench.data.synthetic import draw
from lungbench.data.thumbnails import Thumbnails

SIZE = 128


@pytest.fixture(scope="module")
def film() -> Image.Image:
    return Image.fromarray((255 * draw("covid", 0, 0)[0].clip(0, 1)).astype(np.uint8))


def square(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def shifted(image: Image.Image) -> Image.Image:
    width, height = image.size
    return image.crop((round(0.03 * width), 0, width, round(0.97 * height)))


def stretched(image: Image.Image) -> Image.Image:
    width, height = image.size
    return image.crop((round(0.02 * width), round(0.02 * height), width, height))


MOVES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "not at all": lambda image: image,
    "cropped at one corner": shifted,
    "cropped at another": stretched,
    "turned": lambda image: image.rotate(1.5, Image.Resampling.BILINEAR),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_a_copy_that_was_moved_a_little_is_laid_upon_its_original(
    film: Image.Image, move: Callable[[Image.Image], Image.Image]
) -> None:
    assert likeness([square(film)], [square(move(film))])[0] > 0.97


def test_an_image_is_as_like_itself_as_can_be(film: Image.Image) -> None:
    assert likeness([square(film)], [square(film)])[0] == pytest.approx(1, abs=1e-4)


def test_a_negative_is_no_copy(film: Image.Image) -> None:
    assert likeness([square(film)], [255 - square(film)])[0] < 0.1


def test_two_blank_images_are_alike_and_neither_is_like_a_picture(film: Image.Image) -> None:
    black, white = np.zeros((SIZE, SIZE), np.uint8), np.full((SIZE, SIZE), 255, np.uint8)
    pixels = np.stack([black, white, square(film)])
    small, pairs = Thumbnails.of(pixels), np.array([[0, 1], [0, 2], [1, 2]])
    assert same_picture(pixels, small, pairs).tolist() == [True, False, False]


def test_pairs_are_judged_one_by_one_however_many_there_are(film: Image.Image) -> None:
    copy, other = square(shifted(film)), square(Image.fromarray(255 - np.asarray(film)))
    pixels = np.stack([square(film), copy, other, copy[:, ::-1]])
    small, pairs = Thumbnails.of(pixels), np.array([[0, 1], [0, 2], [0, 3], [1, 2]] * 50)
    assert same_picture(pixels, small, pairs).tolist() == [True, False, False, False] * 50
    assert (
        same_picture(pixels, small, pairs, mirrored=True).tolist()
        == [False, False, True, False] * 50
    )


def test_where_no_pair_is_alike_none_is_said_to_be(film: Image.Image) -> None:
    pixels = np.stack([square(film), 255 - square(film)])
    assert same_picture(pixels, Thumbnails.of(pixels), np.array([[0, 1]])).tolist() == [False]


def test_no_pair_is_no_answer(film: Image.Image) -> None:
    pixels = square(film)[None]
    none = np.zeros((0, 2), np.int64)
    assert same_picture(pixels, Thumbnails.of(pixels), none).shape == (0,)


def test_the_limit_lies_above_all_pairs_of_different_people_that_were_drawn() -> None:
    films = [draw(name, number, 1)[0] for name in ("covid", "normal") for number in range(6)]
    greys = (Image.fromarray((255 * film.clip(0, 1)).astype(np.uint8)) for film in films)
    pixels = np.stack([square(grey) for grey in greys])
    one, other = np.triu_indices(len(pixels), 1)
    assert likeness(pixels[one], pixels[other]).max() < SAME_PICTURE
