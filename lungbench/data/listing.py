"""The files of an image folder: which there are and whose class they carry, unopened.

The first level of sub-folders names the classes; below it, folders may nest. Hidden files and
folders are passed over, and so is everything that lies beside the class folders. Links are
followed, each real folder once per class, so that a link to a parent ends instead of looping.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lungbench.errors import DataError

MIN_CLASSES = 2

_SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
_LAYOUT = "a folder with one sub-folder of images per class"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file below a class folder.

    Attributes:
        path: Relative to the source, with forward slashes.
        class_name: The class folder it lies in.
    """

    path: str
    class_name: str


def list_files(folder: Path) -> tuple[FoundFile, ...]:
    """Return every file below the class folders of `folder`, by class and path.

    Raises:
        DataError: The folder is missing, can't be read, or holds no class folders with files.
    """
    try:
        found = tuple(_found_files(folder))
    except OSError as error:
        raise _unreadable(folder, error) from None
    _check_classes(folder, sorted({file.class_name for file in found}))
    return found


def _unreadable(folder: Path, error: OSError) -> DataError:
    return DataError(
        "The image folder must be readable.",
        received=f"{error.filename or folder} ({error.strerror})",
        expected=_LAYOUT,
        hint="Check the path and its permissions.",
    )


def _check_classes(folder: Path, names: Sequence[str]) -> None:
    if not names:
        raise DataError(
            "The image folder must hold images.",
            received=f"{folder} without a file in any sub-folder",
            expected=_LAYOUT,
            hint="Put the images of each class into a folder of its name.",
        )
    check_number(folder, names)
    if _SPLIT_NAMES.issuperset(name.lower() for name in names):
        raise DataError(
            "The sub-folders of the image folder must be classes.",
            received=f"{folder} with {', '.join(names)}",
            expected=_LAYOUT,
            hint="Merge the splits into one folder per class; lungbench splits by itself.",
        )


def check_number(folder: Path, names: Sequence[str]) -> None:
    """Refuse fewer than two classes.

    Raises:
        DataError: There are none to tell apart.
    """
    if len(names) < MIN_CLASSES:
        raise DataError(
            "A diagnosis needs at least two classes.",
            received=f"{folder} with images of {names[0] if names else 'none'}",
            expected=_LAYOUT,
            hint="Add the folder of another class, or name the folder above.",
        )


def _found_files(folder: Path) -> Iterator[FoundFile]:
    for class_folder in class_folders(folder):
        _check_name(class_folder.name)
        for path in sorted(_files_below(class_folder)):
            yield FoundFile(path.relative_to(folder).as_posix(), class_folder.name)


def class_folders(folder: Path) -> list[Path]:
    """Return the sub-folders that name classes if they hold images, sorted."""
    return [path for path in _visible(folder) if path.is_dir()]


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _check_name(name: str) -> None:
    if not is_text(name):
        raise DataError(
            "The name of a class folder must be UTF-8.",
            received=ascii(name),
            hint="Rename the folder.",
        )


def is_text(name: str) -> bool:
    """Return whether a file name can be written as UTF-8; Linux allows any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _files_below(class_folder: Path) -> Iterator[Path]:
    entered: set[tuple[int, int]] = set()
    waiting = [class_folder]
    while waiting:
        folder = waiting.pop()
        if _identity(folder) in entered:
            continue
        entered.add(_identity(folder))
        for path in _visible(folder):
            if path.is_dir():
                waiting.append(path)
            else:
                yield path


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
