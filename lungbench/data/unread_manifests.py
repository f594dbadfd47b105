"""Manifests that lie in an image folder and are not read, because the folder was named."""

import csv
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lungbench.data.manifest import COLUMNS, NEEDED, SUFFIXES
from lungbench.data.manifest_text import delimiter_of, plain_name

_MOST = 3
_LONGEST_HEADER = 65_536  # characters; a table without any line end need not be read whole


@dataclass(frozen=True, slots=True)
class UnreadManifest:
    """A table that names images and their classes, and what else it tells of them.

    Attributes:
        name: Of its file.
        tells: Which of patient, split, view and collection it has a column for.
    """

    name: str
    tells: tuple[str, ...]


def unread_manifests(folder: Path) -> tuple[UnreadManifest, ...]:
    """Return the first manifests in a folder, told by their header lines; none where it is none."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError:
        return ()
    columns = ((path.name, _columns(path)) for path in paths if path.is_file())
    found = (
        UnreadManifest(name, tuple(each for each in has if each not in NEEDED))
        for name, has in columns
        if set(NEEDED) <= set(has)
    )
    return tuple(islice(found, _MOST))


def _columns(path: Path) -> tuple[str, ...]:
    """Return the columns of a manifest that a table's header has; none where it can't be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            header = text.readline(_LONGEST_HEADER)
        names = next(csv.reader([header], delimiter=delimiter_of(path, header)), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return ()
    plain = set(map(plain_name, names))
    return tuple(column for column, aliases in COLUMNS.items() if plain.intersection(aliases))
