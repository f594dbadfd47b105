"""What an audit measures of a data set, before anything is said of it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lungbench.data.association import Association, associations
from lungbench.data.dataset import PreparedData
from lungbench.data.image_table import UNKNOWN, ImageTable
from lungbench.data.index import Progress
from lungbench.data.near_duplicates import NO_LINKS, groups_of, stored_links
from lungbench.data.pixel_file import open_pixels
from lungbench.data.sharing import MOST_LISTED, Sharing, sharing
from lungbench.data.shortcut_baselines import ShortcutBaselines, shortcut_baselines
from lungbench.frozen import Frozen
from lungbench.settings import SYNTHETIC


class Contradiction(Frozen):
    """Files of the same bytes under several labels, all of which are left out."""

    paths: tuple[str, ...]
    classes: tuple[str, ...]


class Facts(Frozen):
    """The figures of an audit.

    Attributes:
        images: Those in some split.
        test_images: Those that test.
        trained_test_images: Test images that are trained on as well, as the paper's split has it.
        contradictory_files: Files left out because their bytes stand under several labels.
        contradictions: Which, as far as listed.
        copies: Groups of files with the same bytes.
        near_duplicates: Groups of different files that show the same picture.
        patients: Groups of images of one patient.
        associations: The classes beside collection, file format, colour mode and size.
        shortcuts: Accuracies without anatomy; None where nothing can be tested.
    """

    images: int
    test_images: int
    trained_test_images: int
    contradictory_files: int
    contradictions: tuple[Contradiction, ...]
    copies: Sharing
    near_duplicates: Sharing
    patients: Sharing
    associations: tuple[Association, ...]
    shortcuts: ShortcutBaselines | None


def facts(data: PreparedData, images_csv: Path, progress: Progress | None = None) -> Facts:
    """Measure prepared data.

    Args:
        data: The images and their splits.
        images_csv: The table of all files; where it is missing, less is known.
        progress: Told how many images are done, of how many, once a step.

    Raises:
        DataError: The pixel cache is gone.
    """
    table = ImageTable.read(data, images_csv)
    # Drawn X-rays are of different people, each drawn once.
    drawn = data.source == SYNTHETIC
    found = NO_LINKS if drawn else stored_links(data.pixels, progress)
    with open_pixels(data.pixels) as pixels:
        shortcuts = shortcut_baselines(table, pixels)
    tests = table.splits["test"]
    return Facts(
        images=len(table),
        test_images=int(tests.sum()),
        trained_test_images=int((tests & table.splits["train"]).sum()),
        contradictory_files=sum(len(each.paths) for each in table.contradictions),
        contradictions=tuple(
            Contradiction(paths=each.paths[:MOST_LISTED], classes=each.classes)
            for each in table.contradictions[:MOST_LISTED]
        ),
        copies=sharing(table, table.words["sha256"].numbers),
        near_duplicates=_near_duplicates(table, found, len(data.paths)),
        patients=sharing(table, _patients(table)),
        associations=associations(table),
        shortcuts=shortcuts,
    )


def _patients(table: ImageTable) -> NDArray[np.int64]:
    """Number the patients; two collections may count theirs from 1."""
    patients, collections = table.words["patient"], table.words["collection"]
    numbers = patients.numbers * (len(collections.names) + 1) + collections.numbers + 1
    return np.where(patients.known, numbers, UNKNOWN)


def _near_duplicates(table: ImageTable, found: NDArray[np.int64], images: int) -> Sharing:
    """Count the groups of one picture in files of different content; copies are counted apart."""
    contents = table.words["sha256"]
    own = np.where(contents.known, contents.numbers, len(contents.names) + np.arange(len(table)))
    groups = groups_of(found, images)[table.positions]
    several = _several_contents(groups, own)
    places = np.full(images, -1)
    places[table.positions] = np.arange(len(table))
    pairs = np.column_stack([places[found[:, 0]], places[found[:, 1]], found[:, 2]])
    pairs = pairs[(pairs[:, :2] >= 0).all(axis=1)]
    different = own[pairs[:, 0]] != own[pairs[:, 1]]
    return sharing(
        table, np.where(several, groups, images + np.arange(len(table))), pairs[different]
    )


def _several_contents(groups: NDArray[np.int64], contents: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each image whether its group holds different contents."""
    of_contents = np.unique(np.column_stack([groups, contents]), axis=0)[:, 0]
    names, counts = np.unique(of_contents, return_counts=True)
    return counts[np.searchsorted(names, groups)] > 1
