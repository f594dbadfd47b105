"""The files of an image folder: which there are and whose class they carry, unopened.

The first level of sub-folders names the classes; below it, folders may nest. Hidden files and
folders are passed over, and so is everything that lies beside the class folders. Links are
followed, each real folder once per class, so that a link to a parent ends instead of looping.
"""

import os
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
    return tuple(found_files(folder))


def found_files(folder: Path) -> Iterator[FoundFile]:
    """Yield what `list_files` returns; whether there are classes is known after the last.

    Raises:
        DataError: See `list_files`.
    """
    names = set()
    try:
        for class_folder in class_folders(folder):
            for file in _files_of_class(class_folder):
                names.add(file.class_name)
                yield file
    except OSError as error:
        raise _unreadable(folder, error) from None
    _check_classes(folder, sorted(names))


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


def _files_of_class(class_folder: Path) -> Iterator[FoundFile]:
    name = class_folder.name
    _check_name(name)
    for path in sorted(_files_below(class_folder), key=_by_parts):
        yield FoundFile(f"{name}/{path}", name)


def _by_parts(path: str) -> str:
    """Keep the files of one folder together: a name may hold any other character, but not this."""
    return path.replace("/", "\0")


def class_folders(folder: Path) -> list[Path]:
    """Return the sub-folders that name classes if they hold images, sorted."""
    return [folder / name for name, is_folder in _visible(folder) if is_folder]


def _visible(folder: Path) -> list[tuple[str, bool]]:
    """Return the names in a folder, sorted, each with whether it is a folder itself."""
    with os.scandir(folder) as entries:
        return sorted((e.name, _is_folder(e)) for e in entries if not e.name.startswith("."))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # DirEntry alone costs no system call, but raises where a link leads back to itself.
    return Path(entry).is_dir() if entry.is_symlink() else entry.is_dir()


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


def _files_below(class_folder: Path) -> Iterator[str]:
    """Yield the path of every file of a class, relative to its folder."""
    entered: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        below = waiting.pop()
        folder = class_folder / below
        if (identity := _identity(folder)) in entered:
            continue
        entered.add(identity)
        for name, is_folder in _visible(folder):
            if is_folder:
                waiting.append(f"{below}{name}/")
            else:
                yield below + name


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
