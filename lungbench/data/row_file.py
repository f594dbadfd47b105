"""A `.npy` file of images that many threads fill, in constant memory.

Rows are written by `pwrite` and not through a memory map: every page that a map touches counts
as this process's memory, and a disk that fills up kills a process that writes to one by SIGBUS,
where `pwrite` fails with an error that can be shown.
"""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file of uint8 images, image x row x column, open for writing.

    Attributes:
        images: How many there is room for.
        image_size: Height and width in pixels.
        offset: Where the first image begins, in bytes.
    """

    file: BinaryIO
    images: int
    image_size: int
    offset: int

    @classmethod
    def create(cls, path: Path, images: int, image_size: int) -> Self:
        """Create the file with room for so many images.

        Raises:
            OSError: It can't be written.
        """
        file = path.open("w+b", buffering=0)
        offset = _write_header(file, images, image_size)
        file.truncate(offset + images * image_size**2)
        return cls(file, images, image_size, offset)

    def write(self, image: int, pixels: NDArray[np.uint8]) -> None:
        """Write one image; safe in threads, each with its own images.

        Raises:
            OSError: The disk is full.
        """
        self._write(image, pixels.data)

    def arrange(self, order: NDArray[np.integer[Any]]) -> None:
        """Put the images into another order, in place.

        Args:
            order: The present positions of the images to keep, in the order wanted; the others
                are dropped.

        Raises:
            OSError: The disk is full.
        """
        dropped = np.ones(self.images, dtype=bool)
        dropped[order] = False
        self._permute(np.concatenate([order, np.flatnonzero(dropped).astype(order.dtype)]))
        if dropped.any():
            self.file.seek(0)
            _write_header(self.file, len(order), self.image_size)
            self.file.truncate(self.offset + len(order) * self.image_size**2)

    def _permute(self, order: NDArray[np.integer[Any]]) -> None:
        """Move along each cycle of the permutation, so that one image at a time is in memory."""
        sources, moving = order.data, order != np.arange(len(order), dtype=order.dtype)
        for start in range(len(order)):
            if not moving[start]:
                continue
            first, target = self._read(start), start
            while (source := sources[target]) != start:
                self._write(target, self._read(source))
                moving[target], target = False, source
            self._write(target, first)
            moving[target] = False

    def _read(self, image: int) -> bytes:
        size = self.image_size**2
        return os.pread(self.file.fileno(), size, self.offset + image * size)

    def _write(self, image: int, content: bytes | memoryview) -> None:
        size = self.image_size**2
        written = os.pwrite(self.file.fileno(), content, self.offset + image * size)
        if written != size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.file.name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Sync and close the file."""
        try:
            if kind is None:
                os.fsync(self.file.fileno())
        finally:
            self.file.close()


def _write_header(file: BinaryIO, images: int, image_size: int) -> int:
    """Write numpy's header and return its length, which is the same for any number of images."""
    shape = (images, image_size, image_size)
    fields = {"descr": npy.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False}
    npy.write_array_header_1_0(file, {**fields, "shape": shape})
    return file.tell()
