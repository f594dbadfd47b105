"""Perceptual hashes: 256 bits of an image that no resizing, saving or brightening moves much.

Source: the hash pHash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions" (2010), section 3.2.1, with 16 x 16 instead of 8 x 8 coefficients.
"""

import numpy as np
from numpy.typing import NDArray

from lungbench.data.index import Progress
from lungbench.data.likeness import resized
from lungbench.data.pixel_file import Images

_SIDE, _FREQUENCIES = 32, 16
# The cosines as whole numbers, whose products are exact in double precision: a hash is the same
# on every machine.
_COSINES = np.round(
    2**12 * np.cos(np.pi * np.outer(np.arange(_FREQUENCIES), np.arange(_SIDE) + 0.5) / _SIDE)
)
_AT_ONCE = 1024


def perceptual_hashes(
    pixels: Images, progress: Progress | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the perceptual hash of each image, and of what a mirror shows of it.

    Each bit says of one coefficient of the cosine transform whether it is above their median.

    Args:
        pixels: The images; each is read once.
        progress: Told how many images are hashed.

    Returns:
        256 bits in 32 bytes, image x byte, twice; the first, of the mean grey, is always 0.
    """
    shape = (len(pixels), _FREQUENCIES**2 // 8)
    hashes, mirrored = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    for start in range(0, len(pixels), _AT_ONCE):
        end = min(start + _AT_ONCE, len(pixels))
        small = resized(pixels, _SIDE, range(start, end))
        hashes[start:end], mirrored[start:end] = _hashed(small), _hashed(small[:, :, ::-1])
        if progress:
            progress(end, len(pixels))
    return hashes, mirrored


def _hashed(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    transformed = _COSINES @ small.astype(np.float64) @ _COSINES.T
    coefficients = transformed.reshape(len(small), -1)[:, 1:]
    bits = coefficients > np.median(coefficients, axis=1, keepdims=True)
    return np.packbits(np.pad(bits, ((0, 0), (1, 0))), axis=1)
