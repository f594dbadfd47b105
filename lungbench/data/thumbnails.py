"""All images of a set at 32 x 32 pixels, made once, looked at many times.

Whoever compares each image with many others would else read and reduce it each time, which takes
ten times as long as the comparison.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lungbench.data.index import Progress
from lungbench.data.pixel_file import Images
from lungbench.data.records import Records
from lungbench.data.threads import map_in_threads

SIDE = 32

_KIND = np.dtype([("pixels", np.uint8, (SIDE, SIDE))])


class Thumbnails:
    """Squares of `SIDE` pixels, in the order of their images.

    Args:
        images: How many there are, all black at first.
        folder: Where there is room for a temporary file of 1 KiB an image; None keeps them in
            memory.

    Raises:
        OSError: The file can't be made.
    """

    def __init__(self, images: int, folder: Path | None = None) -> None:
        self._records = Records(_KIND, f"{SIDE * SIDE}s", images, folder)

    @classmethod
    def of(
        cls, pixels: Images, progress: Progress | None = None, folder: Path | None = None
    ) -> "Thumbnails":
        """Reduce every image, each read once.

        Args:
            pixels: The images.
            progress: Told how many are reduced.
            folder: See `Thumbnails`.

        Raises:
            OSError: The file can't be made, or the disk is full.
        """
        made = cls(len(pixels), folder)
        small = map_in_threads(lambda position: resized(pixels[position], SIDE), range(len(pixels)))
        for position, thumbnail in enumerate(small):
            made._records[position] = (thumbnail.tobytes(),)
            if progress:
                progress(position + 1, len(pixels))
        return made

    def __len__(self) -> int:
        return len(self._records)

    def some(self, positions: Iterable[int]) -> NDArray[np.uint8]:
        """Return those of some images, image x row x column."""
        content = b"".join(self._records[position][0] for position in positions)
        return np.frombuffer(content, np.uint8).reshape(-1, SIDE, SIDE)

    def pieces(self) -> Iterator[NDArray[np.uint8]]:
        """Yield all of them, some at a time, image x row x column."""
        return (piece["pixels"] for piece in self._records.pieces())


def resized(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return an image as a square of this side."""
    whole = Image.fromarray(image)
    return np.asarray(whole.resize((side, side), Image.Resampling.BILINEAR))
