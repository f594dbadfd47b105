"""What each file holds, as a SHA-256 that is remembered until the file changes.

A file is taken as unchanged while its path, size, modification time and change time are: hashing
again what was hashed before would read every byte of the set at each start. The risk that is
left: content replaced on another machine, or within one tick of the file system's clock, with all
four alike. Deleting the memory (`seen-*.npy`) hashes everything anew.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lungbench.data.decode import UnreadableImage, in_words, read_file
from lungbench.data.file_table import Content, FileTable, Stamp
from lungbench.data.listing import is_text
from lungbench.data.staging import new_file
from lungbench.data.threads import map_in_threads

_SEEN = np.dtype([("path", "u8"), ("stamp", "i8", 3), ("sha256", "S32")])
"""One file that was seen; its path as the first 8 bytes of the path's SHA-256."""


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
        read = np.flatnonzero(files.digests)
        keys = np.fromiter((_key(files.paths[position]) for position in read), np.uint64, len(read))
        order = np.argsort(keys)
        seen = np.zeros(len(read), dtype=_SEEN)
        seen["path"] = keys[order]
        seen["stamp"] = files.stamps[read[order]]
        seen["sha256"] = files.digests[read[order]]
        if not np.array_equal(seen, self._seen):
            with new_file(self._path) as temporary, temporary.open("wb") as file:
                np.save(file, seen)

    def _read(self) -> NDArray[np.void]:
        try:
            seen = np.load(self._path)
        except (OSError, EOFError, ValueError):
            return np.zeros(0, dtype=_SEEN)
        return seen if seen.dtype == _SEEN else np.zeros(0, dtype=_SEEN)


def read_content(source: Path, path: str) -> tuple[bytes, Content]:
    """Return the bytes of a file, and their hash with the state that the file was in.

    Raises:
        UnreadableImage: It can't be read, or its name isn't text.
    """
    data, status = read_file(_full_path(source, path))
    return data, Content(hashlib.sha256(data).digest(), _stamp(status))


def read_contents(source: Path, files: FileTable, memory: Memory) -> None:
    """Find out what each file holds, reading those that changed since they were last seen."""

    def content(path: str) -> Content | UnreadableImage:
        try:
            return _recalled(source, path, memory) or read_content(source, path)[1]
        except UnreadableImage as error:
            return error

    for position, found in enumerate(map_in_threads(content, files.paths)):
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
