"""The images of a pixel cache, read one at a time.

Mapped into memory, every page that is touched counts as this process's; who looks at all images
of a large set would seem to need as much memory as they take on disk.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lungbench.data.dataset import PIXELS_FILE
from lungbench.errors import DataError


class Images(Protocol):
    """Squares of one size: an array, a list, or a file."""

    def __len__(self) -> int: ...

    def __getitem__(self, position: int, /) -> NDArray[np.uint8]: ...


@dataclass(frozen=True, slots=True)
class PixelFile:
    """An `images.npy`, open for reading.

    Attributes:
        images: How many it holds.
        image_size: Height and width in pixels.
        offset: Where the first one begins, in bytes.
    """

    file: BinaryIO
    images: int
    image_size: int
    offset: int

    def __len__(self) -> int:
        return self.images

    def __getitem__(self, position: int) -> NDArray[np.uint8]:
        """Read one image, row x column.

        Raises:
            IndexError: There is no such image.
        """
        if not 0 <= position < self.images:
            raise IndexError(position)
        size = self.image_size**2
        content = os.pread(self.file.fileno(), size, self.offset + int(position) * size)
        return np.frombuffer(content, np.uint8).reshape(self.image_size, self.image_size)


@contextmanager
def open_pixels(folder: Path) -> Iterator[PixelFile]:
    """Open the images of a pixel cache.

    Raises:
        DataError: They can't be read, or aren't images.
    """
    path = folder / PIXELS_FILE
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise _gone(path, error) from None
    with file:
        yield _opened(path, file)


def _opened(path: Path, file: BinaryIO) -> PixelFile:
    try:
        npy.read_magic(file)
        (images, side, width), transposed, kind = npy.read_array_header_1_0(file)
    except (OSError, EOFError, ValueError) as error:
        raise _gone(path, error) from None
    offset, size = file.tell(), os.fstat(file.fileno()).st_size
    if transposed or kind != np.uint8 or side != width or size < offset + images * side**2:
        raise _gone(path, f"{size} bytes are no {images} images of {side} x {width} pixels")
    return PixelFile(file, images, side, offset)


def _gone(path: Path, why: object) -> DataError:
    return DataError(
        "Prepared pixels must stay in the cache while they are looked at.",
        received=f"{path} ({why})",
        hint="Prepare the data again.",
    )
