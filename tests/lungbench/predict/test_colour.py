"""How colourful a file is, by its pixels and not by how they are stored."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lungbench.predict.appearance import MOST_COLOUR
from lungbench.predict.colour import colourfulness

GREY = np.random.default_rng(0).integers(0, 256, (90, 70), dtype=np.uint8)


def content(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


# From one grey to the red of that grey, and to its green: ITU-R 601's luma of it is 0.
HUE = np.array([58.7, -29.9, 0.0])


def halves() -> Image.Image:
    """Many greys, each in two colours: reddish on the left, greenish on the right."""
    grey = np.random.default_rng(1).integers(80, 160, (64, 64, 1)).astype(float)
    side = np.where(np.arange(64) < 32, 1, -1)[np.newaxis, :, np.newaxis]
    return Image.fromarray(np.rint(grey + side * HUE).astype(np.uint8))


STORED_GREY = {
    "L": content(Image.fromarray(GREY)),
    "1": content(Image.fromarray(GREY > 99)),
    "I;16": content(Image.fromarray(GREY.astype(np.uint16) * 257)),
    "LA": content(Image.merge("LA", [Image.fromarray(GREY)] * 2)),
    "RGB": content(Image.fromarray(GREY).convert("RGB")),
    "RGBA": content(Image.fromarray(GREY).convert("RGBA")),
    "P": content(Image.fromarray(GREY).convert("P")),
    "JPEG": content(Image.fromarray(GREY).convert("RGB"), "JPEG", quality=60),
    "GIF": content(Image.fromarray(GREY), "GIF"),
    "CMYK": content(Image.fromarray(GREY).convert("CMYK"), "TIFF"),
}


@pytest.mark.parametrize("stored", STORED_GREY)
def test_what_looks_grey_has_no_colour_however_it_is_stored(stored: str) -> None:
    assert colourfulness(STORED_GREY[stored]) < 1


@given(st.tuples(*[st.floats(0.2, 1)] * 3), st.floats(0.5, 2))
@settings(max_examples=20)
def test_a_tint_is_no_colour(strength: tuple[float, float, float], gamma: float) -> None:
    curve = (np.linspace(0, 1, 256) ** gamma)[GREY]
    tinted = np.rint(255 * curve[..., np.newaxis] * strength).astype(np.uint8)
    assert colourfulness(content(Image.fromarray(tinted))) < 4


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_two_colours_of_one_grey_count_by_their_distance(file_format: str) -> None:
    # Red - green is 88.6 or -88.6 at every grey, blue - green 29.9 or -29.9.
    expected = np.hypot(58.7 + 29.9, 29.9)
    found = colourfulness(content(halves(), file_format))
    assert found == pytest.approx(expected, rel=0.1)  # JPEG and WEBP round colours


def test_a_palette_has_the_colours_that_it_names() -> None:
    stored = content(halves().convert("P", palette=Image.Palette.ADAPTIVE))
    assert colourfulness(stored) == pytest.approx(colourfulness(content(halves())), rel=0.1)


def test_a_coloured_arrow_on_a_film_weighs_little() -> None:
    film = Image.fromarray(GREY).convert("RGB")
    film.paste((255, 0, 0), (10, 10, 20, 14))  # 40 of 6,300 pixels
    assert 0 < colourfulness(content(film)) < MOST_COLOUR / 2


def test_colours_that_are_transparent_are_not_seen() -> None:
    hidden = halves().convert("RGBA")
    hidden.putalpha(0)
    assert colourfulness(content(hidden)) == 0


def test_what_pillow_does_not_read_is_taken_for_grey() -> None:
    assert colourfulness(b"DICOM, for one") == 0
