"""`data_images.csv` read back: what is known of each image that is used, in columns."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from lungbench.data.dataset import PreparedData
from lungbench.record import Split

UNKNOWN = -1
SPLITS: tuple[Split, ...] = get_args(Split)

_NUMBERS = ("bytes", "width", "height")
_WORDS = ("sha256", "patient", "collection", "mode", "format")


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A column of words of which most are alike.

    Attributes:
        numbers: Which of the names each image has; `UNKNOWN` where it isn't known.
        names: Each once.
    """

    numbers: NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def of(cls, words: Sequence[str]) -> "Words":
        """Number the words of a column; an empty one is unknown."""
        names = sorted(set(words) - {""})
        places = {name: number for number, name in enumerate(names)}
        numbers = (places.get(word, UNKNOWN) for word in words)
        return cls(np.fromiter(numbers, np.int64, len(words)), tuple(names))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether each image has one."""
        return np.not_equal(self.numbers, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Files of the same bytes under several labels, all of which are left out.

    Attributes:
        paths: One or more of each class.
        classes: Theirs.
    """

    paths: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ImageTable:
    """The images in some split, a row each, in the order of the pixel cache.

    Attributes:
        positions: Of each in the pixel cache.
        all_paths: Of every image in the pixel cache, as the prepared data has them.
        classes: Names of the classes.
        labels: Which of these each has.
        folds: Whether each is in a split, which may be several; once a fold of a
            cross-validation, and once without one.
        words: The columns `sha256`, `patient`, `collection`, `mode` and `format`.
        numbers: The columns `bytes`, `width` and `height`; not a number where it isn't known.
        contradictions: What the files that are left out show.
    """

    positions: NDArray[np.int64]
    all_paths: Sequence[str]
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    folds: tuple[Mapping[Split, NDArray[np.bool_]], ...]
    words: Mapping[str, Words]
    numbers: Mapping[str, NDArray[np.float64]]
    contradictions: tuple[Contradiction, ...]

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def splits(self) -> Mapping[Split, NDArray[np.bool_]]:
        """The only fold's, or the first's."""
        return self.folds[0]

    def path(self, place: int) -> str:
        """Return the path of an image."""
        return self.all_paths[int(self.positions[place])]

    @classmethod
    def read(cls, data: PreparedData, images_csv: Path) -> "ImageTable":
        """Join the prepared data with the table beside it; without one, less is known.

        Raises:
            DataError: The pixel cache is gone.
        """
        folds = data.folds or (data.rows,)
        used = [np.asarray(rows, dtype=np.int64) for fold in folds for rows in fold.values()]
        positions = np.unique(np.concatenate(used))
        columns, contradictions = _columns(images_csv, data.paths, positions)
        return cls(
            positions=positions,
            all_paths=data.paths,
            classes=data.classes,
            labels=data.labels()[positions],
            folds=tuple(_within(positions, fold) for fold in folds),
            words={name: Words.of(columns[name]) for name in _WORDS},
            numbers={name: _as_numbers(columns[name]) for name in _NUMBERS},
            contradictions=contradictions,
        )


def _within(
    positions: NDArray[np.int64], rows: Mapping[Split, Sequence[int]]
) -> dict[Split, NDArray[np.bool_]]:
    return {
        name: np.isin(positions, np.asarray(rows.get(name, ()), dtype=np.int64)) for name in SPLITS
    }


def _columns(
    images_csv: Path, paths: Sequence[str], positions: NDArray[np.int64]
) -> tuple[dict[str, list[str]], tuple[Contradiction, ...]]:
    """Read the columns of these images, and of all others what stands in several classes."""
    columns = {name: [""] * len(positions) for name in (*_WORDS, *_NUMBERS)}
    places = {paths[position]: place for place, position in enumerate(positions.data)}
    by_content: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in _rows(images_csv):
        path = row.get("path") or ""
        place = places.get(path, places.get(path.removeprefix("'")))
        if place is not None:
            for name, column in columns.items():
                column[place] = row.get(name) or ""
        elif row.get("sha256") and row.get("class"):
            by_content[row["sha256"] or ""].append((path, row["class"] or ""))
    return columns, _contradictions(by_content)


def _rows(images_csv: Path) -> Iterator[dict[str, str | None]]:
    try:
        with images_csv.open(newline="", encoding="utf-8", errors="replace") as file:
            yield from csv.DictReader(file)
    except (OSError, csv.Error):
        return  # what it would have told is unknown


def _contradictions(
    by_content: Mapping[str, Sequence[tuple[str, str]]],
) -> tuple[Contradiction, ...]:
    found = (
        Contradiction(tuple(path for path, _ in files), tuple(sorted({name for _, name in files})))
        for files in by_content.values()
    )
    return tuple(each for each in found if len(each.classes) > 1)


def _as_numbers(words: Sequence[str]) -> NDArray[np.float64]:
    return np.fromiter((_as_number(word) for word in words), np.float64, len(words))


def _as_number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan
