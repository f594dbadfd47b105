"""What each file holds, as a SHA-256 that is remembered until the file changes.

A file is taken as unchanged while its path, size, modification time and change time are: hashing
again what was hashed before would read every byte of the set at each start. The risk that is
left: content replaced on another machine, or within one tick of the file system's clock, with all
four alike. Deleting the memory (`seen-*.npy`) hashes everything anew.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lungbench.data.decode import UnreadableImage, in_words, read_file
from lungbench.data.file_table import Content, FileTable, Stamp
from lungbench.data.listing import is_text
from lungbench.data.staging import new_file
from lungbench.data.threads import map_in_threads

_SEEN = np.dtype([("path", "u8"), ("stamp", "i8", 3), ("sha256", "S32")])
"""One file that was seen; its path as the first 8 bytes of the path's SHA-256."""

_AT_ONCE = 4096


class Memory:
    """The hashes of one source folder, as they were found last time."""

    def __init__(self, cache: Path, source: Path) -> None:
        name = hashlib.sha256(str(source.resolve()).encode(errors="surrogateescape")).hexdigest()
        self._path = cache / f"seen-{name[:16]}.npy"
        self._seen = self._read()
        self._keys = np.ascontiguousarray(self._seen["path"])

    def recall(self, path: str, stamp: Stamp) -> bytes | None:
        """Return the hash of a file in this state, if it was seen in it."""
        key = _key(path)
        place = int(np.searchsorted(self._keys, key))
        if place == len(self._seen) or self._keys[place] != key:
            return None
        _, known, sha256 = self._seen[place]
        return bytes(sha256) if tuple(known.tolist()) == stamp else None

    def keep(self, files: FileTable) -> None:
        """Remember these files and forget all others."""
        read = np.flatnonzero(files.read)
        keys = np.fromiter(
            (_key(files.paths[position]) for position in read.data), np.uint64, len(read)
        )
        order = np.argsort(keys)
        positions = read[order]
        if len(positions) == len(self._seen) and all(
            np.array_equal(piece, self._seen[start : start + len(piece)])
            for start, piece in _pieces(files, keys[order], positions)
        ):
            return
        with new_file(self._path) as temporary, temporary.open("wb") as file:
            npy.write_array_header_1_0(
                file,
                {
                    "descr": npy.dtype_to_descr(_SEEN),
                    "fortran_order": False,
                    "shape": (len(positions),),
                },
            )
            for _, piece in _pieces(files, keys[order], positions):
                file.write(piece.tobytes())

    def _read(self) -> NDArray[np.void]:
        """Map what is remembered into memory; an array of it would be 64 bytes a file."""
        try:
            seen = np.load(self._path, mmap_mode="r")
        except (OSError, EOFError, ValueError):
            return np.zeros(0, dtype=_SEEN)
        return seen if seen.dtype == _SEEN and seen.ndim == 1 else np.zeros(0, dtype=_SEEN)


def _pieces(
    files: FileTable, keys: NDArray[np.uint64], positions: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.void]]]:
    """Yield what is remembered of these files, some at a time."""
    for start in range(0, len(positions), _AT_ONCE):
        some = positions[start : start + _AT_ONCE].tolist()
        seen = np.zeros(len(some), dtype=_SEEN)
        seen["path"] = keys[start : start + _AT_ONCE]
        for place, position in enumerate(some):
            if content := files.content(position):
                seen["stamp"][place] = content.stamp
                seen["sha256"][place] = content.sha256
        yield start, seen


def read_content(source: Path, path: str) -> tuple[bytes, Content]:
    """Return the bytes of a file, and their hash with the state that the file was in.

    Raises:
        UnreadableImage: It can't be read, or its name isn't text.
    """
    data, status = read_file(_full_path(source, path))
    return data, Content(hashlib.sha256(data).digest(), _stamp(status))


def read_contents(source: Path, files: FileTable, memory: Memory) -> None:
    """Find out what each file holds, reading those that changed since they were last seen."""

    def content(position: int) -> Content | UnreadableImage:
        if refused := files.refusal(position):
            return refused
        path = files.paths[position]
        try:
            return _recalled(source, path, memory) or read_content(source, path)[1]
        except UnreadableImage as error:
            return error

    for position, found in enumerate(map_in_threads(content, range(len(files)))):
        if isinstance(found, Content):
            files.enter(position, found, None)
        else:
            files.enter(position, None, found)


def _recalled(source: Path, path: str, memory: Memory) -> Content | None:
    try:
        stamp = _stamp(Path(_full_path(source, path)).stat())
    except OSError as error:
        raise UnreadableImage(in_words(error)) from None
    known = memory.recall(path, stamp)
    return Content(known, stamp) if known else None


def _full_path(source: Path, path: str) -> str:
    if not is_text(path):
        raise UnreadableImage("its name isn't UTF-8; rename it")
    return f"{source}/{path}"


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _key(path: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.sha256(path.encode()).digest()[:8]))
