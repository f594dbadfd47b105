"""Small pictures of test images, from the pixel cache while it is still there."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungbench.data.dataset import ImageSet
from lungbench.errors import DataError
from reports.results.load import Results

SIDE = 96
"""Height and width in pixels: enough to know an image again, too few to read it."""

_QUALITY = 75


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnails:
    """The decoded images of an execution, as the networks saw them.

    Attributes:
        fingerprint: Of the data that they belong to.
        pixels: uint8, image x row x column, mapped from the cache.
        rows: Where each image stands there, by its path.
    """

    fingerprint: str
    pixels: NDArray[np.uint8]
    rows: Mapping[str, int]

    @classmethod
    def of(cls, execution: Results) -> "Thumbnails | None":
        """Open the cache of an execution's data; None where it isn't there any more."""
        data = execution.data
        if data is None:
            return None
        try:
            pixels = ImageSet.open(data, "test").pixels
        except (DataError, KeyError):
            return None
        if pixels.dtype != np.uint8 or pixels.shape != (len(data.paths), *pixels.shape[1:2] * 2):
            return None
        return cls(data.fingerprint, pixels, {path: row for row, path in enumerate(data.paths)})

    def data_uri(self, path: str) -> str | None:
        """Return an image as the address of itself, for `<img src>`; None where it is unknown."""
        row = self.rows.get(path)
        return None if row is None else _data_uri(self.pixels[row])


def _data_uri(pixels: NDArray[Any]) -> str:
    from PIL import Image

    picture, content = Image.fromarray(np.asarray(pixels)), BytesIO()
    picture.thumbnail((SIDE, SIDE))
    picture.save(content, "WEBP", quality=_QUALITY, method=6)
    return "data:image/webp;base64," + b64encode(content.getvalue()).decode("ascii")
