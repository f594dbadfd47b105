"""Perceptual hashes: 254 bits of an image that no resizing, saving or brightening moves much.

Each bit is the sign of one coefficient of the cosine transform. A mirror changes the sign of
exactly those that lie odd across, so those are the second half of a hash: what a mirror shows of an
image is the same hash with that half inverted, and needs none of its own.

Source: the hash pHash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions" (2010), section 3.2.1, with 16 x 16 instead of 8 x 8 coefficients, less the mean grey and
one more so that both halves are equal, and with 0 in place of their median, which it is close to.
"""

import numpy as np
from numpy.typing import NDArray

from lungbench.data.thumbnails import SIDE, Thumbnails

_FREQUENCIES = 16
# The cosines as whole numbers, whose products are exact in double precision: a hash is the same
# on every machine.
_COSINES = np.round(
    2**12 * np.cos(np.pi * np.outer(np.arange(_FREQUENCIES), np.arange(SIDE) + 0.5) / SIDE)
)
_HALF_BYTES = _FREQUENCIES**2 // 2 // 8


def perceptual_hashes(small: Thumbnails) -> NDArray[np.uint8]:
    """Return the perceptual hash of each image.

    Returns:
        Two halves of 16 bytes, image x byte; a mirror leaves the first and inverts the second. The
        first bit of each is always 0, and no coefficient's.
    """
    pieces = [hashed(piece) for piece in small.pieces()]
    return np.concatenate([np.zeros((0, 2 * _HALF_BYTES), np.uint8), *pieces])


def hashed(squares: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the hashes of squares of 32 pixels; see `perceptual_hashes`."""
    bits = _COSINES @ squares.astype(np.float64) @ _COSINES.T > 0
    even, odd = (bits[:, :, parity::2].reshape(len(bits), -1) for parity in (0, 1))
    even[:, 0] = False  # of the mean grey
    odd = np.pad(odd[:, :-1], ((0, 0), (1, 0)))  # without the finest
    return np.packbits(np.concatenate([even, odd], axis=1), axis=1)
