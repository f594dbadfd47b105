"""What each file holds, as a SHA-256 that is remembered until the file changes.

A file is taken as unchanged while its path, size, modification time and change time are: hashing
again what was hashed before would read every byte of the set at each start. The risk that is
left: content replaced on another machine, or within one tick of the file system's clock, with all
four alike. Deleting the memory (`seen-*.json`) hashes everything anew.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lungbench.data.decode import UnreadableImage, in_words, read_bytes, sha256
from lungbench.data.listing import FoundFile, is_text
from lungbench.data.threads import map_in_threads
from lungbench.files import write_atomically

Stamp = tuple[int, int, int]
"""Size in bytes, modification time and change time in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Content:
    """What one file holds.

    Attributes:
        sha256: Of its bytes; None where they can't be read.
        size_bytes: Likewise.
        reason: Why they can't be read.
        stamp: The file's state when they were.
    """

    sha256: str | None = None
    size_bytes: int | None = None
    reason: str | None = None
    stamp: Stamp | None = None


class Memory:
    """The hashes of one source folder, as they were found last time."""

    def __init__(self, cache: Path, source: Path) -> None:
        name = hashlib.sha256(str(source.resolve()).encode(errors="surrogateescape")).hexdigest()
        self._path = cache / f"seen-{name[:16]}.json"
        self._seen = self._read()

    def recall(self, path: str, stamp: Stamp) -> str | None:
        """Return the hash of a file in this state, if it was seen in it."""
        known = self._seen.get(path)
        if not isinstance(known, list) or tuple(known[:-1]) != stamp:
            return None
        return str(known[-1])

    def keep(self, files: Iterable[FoundFile], contents: Iterable[Content]) -> None:
        """Remember these files and forget all others."""
        seen = {
            file.path: [*content.stamp, content.sha256]
            for file, content in zip(files, contents, strict=True)
            if content.stamp and content.sha256
        }
        if seen != self._seen:
            write_atomically(self._path, json.dumps(seen))

    def _read(self) -> dict[str, object]:
        try:
            seen = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return seen if isinstance(seen, dict) else {}


def read_contents(source: Path, files: tuple[FoundFile, ...], memory: Memory) -> list[Content]:
    """Return what each file holds, reading those that changed since they were last seen."""
    contents = list(map_in_threads(lambda file: _content(source, file, memory), files))
    memory.keep(files, contents)
    return contents


def _content(source: Path, file: FoundFile, memory: Memory) -> Content:
    path = source / file.path
    try:
        _check_name(file.path)
        stamp = _stamp(path)
        digest = memory.recall(file.path, stamp) or sha256(read_bytes(path))
    except UnreadableImage as error:
        return Content(reason=error.reason)
    return Content(digest, stamp[0], stamp=stamp)


def _check_name(path: str) -> None:
    if not is_text(path):
        raise UnreadableImage("its name isn't UTF-8; rename it")


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError as error:
        raise UnreadableImage(in_words(error)) from None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
