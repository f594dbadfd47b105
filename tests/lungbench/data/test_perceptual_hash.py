import numpy as np
import pytest
from scipy.fft import dctn

from lungbench.data.perceptual_hash import hashed, perceptual_hashes
from lungbench.data.thumbnails import Thumbnails


@pytest.fixture
def smooth() -> np.ndarray:
    """Images whose greys change slowly, as those of films do."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(30, 220, (6, 6, 6)).astype(float)
    return np.kron(coarse, np.ones((16, 16))).astype(np.uint8)


def bits(hashes: np.ndarray) -> np.ndarray:
    return np.unpackbits(hashes, axis=1)


def test_bits_say_which_coefficients_are_above_zero() -> None:
    image = np.random.default_rng(1).integers(0, 256, (32, 32), dtype=np.uint8)  # as it is hashed
    above = dctn(image.astype(float))[:16, :16] > 0
    (found,) = bits(hashed(image[None]))
    wanted = [False, *above[:, ::2].ravel()[1:], False, *above[:, 1::2].ravel()[:-1]]
    assert (found == wanted).mean() > 0.98  # the cosines here are rounded


def test_a_mirror_inverts_the_second_half_and_nothing_else() -> None:
    # Noise, of which no coefficient is exactly 0: such a one has no sign to change.
    noise = np.random.default_rng(2).integers(0, 256, (50, 32, 32), dtype=np.uint8)
    before, after = bits(hashed(noise)), bits(hashed(noise[:, :, ::-1]))
    changed = before != after
    assert not changed[:, :129].any()  # the first half, and the bit of none
    assert changed[:, 129:].all()


def test_about_half_of_the_bits_are_set_of_any_picture(smooth: np.ndarray) -> None:
    counts = bits(perceptual_hashes(Thumbnails.of(smooth))).sum(axis=1)
    assert counts.min() > 254 * 0.4  # signs of coefficients whose mean is 0
    assert counts.max() < 254 * 0.6


def test_a_blank_image_has_no_bits() -> None:
    assert not perceptual_hashes(Thumbnails.of(np.full((2, 20, 20), 77, np.uint8))).any()


def test_images_are_hashed_in_their_order_however_many_there_are() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (5000, 32, 32), dtype=np.uint8)
    assert np.array_equal(perceptual_hashes(Thumbnails.of(noise)), hashed(noise))


def test_no_image_has_no_hash() -> None:
    assert perceptual_hashes(Thumbnails(0)).shape == (0, 32)
