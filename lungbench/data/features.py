"""What can be told of an X-ray without seeing its anatomy, as numbers for a logistic regression."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lungbench.data.image_table import ImageTable, Words
from lungbench.data.pixel_file import Images

Features = NDArray[np.float32] | NDArray[np.uint8]
"""Image x feature; all finite."""

THUMBNAIL_SIDE = 16

_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_LEVELS = np.arange(256)
_RAREST = 5  # images; what fewer have is one kind together, so that no feature names one image


def file_facts(table: ImageTable, pixels: Images) -> Features:  # noqa: ARG001 - a Group
    """Return how each file is stored: size, aspect, bytes per pixel, colour mode and format.

    Sizes are logarithms, so that twice as large is as far wherever one starts. What isn't known
    is the mean of the others.
    """
    width, height, size = (table.numbers[name] for name in ("width", "height", "bytes"))
    with np.errstate(all="ignore"):  # of a table that somebody has edited
        logs = np.log2([width, height, width / height, size / (width * height)])
    columns = (*map(_filled, logs), *_indicators(table.words))
    return np.column_stack(columns).astype(np.float32)


def grey_statistics(table: ImageTable, pixels: Images) -> Features:
    """Return mean, standard deviation and quantiles of each square, and its shares of 0 and 255."""
    return np.array([_grey_statistics(image) for image in _images(table, pixels)], np.float32)


def thumbnails(table: ImageTable, pixels: Images) -> Features:
    """Return each square reduced to 16 x 16 greys: too coarse for an infiltrate or a vessel."""
    small = np.empty((len(table), THUMBNAIL_SIDE, THUMBNAIL_SIDE), dtype=np.uint8)
    for place, image in enumerate(_images(table, pixels)):
        reduced = Image.fromarray(image).resize(small.shape[1:], Image.Resampling.BOX)
        small[place] = np.asarray(reduced)
    return small.reshape(len(table), -1)


Group = Callable[[ImageTable, Images], Features]

GROUPS: Mapping[str, Group] = {
    "file facts": file_facts,
    "grey statistics": grey_statistics,
    "thumbnails": thumbnails,
}


def _images(table: ImageTable, pixels: Images) -> Iterator[NDArray[np.uint8]]:
    return (pixels[position] for position in table.positions.tolist())


def _grey_statistics(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    shares = np.bincount(image.ravel(), minlength=256) / image.size
    mean = shares @ _LEVELS
    spread = np.sqrt(shares @ (_LEVELS - mean) ** 2)
    quantiles = np.searchsorted(np.cumsum(shares), _QUANTILES)
    return np.array([mean, spread, *quantiles, shares[0], shares[-1]])


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values)
    return np.where(known, values, values[known].mean() if known.any() else 0.0)


def _indicators(words: Mapping[str, Words]) -> Iterator[NDArray[Any]]:
    """Yield, for every colour mode and format that is not rare, whether each image has it."""
    for name in ("mode", "format"):
        numbers = words[name].numbers
        for number in range(len(words[name].names)):
            of_this = np.equal(numbers, number)
            if of_this.sum() >= _RAREST:
                yield of_this.astype(np.float64)
