"""Records of one fixed size, in memory or in a temporary file without a name.

In the file they are written and read by `pwrite` and `pread`, one at a time or piece by piece:
what a memory map touches would count as this process's memory.
"""

import errno
import os
import struct
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 4096


class Records:
    """Records of one kind, all zeros at first.

    Args:
        kind: The fields of a record, as numpy has them.
        packing: The same as `struct` has them, without padding.
        length: How many there are.
        folder: Where there is room for a file; None keeps them in memory.

    Raises:
        OSError: The file can't be made.
    """

    def __init__(
        self, kind: "np.dtype[np.void]", packing: str, length: int, folder: Path | None = None
    ) -> None:
        self._kind, self._length = kind, length
        self._packing = struct.Struct(packing)
        size = length * kind.itemsize
        self._store: _Store = _OnDisk(size, folder) if folder else _InMemory(size)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int) -> tuple[Any, ...]:
        size = self._packing.size
        return self._packing.unpack(self._store.read(position * size, size))

    def __setitem__(self, position: int, record: tuple[Any, ...]) -> None:
        """Write one record.

        Raises:
            OSError: The disk is full.
        """
        self._store.write(position * self._packing.size, self._packing.pack(*record))

    def pieces(self) -> Iterator[NDArray[np.void]]:
        """Yield all records, some at a time."""
        size = self._kind.itemsize
        for start in range(0, self._length, _AT_ONCE):
            count = min(_AT_ONCE, self._length - start)
            content = self._store.read(start * size, count * size)
            yield np.frombuffer(content, dtype=self._kind)


class _Store(Protocol):
    """So many bytes, zeros at first."""

    def read(self, start: int, size: int) -> bytes: ...

    def write(self, start: int, content: bytes) -> None: ...


class _InMemory:
    def __init__(self, size: int) -> None:
        self._bytes = bytearray(size)

    def read(self, start: int, size: int) -> bytes:
        return bytes(self._bytes[start : start + size])

    def write(self, start: int, content: bytes) -> None:
        self._bytes[start : start + len(content)] = content


class _OnDisk:
    def __init__(self, size: int, folder: Path) -> None:
        file = tempfile.TemporaryFile(  # noqa: SIM115 - open as long as this object
            buffering=0, dir=folder, prefix=".records.", suffix=".tmp"
        )
        weakref.finalize(self, file.close)
        self._descriptor = file.fileno()
        file.truncate(size)

    def read(self, start: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, start)

    def write(self, start: int, content: bytes) -> None:
        if os.pwrite(self._descriptor, content, start) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
