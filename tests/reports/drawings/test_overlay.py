"""Pictures under their heat: what is cold stays as it was, what is hot is coloured."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from lungbench.data.decode import ImageFacts
from lungbench.predict.images import Picture
from reports.drawings.overlay import heated, overlay

GREY = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)


def picture(width: int, height: int) -> Picture:
    return Picture(GREY, ImageFacts(width, height, "L", "PNG", 0.0))


def decoded(uri: str) -> Image.Image:
    head, _, content = uri.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_without_heat_a_picture_stays_grey_as_it_was() -> None:
    mixed = heated(GREY.astype(float), np.zeros(GREY.shape))
    np.testing.assert_array_equal(mixed, np.repeat(GREY[..., np.newaxis], 3, axis=2))


def test_most_heat_has_the_ramps_last_colour_with_the_picture_showing_through() -> None:
    [[pixel]] = heated(np.array([[100.0]]), np.ones((1, 1)))
    # A quarter of the grey and three quarters of (252, 255, 164).
    assert pixel.tolist() == [round(25 + 0.75 * each) for each in (252, 255, 164)]


def test_more_heat_is_lighter_on_black() -> None:
    ramp = heated(np.zeros((1, 50)), np.linspace(0, 1, 50)[np.newaxis, :])
    luma = ramp[0] @ (0.299, 0.587, 0.114)
    assert (np.diff(luma) >= -1).all()  # whole numbers round


@pytest.mark.parametrize(
    ("size", "shown"), [((400, 400), (40, 40)), ((400, 200), (40, 20)), ((1, 4000), (1, 40))]
)
def test_both_pictures_have_the_originals_proportions(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    made = overlay(picture(*size), ((0.0, 1.0), (0.0, 0.0)))
    assert (made.width, made.height) == shown
    original, hot = decoded(made.original), decoded(made.heated)
    assert (original.size, original.mode) == (shown, "L")
    assert (hot.size, hot.mode) == (shown, "RGB")


def test_the_heat_lies_where_the_map_has_it() -> None:
    made = overlay(picture(400, 400), ((0.0, 1.0), (0.0, 0.0)))
    original = np.asarray(decoded(made.original).convert("RGB"), dtype=int)
    change = abs(np.asarray(decoded(made.heated), dtype=int) - original).sum(axis=2)
    top_right, bottom_left = change[:12, 28:], change[28:, :12]
    assert top_right.min() > 20
    assert bottom_left.max() <= 9  # the interpolation swings a little beyond its neighbours
