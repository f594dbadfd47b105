import io
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.stats import entropy

from lungbench.data.decode import examine_bytes
from lungbench.data.quality import MEASURES, SHARPNESS_SIDE, Quality, quality_of

Grey = NDArray[np.uint8]

NOISE = np.random.default_rng(0).integers(0, 256, (300, SHARPNESS_SIDE), dtype=np.uint8)
CHEST = ndi.gaussian_filter(NOISE.astype(float), 3)
CHEST = (255 * (CHEST - CHEST.min()) / np.ptp(CHEST)).astype(np.uint8)

IMAGES = arrays.arrays(
    np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)
)


def flat(grey: int, height: int = 40, width: int = 60) -> Grey:
    return np.full((height, width), grey, dtype=np.uint8)


def test_a_uniform_image_has_no_contrast_no_detail_and_no_information() -> None:
    assert quality_of(flat(130)) == Quality(130, 0, 0, 0, 0, 0, 0, aspect=1.5)


def test_half_black_half_white_has_all_the_contrast_and_one_bit() -> None:
    found = quality_of(np.vstack([flat(0), flat(255)]))
    # Every pixel is 127.5 from the mean; two levels, each half as often, are one bit.
    assert (found.mean_grey, found.contrast, found.entropy_bits) == (127.5, 127.5, 1)
    assert (found.clipped_black_share, found.clipped_white_share) == (0.5, 0.5)


def test_all_levels_alike_often_are_eight_bits() -> None:
    assert quality_of(np.arange(256, dtype=np.uint8).reshape(16, 16)).entropy_bits == 8


def test_a_checkerboard_has_the_sharpest_edges_there_are() -> None:
    side = SHARPNESS_SIDE
    board = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)
    # Inside, each pixel has four neighbours of the other colour: 4 * 255 up or down.
    assert quality_of(board).sharpness == pytest.approx((4 * 255) ** 2, rel=0.01)


def test_a_blurred_image_is_less_sharp_and_the_more_so_the_more_it_is_blurred() -> None:
    image = Image.fromarray(CHEST)
    blurred = [image.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 1, 2, 4)]
    found = [quality_of(np.asarray(each)).sharpness for each in blurred]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(found)


def test_a_picture_enlarged_is_as_sharp_as_before() -> None:
    large = Image.fromarray(CHEST).resize((4 * SHARPNESS_SIDE, 1200), Image.Resampling.BICUBIC)
    found = quality_of(np.asarray(large)).sharpness
    assert found == pytest.approx(quality_of(CHEST).sharpness, rel=0.2)


def test_clipping_is_counted_at_both_ends() -> None:
    image = flat(100, 10, 10)
    image[0, :3], image[1, :5] = 0, 255
    found = quality_of(image)
    assert (found.clipped_black_share, found.clipped_white_share) == (0.03, 0.05)


@pytest.mark.parametrize(
    ("top", "bottom", "left", "right"),
    [(0, 0, 0, 0), (10, 0, 0, 0), (0, 7, 0, 0), (0, 0, 20, 20), (5, 6, 7, 8)],
)
def test_black_bars_are_measured_at_all_four_edges(
    top: int, bottom: int, left: int, right: int
) -> None:
    picture = flat(90, 80 - top - bottom, 100 - left - right)
    framed = np.pad(picture, ((top, bottom), (left, right)), constant_values=4)  # as JPEG does
    assert quality_of(framed).border_share == pytest.approx(1 - picture.size / 8000)


def test_a_half_black_image_has_half_of_it_as_border() -> None:
    assert quality_of(np.hstack([flat(0), flat(200)])).border_share == 0.5


def test_an_image_that_is_black_throughout_is_all_border() -> None:
    assert quality_of(flat(0)).border_share == 1


def test_letters_in_a_black_bar_do_not_end_it() -> None:
    image = np.hstack([flat(0, 200, 50), flat(120, 200, 150)])
    image[20:23, 10:13] = 255  # 3 of 200 pixels of three columns, 3 of 200 of three rows
    assert quality_of(image).border_share == 0.25


def test_black_inside_an_image_is_no_border() -> None:
    image = flat(100)
    image[10:20] = 0
    assert quality_of(image).border_share == 0


@given(IMAGES)
@settings(max_examples=60)
def test_every_measure_is_that_of_another_library(image: Grey) -> None:
    found = quality_of(image)
    counts = np.bincount(image.ravel(), minlength=256)
    assert found.mean_grey == pytest.approx(image.mean(), abs=5.01e-4)  # it has three decimals
    assert found.contrast == pytest.approx(image.std(), abs=1e-9)
    assert found.entropy_bits == pytest.approx(entropy(counts, base=2), abs=1e-9)
    assert found.aspect == image.shape[1] / image.shape[0]


@pytest.mark.parametrize("shape", [(SHARPNESS_SIDE, 40), (40, SHARPNESS_SIDE), (1, SHARPNESS_SIDE)])
def test_sharpness_is_the_variance_of_scipys_laplacian(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    reference = ndi.laplace(image.astype(np.int64), mode="nearest").var()
    assert quality_of(image).sharpness == pytest.approx(reference, rel=1e-12)


@given(IMAGES)
@settings(max_examples=60)
def test_every_measure_lies_in_its_documented_range(image: Grey) -> None:
    found = quality_of(image)
    assert all(math.isfinite(value) for value in found)
    highest = Quality(255, 127.5, (4 * 255) ** 2, 8, 1, 1, 1, aspect=math.inf)
    assert all(0 <= value <= most for value, most in zip(found, highest, strict=True))


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, min_side=16)))
@settings(max_examples=40)
def test_the_mean_is_exactly_the_decoders(image: Grey) -> None:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "BMP")
    assert quality_of(image).mean_grey == examine_bytes(file.getvalue()).mean_grey


def test_a_view_into_a_larger_image_is_measured_like_a_copy() -> None:
    view = NOISE[10:200:2, 300:20:-3]
    assert quality_of(view) == quality_of(view.copy())


def test_the_measures_are_named_in_their_order() -> None:
    assert MEASURES[0] == "mean_grey"
    assert len(MEASURES) == len(quality_of(NOISE))


def test_real_radiographs_are_measured_as_the_decoder_sees_them(xrays: Path) -> None:
    for path in sorted((xrays / "lung3" / "covid").iterdir())[::30]:
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
        content = path.read_bytes()
        assert quality_of(grey).mean_grey == examine_bytes(content).mean_grey
