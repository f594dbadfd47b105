"""Images of several collections: the folders of each class, as `[data.classes]` names them.

Public collections come like this: COVID here, tuberculosis there, and each has healthy lungs. A
folder's last part may be a pattern of file names, for collections that keep all images in one
folder and say the class in the name, as `CXR_png/*_1.png`.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path

from lungbench.data.listing import FoundFile, check_classes, unreadable
from lungbench.data.walk import Walk
from lungbench.errors import DataError

_EXPECTED = "a folder of images, or a pattern of the files in one, such as CXR_png/*_1.png"


@dataclass(frozen=True, slots=True)
class Place:
    """Where some images of a class lie.

    Attributes:
        folder: Absolute.
        pattern: What the names of the files must match; None takes all.
    """

    folder: Path
    pattern: str | None = None

    def takes(self, path: str) -> bool:
        """Return whether a file below the folder is meant."""
        return self.pattern is None or fnmatchcase(path.rpartition("/")[2], self.pattern)

    def __str__(self) -> str:
        return str(self.folder / self.pattern if self.pattern else self.folder)


def root_of(classes: Mapping[str, Sequence[str]]) -> Path:
    """Return the folder that all folders of a mapping have in common, there or not."""
    return _root(_places(classes))


def place_of(text: str) -> Place:
    """Return where an entry of a mapping looks, whether there is such a folder or not."""
    path = Path(text).expanduser().absolute()
    is_pattern = any(character in path.name for character in "*?[") and not path.exists()
    return Place(path.parent, path.name) if is_pattern else Place(path)


def mapped_files(classes: Mapping[str, Sequence[str]]) -> Iterator[FoundFile]:
    """Yield every file of a mapping, by class, folder by folder.

    Args:
        classes: The folders of each class.

    Raises:
        DataError: A folder can't be read, holds no file, or is named twice.
    """
    places = _places(classes)
    everywhere = [place for of_class in places.values() for place in of_class]
    _check_apart(everywhere)
    root, walk = _root(places), Walk(place.folder for place in everywhere)
    taken: set[str] | None = set() if _overlap(everywhere) else None
    for class_name in sorted(places):
        for place in places[class_name]:
            yield from _files_of(place, class_name, root, walk, taken)
    check_classes(root, places, expected="folders of two classes or more in data.classes")


def _places(classes: Mapping[str, Sequence[str]]) -> dict[str, list[Place]]:
    return {name: [place_of(text) for text in texts] for name, texts in classes.items()}


def _root(places: Mapping[str, Sequence[Place]]) -> Path:
    return Path(os.path.commonpath([each.folder for some in places.values() for each in some]))


def _check_apart(places: Sequence[Place]) -> None:
    for one, other in combinations(places, 2):
        whole = one.pattern is None and other.pattern is None
        if (whole and _is_inside(one, other)) or one == other:
            raise DataError(
                "The folders of data.classes must lie apart.",
                received=f"{one} and {other}",
                hint="Name each folder once; leave out one that lies in another.",
            )


def _overlap(places: Sequence[Place]) -> bool:
    """Return whether a file could be found twice: where patterns look into one folder."""
    return any(_is_inside(one, other) for one, other in combinations(places, 2))


def _is_inside(one: Place, other: Place) -> bool:
    here, there = (Path(os.path.realpath(each.folder)) for each in (one, other))
    return here.is_relative_to(there) or there.is_relative_to(here)


def _files_of(
    place: Place, class_name: str, root: Path, walk: Walk, taken: set[str] | None
) -> Iterator[FoundFile]:
    below = place.folder.relative_to(root).as_posix()
    prefix = "" if below == "." else f"{below}/"
    collection = place.folder.name if below == "." else below
    found = False
    try:
        for seen in walk.files(place.folder):
            if not place.takes(seen.path):
                continue
            found, path = True, prefix + seen.path
            _check_new(path, class_name, taken)
            yield FoundFile(path, class_name, collection=collection, reason=seen.reason)
    except OSError as error:
        raise unreadable(place.folder, error) from None
    if not found:
        raise DataError(
            "Each entry of data.classes must hold images.",
            received=f"{place} of {class_name}, without a file",
            expected=_EXPECTED,
        )


def _check_new(path: str, class_name: str, taken: set[str] | None) -> None:
    if taken is None:
        return
    if path in taken:
        raise DataError(
            "The entries of data.classes must name different files.",
            received=f"{path}, found a second time for {class_name}",
            hint="Make the patterns exclude each other.",
        )
    taken.add(path)
