"""Every file of an image folder: what it is, and whether it can be used.

A file is left out, with its reason, where it can't be decoded, or where the same bytes stand in
two classes: one of the labels is wrong, and nothing says which.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lungbench.data.contents import read_content
from lungbench.data.decode import ImageFacts, UnreadableImage, examine_bytes, unheard_advice
from lungbench.data.file_table import Content, FileTable, IndexedFile, Outcome
from lungbench.data.listing import check_number
from lungbench.data.sources import source_at
from lungbench.data.threads import map_in_threads
from lungbench.errors import DataError

Progress = Callable[[int, int], None]
"""Told how many files are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Index:
    """All files of a source.

    Attributes:
        source: The folder that the files' paths are relative to.
    """

    source: Path
    files: FileTable

    @property
    def kept(self) -> tuple[IndexedFile, ...]:
        """Return the images that can be used."""
        return tuple(self.files[position] for position in np.flatnonzero(self.files.kept).tolist())

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes of these images, sorted."""
        return self.files.classes(self.files.kept)

    @property
    def images_found(self) -> int:
        """Return how many images there are, readable or not."""
        return int(self.files.images.sum())


def index(folder: Path, progress: Progress | None = None) -> Index:
    """Look at every file of a source.

    Args:
        folder: The folder, or a manifest.
        progress: Told how many files are done.

    Raises:
        DataError: There is no such source, or fewer than two classes with a readable image.
    """
    source = source_at(folder)
    files = FileTable(source.files)
    examine(source.root, files, lambda _, content: examine_bytes(content), progress)
    return checked(Index(source.root, files))


def examine(
    source: Path,
    files: FileTable,
    decode: Callable[[int, bytes], ImageFacts],
    progress: Progress | None = None,
) -> None:
    """Read and decode every file, once, and write down what was found.

    Args:
        source: The folder that the files' paths are relative to.
        files: The files.
        decode: Given a file's position and its bytes, in several threads.
        progress: Told how many files are done.
    """

    def examined(position: int) -> tuple[Content | None, Outcome]:
        content = None
        if refused := files.refusal(position):
            return None, refused
        try:
            data, content = read_content(source, files.paths[position])
            return content, decode(position, data)
        except UnreadableImage as error:
            return content, error

    with unheard_advice():
        for position, found in enumerate(map_in_threads(examined, range(len(files)))):
            files.enter(position, *found)
            if progress:
                progress(position + 1, len(files))


def checked(found: Index) -> Index:
    """Return the index, without contradictions, if it can be trained on.

    Raises:
        DataError: A class has no readable image, or there is only one class.
    """
    files = found.files
    files.leave_out_contradictions()
    for name in files.classes(files.images):
        if name not in found.classes:
            raise _nothing_readable(name, [file for file in files if file.class_name == name])
    check_number(found.source, found.classes)
    return found


def _nothing_readable(name: str, files: list[IndexedFile]) -> DataError:
    images = [file for file in files if file.is_image]
    return DataError(
        "Every class must hold a readable image.",
        received=f"class {name} with {len(images)} images, "
        f"none usable; {images[0].path}: {images[0].reason}",
        hint=f"Replace them, or take the folder {name} away.",
    )
