import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_bytes import encoded
from PIL import Image

from lungbench.data.decode import decode_bytes
from lungbench.data.grey import DEPTHS, depth_in_use, to_grey


@pytest.mark.parametrize(
    ("brightest", "bits"),
    [(0, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12), (4096, 14), (16_383, 14),
     (16_384, 16), (65_535, 16)],
)  # fmt: skip
def test_the_depth_in_use_is_the_least_that_holds_the_brightest_pixel(
    brightest: int, bits: int
) -> None:
    assert depth_in_use(brightest) == bits


@given(st.integers(0, 65_535), st.integers(0, 65_535))
def test_a_brighter_picture_never_has_a_smaller_depth(one: int, other: int) -> None:
    assert depth_in_use(min(one, other)) <= depth_in_use(max(one, other))


@pytest.mark.parametrize("bits", DEPTHS)
def test_black_stays_black_and_the_brightest_value_of_a_depth_is_white(bits: int) -> None:
    pixels = np.zeros((20, 20), dtype=np.uint16)
    pixels[10:] = 2**bits - 1
    grey, _ = to_grey(Image.fromarray(pixels))
    assert set(np.asarray(grey)[:10].flat) == {0}
    assert set(np.asarray(grey)[10:].flat) == {255}


def test_a_picture_of_12_bits_in_a_file_of_16_uses_all_greys() -> None:
    # Scaled by 65535 its white would be 4095 * 255 / 65535 = 15.9, and 17 greys would be left.
    held = np.linspace(0, 4095, 64 * 64).astype(np.uint16).reshape(64, 64)
    decoded = decode_bytes(encoded(Image.fromarray(held), "PNG"), 64)
    assert len(np.unique(decoded.pixels)) == 256
    assert decoded.facts.mode == "I;16 12-bit"
    assert decoded.facts.mean_grey == pytest.approx(127.5, abs=0.5)


def test_a_dim_picture_of_all_16_bits_stays_dim() -> None:
    held = np.linspace(0, 30_000, 64 * 64).astype(np.uint16).reshape(64, 64)
    decoded = decode_bytes(encoded(Image.fromarray(held), "PNG"), 64)
    assert decoded.facts.mode == "I;16"
    assert decoded.pixels.max() == 117  # 30000 * 255 / 65535 = 116.7
