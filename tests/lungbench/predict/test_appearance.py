"""What tells an image from the training images, and what doesn't."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lungbench.data.decode import decode_bytes
from lungbench.predict.appearance import (
    MOST_COLOUR,
    Look,
    Original,
    appearance_of,
    fence,
    thumbnails,
    unlike,
)
from lungbench.predict.card import Appearance
from lungbench.predict.colour import colourfulness

SIDE = 48
Square = NDArray[np.uint8]


def disc(seed: int, brightness: int = 120) -> Square:
    """A bright disc on black with noise: the 'kind' of image that these networks know."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    inside = (rows - SIDE / 2) ** 2 + (columns - SIDE / 2) ** 2 < (SIDE / 3) ** 2
    grey = 30 + brightness * inside + draw.integers(-10, 11, (SIDE, SIDE))
    return grey.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def trained() -> Appearance:
    draw = np.random.default_rng(0)
    squares = [disc(seed, int(draw.integers(100, 140))) for seed in range(60)]
    return appearance_of(squares, [Original(400, 400 + seed, "L") for seed in range(60)])


def look(square: Square, aspect: float = 0.95, colour: float = 0) -> Look:
    return Look.at(square, aspect, colour)


@given(st.integers(16, 70), st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_a_thumbnail_has_unit_length_about_0_whatever_the_images_size(side: int, seed: int) -> None:
    square = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    [small] = thumbnails([square])
    assert small.shape == (256,)
    assert small.sum() == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(small) == pytest.approx(1)


def test_a_flat_image_is_like_nothing() -> None:
    [small] = thumbnails([np.full((SIDE, SIDE), 200, np.uint8)])
    assert not small.any()


def test_brightness_and_contrast_alone_do_not_change_the_likeness() -> None:
    square = disc(1)
    brighter = (square // 2 + 90).astype(np.uint8)
    one, other = thumbnails([square, brighter])
    assert one @ other > 0.99


def test_an_image_of_the_same_kind_is_not_flagged(trained: Appearance) -> None:
    assert unlike(look(disc(99)), trained) == ()


def test_brightness_is_flagged_with_what_was_found_and_the_limits(trained: Appearance) -> None:
    bright = (disc(99) // 2 + 120).astype(np.uint8)
    [flag] = unlike(look(bright), trained)
    low, high = fence(trained.brightness)
    assert flag == (
        f"unlike the training images: brightness {bright.mean():.0f} outside {low:.0f}..{high:.0f}"
    )


def test_the_shape_of_the_original_is_flagged(trained: Appearance) -> None:
    [flag] = unlike(look(disc(99), aspect=2.5), trained)
    assert flag.startswith("unlike the training images: aspect 2.50 outside ")


def test_colour_is_flagged_even_where_nothing_is_known_of_the_training_images() -> None:
    assert unlike(look(disc(99), colour=MOST_COLOUR), None) == ()
    assert unlike(look(disc(99), colour=61.2), None) == ("not grey: colour 61 above 12",)


@pytest.mark.parametrize("kind", ["noise", "negative", "flat", "ramp"])
def test_another_kind_of_image_is_perhaps_no_xray(trained: Appearance, kind: str) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    typical = disc(99)
    others = {
        "noise": np.random.default_rng(5).integers(0, 256, (SIDE, SIDE)),
        "negative": 255 - typical,
        "flat": np.full((SIDE, SIDE), round(typical.mean())),
        "ramp": rows + columns,
    }
    flags = unlike(look(others[kind].astype(np.uint8)), trained)
    assert any(flag.startswith("perhaps no chest X-ray: likeness") for flag in flags)


def test_without_the_originals_their_shape_is_not_held_against_anything() -> None:
    unknown = appearance_of([disc(seed) for seed in range(10)], [])
    assert (unknown.aspect, unknown.modes) == (None, {})
    assert unlike(look(disc(99), aspect=9), unknown) == ()


def test_what_is_kept_of_the_training_images(trained: Appearance) -> None:
    assert (trained.images, trained.modes) == (60, {"L": 60})
    assert trained.aspect is not None
    assert (trained.aspect.least, trained.aspect.most) == (400 / 459, 1.0)
    means = [disc(1).mean(), disc(2).mean()]
    two = appearance_of([disc(1), disc(2)], [])
    assert (two.brightness.least, two.brightness.most) == pytest.approx((min(means), max(means)))
    assert np.linalg.norm(trained.thumbnail) == pytest.approx(1)
    assert 0 < trained.likeness.least <= trained.likeness.most <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lung3", "darkcovid3"])
def test_real_xrays_are_told_from_what_is_none(name: str) -> None:
    """Fitted on four fifths of a set; docs/decisions.md has the shares that were measured."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("LUNGBENCH_XRAYS", beside)) / name
    if not folder.is_dir():
        pytest.skip("the real X-rays aren't here; LUNGBENCH_XRAYS names their folder")
    files = sorted(each for each in folder.glob("*/*") if each.suffix in (".png", ".jpg"))
    contents = [each.read_bytes() for each in files]
    decoded = [decode_bytes(each, SIDE) for each in contents]
    looks = [
        Look.at(each.pixels, each.facts.width / each.facts.height, colourfulness(content))
        for each, content in zip(decoded, contents, strict=True)
    ]
    kept = [each for number, each in enumerate(decoded) if number % 5]
    facts = [Original(*each.facts[:3]) for each in kept]
    trained = appearance_of([each.pixels for each in kept], facts)

    def flagged(shown: list[Look]) -> float:
        return sum(bool(unlike(each, trained)) for each in shown) / len(shown)

    assert flagged(looks[::5]) < 0.1
    noise = np.random.default_rng(0).integers(0, 256, (50, SIDE, SIDE), dtype=np.uint8)
    assert flagged([look(each) for each in noise]) > 0.9
    assert flagged([look(255 - each.pixels) for each in decoded]) > 0.9
    assert flagged([look(each.pixels[::-1].copy()) for each in decoded]) > 0.9
