"""The files of an image folder: which there are and whose class they carry, unopened.

Either the first level of sub-folders names the classes, or it names the splits (train, validation
and test, in the words of `lungbench.data.split_names`) and the second level the classes. Below a
class, folders may nest. Hidden files and folders are passed over, and so is everything that lies
beside the class folders.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from lungbench.counted import counted
from lungbench.data.split_names import split_named
from lungbench.data.walk import Seen, Walk
from lungbench.errors import DataError
from lungbench.record import Split

MIN_CLASSES = 2

_LAYOUT = "a folder with one sub-folder of images per class"
_LAYOUTS = f"{_LAYOUT}, or with train, validation and test folders of such"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file of a source.

    Attributes:
        path: Relative to the source's root, with forward slashes.
        class_name: Its class, by its folder or by a manifest.
        patient: Whose it is, by a manifest; unique within its collection only.
        split: Which split the source has it in.
        view: How the X-ray was taken, such as `PA`, by a manifest.
        collection: The data set that it comes from, where a source has several.
        reason: Why it is left out unopened; None where it may be read.
    """

    path: str
    class_name: str
    patient: str | None = None
    split: Split | None = None
    view: str | None = None
    collection: str | None = None
    reason: str | None = None


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
    walk = Walk([folder])
    try:
        for file in _files(folder, walk):
            names.add(file.class_name)
            yield file
    except OSError as error:
        raise unreadable(folder, error) from None
    if not names:
        raise _without_classes(folder)
    check_classes(folder, names, expected=_LAYOUTS)


def unreadable(folder: Path, error: OSError) -> DataError:
    """Return the refusal of a folder that the system refused."""
    path = Path(error.filename or folder)
    return DataError(
        "The image folder must be readable.",
        received=f"{path} ({error.strerror})",
        expected=_LAYOUTS,
        hint=f"check the path and its permissions{_beside(path)}.",
    )


def _beside(path: Path) -> str:
    """Name what lies where a path should be and is called nearly so."""
    try:
        names = [] if path.exists() else [each.name for each in path.parent.iterdir()]
    except OSError:
        names = []
    alike = get_close_matches(path.name, names, n=1)
    return f"; {path.parent / alike[0]} is there" if alike else ""


def _without_classes(folder: Path) -> DataError:
    files = sum(1 for path in folder.iterdir() if path.is_file())
    return DataError(
        "The image folder must hold images in a sub-folder for each class.",
        received=f"{folder} with {counted(files, 'file')} of its own and none in a sub-folder",
        expected=_LAYOUTS,
        hint=f"name the folder above if {folder.name} is one class; else put the images of each "
        "class into a folder of its name.",
    )


def check_classes(source: Path, names: Collection[str], *, expected: str) -> None:
    """Refuse fewer than two classes, and names that were meant to be one.

    Args:
        source: What holds them.
        names: Theirs.
        expected: What would have two.

    Raises:
        DataError: See there.
    """
    check_number(source, sorted(names), expected=expected)
    spellings = defaultdict(list)
    for name in sorted(names):
        spellings[" ".join(name.casefold().split())].append(name)
    for alike in spellings.values():
        if len(alike) > 1:
            raise DataError(
                "Names of classes must differ in more than capitals and spaces.",
                received=f"{source} with {' and '.join(map(repr, alike))}",
                hint="Give one class one name.",
            )


def check_number(source: Path, names: Sequence[str], *, expected: str | None = None) -> None:
    """Refuse fewer than two classes.

    Args:
        source: What holds them.
        names: Theirs.
        expected: What would have two.

    Raises:
        DataError: There are none to tell apart.
    """
    if len(names) < MIN_CLASSES:
        raise DataError(
            "A diagnosis needs at least two classes.",
            received=f"{source} with images of {names[0] if names else 'none'}",
            expected=expected,
            hint="add images of another class, or name what holds more of them.",
        )


def class_folders(folder: Path) -> list[Path]:
    """Return the sub-folders that name classes, or splits, if they hold images; sorted."""
    return [folder / seen.path for seen in Walk([folder]).folders(folder) if not seen.reason]


def is_text(name: str) -> bool:
    """Return whether a file name can be written as UTF-8; Linux allows any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _files(folder: Path, walk: Walk) -> Iterator[FoundFile]:
    seen = walk.folders(folder)
    if splits := _splits(folder, seen):
        yield from _by_split(folder, walk, splits)
        return
    for each in seen:
        yield from _of_class(folder, walk, each, each.path)


def _splits(folder: Path, seen: Iterable[Seen]) -> dict[str, Split]:
    """Return which sub-folders are splits; none where they are classes.

    Raises:
        DataError: They are neither, or both.
    """
    names = [each.path for each in seen]
    found = {name: split for name in names if (split := split_named(name))}
    if not found:
        return {}
    if "train" not in found.values() or len(set(found.values())) == 1:
        raise DataError(
            "The sub-folders of the image folder must be classes, or splits that begin with train.",
            received=f"{folder} with {', '.join(names)}",
            expected=_LAYOUTS,
            hint="Name the folder that holds the class folders, or add what is missing.",
        )
    for each in seen:
        if each.path in found and each.reason:
            raise DataError(
                "The folder of a split must lie in the source.",
                received=f"{folder / each.path}, {each.reason}",
                hint="Name the folder that the links lead to.",
            )
    return found


def _by_split(folder: Path, walk: Walk, splits: dict[str, Split]) -> Iterator[FoundFile]:
    """Yield the files of each class, split after split."""
    of_class: dict[str, list[tuple[str, Seen]]] = defaultdict(list)
    for name in splits:
        for seen in walk.folders(folder / name):
            of_class[seen.path].append((name, seen))
    for class_name in sorted(of_class):
        for name, seen in of_class[class_name]:
            below = Seen(f"{name}/{seen.path}", seen.reason)
            yield from _of_class(folder, walk, below, class_name, splits[name])


def _of_class(
    folder: Path, walk: Walk, seen: Seen, class_name: str, split: Split | None = None
) -> Iterator[FoundFile]:
    """Yield the files below a class folder; of a link that leads out, the link."""
    if not is_text(seen.path):
        raise DataError(
            "The name of a class folder must be UTF-8.",
            received=ascii(seen.path),
            hint="Rename the folder.",
        )
    if seen.reason:
        yield FoundFile(seen.path, class_name, split=split, reason=seen.reason)
        return
    for file in walk.files(folder / seen.path):
        path = f"{seen.path}/{file.path}"
        yield FoundFile(path, class_name, split=split, reason=file.reason)
