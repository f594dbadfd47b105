"""Which of many hashes are nearly alike, as they are or in a mirror: every such pair, exactly.

A hash has two halves; a mirror leaves the first as it is and inverts the second. So how far apart
two halves are, each, tells both: how far an image is from another, and from its mirror image.

All pairs are compared, by products of matrices. With the bits of one half written as +1 and -1 and
those of the other as 0 and 1, a product is the number of bits that differ, less the number of ones
in the first. No distribution of the bits makes that slower, as blank images make the buckets of an
index. A distance of up to 127 takes 7 bits, and single precision holds whole numbers of 24
exactly: so three hashes are packed into one, times 1, 2^8 and 2^16, and one product is compared
with three. With 2^23 added, the three distances are the lowest three bytes of the number.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lungbench.data.index import Progress

HALF_BITS = 127
"""Bits of a half that are compared; the first of its 128 is not."""

_PACKED = 3
_WEIGHTS = np.array([1, 2**8, 2**16], dtype=np.float32).reshape(_PACKED, 1)
_TO_BYTES = np.float32(2**23)
_BYTES = 4  # of a number, the last of which is no distance

# Hashes, and packed hashes, that are compared at once: their distances take half a mebibyte, which
# stays in a processor's own cache.
_TILE = 256
_BLOCK = 16 * _TILE  # hashes that are written as numbers at once, in 4 MiB

Hashes = NDArray[np.uint8]
Numbers = NDArray[np.float32]


def near_pairs(
    hashes: Hashes, most_bits: int, progress: Progress | None = None
) -> Iterator[NDArray[np.int64]]:
    """Yield all pairs of images whose hashes differ in few bits, piece by piece.

    Args:
        hashes: One a row, of two halves of 16 bytes.
        most_bits: Pairs that differ in more are left out.
        progress: Told how many images have been compared with all that follow.

    Yields:
        Positions, the smaller first, and 1 where the second image is looked at in a mirror, else
        0: pair x 3. The same pieces each time, and few pairs twice: those alike both ways.
    """
    images, columns = len(hashes), _PACKED * _TILE
    padded = np.pad(hashes, ((0, _TILE + columns), (0, 0)))
    tile = _Tile(most_bits)
    for top in range(0, images, _BLOCK):
        end = min(top + _BLOCK, images)
        block = _signs(padded[top : end + _TILE])
        for start in range(top, images, columns):
            others = _packed(padded[start : start + columns])
            for row in range(top, min(end, start + columns), _TILE):
                near = tile.near(block[:, row - top :][:, :_TILE], others)
                pairs = near + np.array([row, start, 0])
                yield pairs[(pairs[:, 0] < pairs[:, 1]) & (pairs[:, 1] < images)]
        if progress:
            progress(end, images)


def distances(hashes: Hashes, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return in how many bits the hashes of some pairs differ.

    Args:
        hashes: See `near_pairs`.
        pairs: As it yields them, pair x 3.
    """
    one, other, mirrored = pairs.T
    different = np.unpackbits(hashes[one] ^ hashes[other], axis=1).reshape(-1, 2, HALF_BITS + 1)
    first, second = different[:, :, 1:].sum(axis=2, dtype=np.int64).T
    found: NDArray[np.int64] = first + np.where(mirrored, HALF_BITS - second, second)
    return found


class _Tile:
    """Compares `_TILE` hashes with three times as many, always in the same memory.

    Args:
        most_bits: Pairs that differ in more are left out.
    """

    def __init__(self, most_bits: int) -> None:
        shape = (_TILE, _BYTES * _TILE)
        self._most_bits = most_bits
        self._numbers = np.empty((2, _TILE, _TILE), dtype="<f4")  # bytes in the order of a table
        self._least = np.empty(shape, dtype=np.uint8)
        self._is_near = np.empty(shape, dtype=bool)

    def near(self, signs: Numbers, packed: Numbers) -> NDArray[np.int64]:
        """Return the pairs whose hashes differ in few bits: row, column, mirrored."""
        first, second = self._compared(signs, packed)
        row, byte = np.divmod(self._near_either_way(first, second), _BYTES * _TILE)
        apart, inverted = first[row, byte], second[row, byte]
        ways = np.stack([apart + inverted, apart + (HALF_BITS - inverted)], axis=1)
        which, mirrored = np.nonzero(ways <= self._most_bits)
        column = byte - byte // _BYTES
        return np.stack([row[which], column[which], mirrored], axis=1)

    def _compared(self, signs: Numbers, packed: Numbers) -> NDArray[np.uint8]:
        """Return how many bits of each half differ, in three bytes of four: half x row x byte."""
        np.matmul(signs, packed.transpose(0, 2, 1), out=self._numbers)
        np.add(self._numbers, _TO_BYTES, out=self._numbers)
        return self._numbers.view(np.uint8)

    def _near_either_way(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        """Return the places of the pairs that are near as they are or in a mirror."""
        least, is_near = self._least, self._is_near
        np.subtract(HALF_BITS, second, out=least)
        np.minimum(least, second, out=least)
        np.add(least, first, out=least)
        np.less_equal(least, self._most_bits, out=is_near)
        places = np.flatnonzero(is_near)
        return places[places % _BYTES < _PACKED]


def _bits(hashes: Hashes) -> NDArray[np.uint8]:
    """Return the bits of each half: half x hash x bit."""
    return np.unpackbits(hashes, axis=1).reshape(len(hashes), 2, -1).transpose(1, 0, 2)


def _signs(hashes: Hashes) -> Numbers:
    """Return 1 for a bit of 0 and -1 for one of 1, and in the first bit's place how many are 1."""
    bits = _bits(hashes)
    signs = 1 - 2 * bits.astype(np.float32)
    signs[:, :, 0] = bits[:, :, 1:].sum(axis=2)
    return signs


def _packed(hashes: Hashes) -> Numbers:
    """Return three hashes a row as one, each with a 1 in the first bit's place."""
    bits = _bits(hashes).astype(np.float32)
    bits[:, :, 0] = 1
    packed: Numbers = (bits.reshape(2, -1, _PACKED, HALF_BITS + 1) * _WEIGHTS).sum(axis=2)
    return packed
