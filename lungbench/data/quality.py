"""The quality of an image, in numbers that know nothing of lungs.

The paper judges by the mean grey alone (section III.A) and keeps 120 to 140 (section III.B). The
others show what a mean can't: a blurred scan, a washed-out one, black bars, a squeezed picture.
They are measured to be looked at (`lungbench data inspect`), never to train: preparing a data set
costs what it did.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHARPNESS_SIDE = 512
"""Pixels of the longer side at which sharpness is measured, so that it compares images of
different size: at its own 2,500 pixels a good radiograph is smoother than a blurred thumbnail."""

BLACK_LEVEL = 16
"""The brightest grey that counts as black at the borders: what JPEG leaves of a black bar."""

BLACK_SHARE = 0.98
"""Share of a row's or a column's pixels that must be black in a border; the rest are letters."""

PAPER_BRIGHTNESS = (120.0, 140.0)
"""Least and greatest mean grey that the paper keeps (section III.B)."""

_LEVELS = np.arange(256)


class Quality(NamedTuple):
    """What can be said of a grey image without knowing what it shows.

    Attributes:
        mean_grey: Mean of the pixels, 0 (black) to 255 (white), rounded to thousandths like the
            decoder's. The paper's measure (section III.A).
        contrast: Standard deviation of the pixels, 0 (all alike) to 127.5 (half black, half
            white); called RMS contrast (Peli 1990, "Contrast in complex images").
        sharpness: Variance of the Laplacian, 0 (flat) to 1,040,400, at 512 pixels on the longer
            side (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy").
            Blur lowers it; noise, letters and hard edges raise it.
        entropy_bits: Shannon entropy of the grey levels, 0 (one level) to 8 bits a pixel (all 256
            alike often); a picture stretched from few levels has little.
        clipped_black_share: Share of the pixels at 0, from 0 to 1. Beside the patient that is
            right; inside, detail is lost.
        clipped_white_share: Share of the pixels at 255, likewise.
        border_share: Share of the area that black bars at the four edges cover, from 0 to 1.
        aspect: Width divided by height; 1 is a square.
    """

    mean_grey: float
    contrast: float
    sharpness: float
    entropy_bits: float
    clipped_black_share: float
    clipped_white_share: float
    border_share: float
    aspect: float


MEASURES = Quality._fields


def quality_of(grey: NDArray[np.uint8]) -> Quality:
    """Measure a grey image at its own size.

    Args:
        grey: Row x column, at least one of each.
    """
    image = Image.fromarray(np.ascontiguousarray(grey))
    height, width = grey.shape
    counts = np.array(image.histogram())
    mean = int(counts @ _LEVELS) / grey.size
    shares = counts / grey.size
    return Quality(
        mean_grey=round(mean, 3),
        contrast=float(np.sqrt(shares @ (_LEVELS - mean) ** 2)),
        sharpness=_sharpness(image),
        entropy_bits=_entropy(shares[shares > 0]),
        clipped_black_share=float(shares[0]),
        clipped_white_share=float(shares[-1]),
        border_share=_border_share(grey <= BLACK_LEVEL),
        aspect=width / height,
    )


def _entropy(shares: NDArray[np.float64]) -> float:
    return abs(float(shares @ np.log2(shares)))  # the sum is never above 0


def _sharpness(image: Image.Image) -> float:
    """Return the variance of the Laplacian, computed in whole numbers."""
    scale = SHARPNESS_SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(size, Image.Resampling.BILINEAR)
    edges = _laplacian(np.asarray(small, dtype=np.int16))
    total = int(edges.sum(dtype=np.int64))
    squares = int(np.square(edges, dtype=np.int32).sum(dtype=np.int64))
    return (edges.size * squares - total**2) / edges.size**2


def _laplacian(pixels: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return each pixel's four neighbours less four times itself; beyond the edge is the edge."""
    found = -4 * pixels
    for lines, neighbours in ((found, pixels), (found.T, pixels.T)):
        lines[1:] += neighbours[:-1]
        lines[:-1] += neighbours[1:]
        lines[0] += neighbours[0]
        lines[-1] += neighbours[-1]
    return found


def _border_share(black: NDArray[np.bool_]) -> float:
    """Return the share of the area outside the smallest frame that holds all that isn't black."""
    height, width = black.shape
    rows = np.add.reduce(black, axis=1, dtype=np.uint32) < BLACK_SHARE * width
    columns = np.add.reduce(black, axis=0, dtype=np.uint32) < BLACK_SHARE * height
    return 1 - _extent(rows) * _extent(columns) / black.size


def _extent(inside: NDArray[np.bool_]) -> int:
    """Return how many rows or columns lie from the first inside to the last."""
    found = np.flatnonzero(inside)
    return int(found[-1] - found[0]) + 1 if len(found) else 0
