import numpy as np
import pytest
from scipy.fft import dctn

from lungbench.data.perceptual_hash import perceptual_hashes


@pytest.fixture
def smooth() -> np.ndarray:
    """Images whose greys change slowly, as those of films do."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(30, 220, (6, 6, 6)).astype(float)
    return np.kron(coarse, np.ones((16, 16))).astype(np.uint8)


def bits(hashes: np.ndarray) -> np.ndarray:
    return np.unpackbits(hashes, axis=1)


def test_bits_say_which_coefficients_are_above_the_median() -> None:
    image = np.random.default_rng(1).integers(0, 256, (32, 32), dtype=np.uint8)  # as it is hashed
    coefficients = dctn(image.astype(float))[:16, :16].ravel()[1:]
    (found,) = bits(perceptual_hashes(image[None])[0])
    assert found[0] == 0
    agree = found[1:] == (coefficients > np.median(coefficients))
    assert agree.mean() > 0.98  # the cosines here are rounded


def test_what_a_mirror_shows_is_the_hash_of_the_mirrored_image(smooth: np.ndarray) -> None:
    hashes, mirrored = perceptual_hashes(smooth)
    again, back = perceptual_hashes(np.ascontiguousarray(smooth[:, :, ::-1]))
    assert (bits(mirrored) != bits(again)).sum(axis=1).max() <= 4  # the reduction rounds
    assert (bits(hashes) != bits(back)).sum(axis=1).max() <= 4
    assert (bits(hashes) != bits(mirrored)).sum(axis=1).min() > 60


def test_about_half_of_the_bits_are_set_of_any_picture(smooth: np.ndarray) -> None:
    hashes, _ = perceptual_hashes(smooth)
    counts = bits(hashes).sum(axis=1)
    assert counts.min() >= 120
    assert counts.max() <= 127  # those above the 128th of 255


def test_a_blank_image_has_no_bits() -> None:
    hashes, mirrored = perceptual_hashes(np.full((2, 20, 20), 77, np.uint8))
    assert not hashes.any()
    assert not mirrored.any()


def test_progress_ends_at_the_number_of_images() -> None:
    told: list[tuple[int, int]] = []
    perceptual_hashes(np.zeros((1500, 16, 16), np.uint8), lambda *counts: told.append(counts))
    assert told == [(1024, 1500), (1500, 1500)]
