"""Every file of an image folder: what it is, and whether it can be used.

A file is left out, with its reason, where it can't be decoded, or where the same bytes stand in
two classes: one of the labels is wrong, and nothing says which.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from lungbench.data.contents import Content
from lungbench.data.decode import (
    ImageFacts,
    NotAnImage,
    UnreadableImage,
    examine_bytes,
    read_bytes,
    sha256,
    unheard_advice,
)
from lungbench.data.listing import FoundFile, check_number, list_files
from lungbench.data.threads import map_in_threads
from lungbench.errors import DataError

Progress = Callable[[int, int], None]
"""Told how many files are done, and of how many."""

NOT_AN_IMAGE = "not an image file"

_IMAGE_SUFFIXES = frozenset(
    (".bmp", ".dcm", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """One file below a class folder.

    Attributes:
        path: Relative to the source, with forward slashes.
        class_name: The class folder it lies in.
        sha256: Of its bytes; None where they can't be read.
        size_bytes: Likewise.
        facts: What the image is; None where it can't be decoded.
        reason: Why it is left out; None where it is kept.
    """

    path: str
    class_name: str
    sha256: str | None
    size_bytes: int | None
    facts: ImageFacts | None = None
    reason: str | None = None

    @property
    def kept(self) -> bool:
        """Whether it can be trained on."""
        return self.reason is None

    @property
    def is_image(self) -> bool:
        """Whether it is, by content or by name, an image, readable or not."""
        return self.reason != NOT_AN_IMAGE


@dataclass(frozen=True, slots=True)
class Index:
    """All files of a source, by class and path."""

    source: Path
    files: tuple[IndexedFile, ...]

    @property
    def kept(self) -> tuple[IndexedFile, ...]:
        """Return the images that can be used."""
        return tuple(file for file in self.files if file.kept)

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes of these images, sorted."""
        return tuple(sorted({file.class_name for file in self.kept}))

    @property
    def images_found(self) -> int:
        """Return how many images there are, readable or not."""
        return sum(file.is_image for file in self.files)


def index(folder: Path, progress: Progress | None = None) -> Index:
    """Look at every file below the class folders of `folder`.

    Raises:
        DataError: There is no such folder, or fewer than two classes with a readable image.
    """
    found = list_files(folder)
    files = []
    with unheard_advice():
        for file in map_in_threads(lambda file: _examined(folder, file), found):
            files.append(file)
            if progress:
                progress(len(files), len(found))
    return checked(Index(folder, without_contradictions(files)))


def indexed(
    file: FoundFile, content: Content, outcome: ImageFacts | UnreadableImage | None
) -> IndexedFile:
    """Join what was found out about one file."""
    facts = outcome if isinstance(outcome, ImageFacts) else None
    reason = _reason(file, outcome) if isinstance(outcome, UnreadableImage) else content.reason
    return IndexedFile(
        _printable(file.path), file.class_name, content.sha256, content.size_bytes, facts, reason
    )


def without_contradictions(files: Iterable[IndexedFile]) -> tuple[IndexedFile, ...]:
    """Leave out the files whose bytes stand in more than one class."""
    files = tuple(files)
    classes = defaultdict(set)
    for file in files:
        classes[file.sha256].add(file.class_name)
    return tuple(_contradicted(file, classes[file.sha256]) if file.kept else file for file in files)


def in_row_order(files: Iterable[IndexedFile]) -> list[IndexedFile]:
    """Return the decoded files in the order of their rows in the pixel cache."""
    return sorted(
        (file for file in files if file.facts),
        key=lambda file: (file.class_name, file.sha256, file.path),
    )


def checked(found: Index) -> Index:
    """Return the index if it can be trained on.

    Raises:
        DataError: A class has no readable image, or there is only one class.
    """
    for name in sorted({file.class_name for file in found.files if file.is_image}):
        if name not in found.classes:
            raise _nothing_readable(name, [f for f in found.files if f.class_name == name])
    check_number(found.source, found.classes)
    return found


def _examined(folder: Path, file: FoundFile) -> IndexedFile:
    content = Content()
    try:
        data = read_bytes(folder / file.path)
        content = Content(sha256(data), len(data))
        return indexed(file, content, examine_bytes(data))
    except UnreadableImage as error:
        return indexed(file, content, error)


def _reason(file: FoundFile, error: UnreadableImage) -> str:
    named_so = PurePosixPath(file.path).suffix.lower() in _IMAGE_SUFFIXES
    return error.reason if named_so or not isinstance(error, NotAnImage) else NOT_AN_IMAGE


def _printable(path: str) -> str:
    return path.encode(errors="backslashreplace").decode()


def _contradicted(file: IndexedFile, classes: set[str]) -> IndexedFile:
    others = ", ".join(sorted(classes - {file.class_name}))
    return replace(file, reason=f"the same image stands in {others}") if others else file


def _nothing_readable(name: str, files: list[IndexedFile]) -> DataError:
    images = [file for file in files if file.is_image]
    return DataError(
        "Every class must hold a readable image.",
        received=f"class {name} with {len(images)} images, "
        f"none usable; {images[0].path}: {images[0].reason}",
        hint=f"Replace them, or take the folder {name} away.",
    )
