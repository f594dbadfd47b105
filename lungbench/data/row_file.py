"""A `.npy` file of images that many threads fill, in constant memory.

Rows are written by `pwrite` and not through the memory map: every page that a map touches counts
as this process's memory, and a disk that fills up kills a process that writes to one by SIGBUS,
where `pwrite` fails with an error that can be shown.
"""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file of uint8 images, image x row x column, open for writing.

    Attributes:
        image_size: Height and width in pixels.
        offset: Where the first image begins, in bytes.
    """

    file: BinaryIO
    image_size: int
    offset: int

    @classmethod
    def create(cls, path: Path, images: int, image_size: int) -> Self:
        """Create the file with room for so many images.

        Raises:
            OSError: It can't be written.
        """
        shape = (images, image_size, image_size)
        offset = open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).offset
        return cls(path.open("r+b", buffering=0), image_size, offset)

    def write(self, image: int, pixels: NDArray[np.uint8]) -> None:
        """Write one image; safe in threads, each with its own images.

        Raises:
            OSError: The disk is full.
        """
        content = pixels.tobytes()
        written = os.pwrite(self.file.fileno(), content, self.offset + image * len(content))
        if written != len(content):
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
