"""Which images must stay together in a split: those of one patient, and near-duplicates.

A network that has seen a patient's first X-ray knows the second by its ribs. So images are one
group that share their bytes, their patient (within a collection, since two may count from 1) or
what they show; and what is linked to one another by such images, however many, is one group, too.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungbench.data.file_table import FileTable
from lungbench.data.index import Progress

ALONE = -1


def groups_of(
    files: FileTable, chosen: NDArray[np.integer[Any]], alike: NDArray[np.integer[Any]] | None
) -> NDArray[np.int32]:
    """Return the group of each chosen image.

    Args:
        files: Where they were found.
        chosen: Their positions, by class and SHA-256.
        alike: Which of them show the same, by a number; None where nobody looked.

    Returns:
        The position among the chosen of the first image of each one's group.
    """
    links = (_copies(files, chosen), _patients(files, chosen), alike)
    return connected(len(chosen), [kind for kind in links if kind is not None])


def connected(count: int, links: Iterable[NDArray[np.integer[Any]]]) -> NDArray[np.int32]:
    """Return the first of those that each is linked to, over any number of links.

    Args:
        count: How many there are.
        links: Of each kind of link, a number for each of them; equal ones are linked, but for
            `ALONE`.
    """
    first, changed, kinds = np.arange(count, dtype=np.int32), count > 0, list(links)
    while changed:
        changed = False
        for kind in kinds:
            least = np.full(int(kind.max()) + 2, count, dtype=np.int32)
            np.minimum.at(least, kind, first)
            joined = least[kind]
            np.copyto(joined, first, where=np.equal(kind, ALONE))
            changed |= not np.array_equal(joined, first)
            first = joined[joined]
    return first


def alike_in(folder: Path, images: int, progress: Progress | None = None) -> NDArray[np.int64]:
    """Return the near-duplicates among the images of a cache folder, searched for once.

    Args:
        folder: Holds the pixels.
        images: How many.
        progress: Told how many are looked at, once a step.

    Returns:
        A number for each image; those that show the same have the same one.
    """
    from lungbench.data import near_duplicates

    return near_duplicates.groups_of(near_duplicates.stored_links(folder, progress), images)


def _copies(files: FileTable, chosen: NDArray[np.integer[Any]]) -> NDArray[np.int32] | None:
    """Number the contents of images that stand by class and SHA-256; None where all differ."""
    before, number, numbers = "", -1, np.empty(len(chosen), dtype=np.int32)
    for place, position in enumerate(chosen.data):
        digest = files.sha256(position)
        number += digest != before
        before, numbers[place] = digest, number
    return numbers if number + 1 < len(chosen) else None


def _patients(files: FileTable, chosen: NDArray[np.integer[Any]]) -> NDArray[np.int64] | None:
    """Number the patients, apart in each collection; None where nobody is known."""
    patients = files.patients.numbers(len(files))[chosen].astype(np.int64)
    if not patients.any():
        return None
    collections = files.collections.numbers(len(files))[chosen]
    pairs = np.stack([collections, patients], axis=1)
    _, numbers = np.unique(pairs, axis=0, return_inverse=True)
    return np.where(patients > 0, numbers.reshape(-1), ALONE)
