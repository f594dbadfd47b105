"""Which of many hashes are nearly alike: every such pair, exactly, in bounded memory.

All pairs are compared, as products of matrices: with bits written as +1 and -1, the product of
two hashes is the number of bits that agree less those that differ. Whole numbers up to 2^24 are
exact in single precision, and no distribution of the bits makes it slower, as blank images make
the buckets of an index.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lungbench.data.index import Progress

# A product of so many hashes takes 16 MiB, and its pairs 64 MiB where all are alike.
_ROWS, _COLUMNS = 1024, 4096


def pairs_within(
    hashes: NDArray[np.uint8],
    most_bits: int,
    others: NDArray[np.uint8] | None = None,
    progress: Progress | None = None,
) -> Iterator[NDArray[np.int64]]:
    """Yield all pairs of images whose hashes differ in few bits, piece by piece.

    Args:
        hashes: One a row, packed into bytes.
        most_bits: Pairs that differ in more are left out.
        others: What the second image of a pair is compared by, a row an image as in `hashes`;
            None is `hashes`.
        progress: Told how many images have been compared with all that follow.

    Yields:
        Positions, pair x 2, the smaller first; in the same order each time.
    """
    others = hashes if others is None else others
    # Of b bits, d different ones leave a product of b - 2d.
    least = 8 * hashes.shape[1] - 2 * most_bits
    for top in range(0, len(hashes), _ROWS):
        left = _signs(hashes[top : top + _ROWS])
        for start in range(top, len(hashes), _COLUMNS):
            product = left @ _signs(others[start : start + _COLUMNS]).T
            pairs = np.argwhere(product >= least) + (top, start)  # noqa: RUF005 - an addition
            yield pairs[pairs[:, 0] < pairs[:, 1]]
        if progress:
            progress(min(top + _ROWS, len(hashes)), len(hashes))


def _signs(hashes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the bits as +1 and -1, hash x bit."""
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1
