"""The prepared data: pixels once decoded, and which of them train, validate and test.

`data.json` in an execution's folder names both; the training child reads nothing else.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from lungbench.data.json_pieces import json_list
from lungbench.data.packed import Paths, Rows
from lungbench.errors import DataError
from lungbench.files import replacing
from lungbench.frozen import Frozen
from lungbench.record import DataFacts, Split
from lungbench.settings import SplitName

DATA_FILE = "data.json"
PIXELS_FILE = "images.npy"
LABELS_FILE = "labels.npy"

_LONG = {"rows", "folds", "paths"}


class PreparedData(Frozen):
    """What `prepare` made of a source.

    Attributes:
        fingerprint: Hash of the files used, the decoding, the size and the split: equal
            fingerprints mean that the same pixels trained, validated and tested.
        source: `synthetic`, or the path as given, or the folder that several have in common.
        classes: Class names, sorted; their positions are the labels.
        image_size: Height and width of the pixels.
        split: How the images were split.
        pixels: Folder with `images.npy` (uint8, image x row x column, grey) and `labels.npy`
            (int64, image).
        rows: Positions in those arrays, per split; of a cross-validation, those of its first
            fold. See `of_fold`.
        folds: The same of each fold of a cross-validation.
        folder: Where the image files lie; None where that isn't known any more.
        paths: Path of each image relative to that folder, by position.
        class_sizes: How many of the images are of each class; they stand in the order of the
            classes. None where only `labels.npy` tells.
        collections: Images used from each collection, by class; none where there is one only.
        leaked: Test images that were also trained on.
        grouped: Images used that share a patient, or what they show, with another one.
        remark: What else must be known of the split.
        images_found: Image files that were looked at.
        images_skipped: Those that could not be used; `data_images.csv` says why.
        images_left_out: Those that could be, and were not asked for.
    """

    fingerprint: str
    source: str
    classes: tuple[str, ...]
    image_size: int
    split: SplitName = "strict"
    split_seed: int
    pixels: Path
    folder: Path | None = None
    rows: dict[Split, Rows]
    folds: tuple[dict[Split, Rows], ...] = ()
    paths: Paths
    class_sizes: tuple[int, ...] | None = None
    collections: dict[str, dict[str, int]] = Field(default_factory=dict)
    leaked: int = 0
    grouped: int = 0
    remark: str | None = None
    images_found: int
    images_skipped: int
    images_left_out: int = 0

    @classmethod
    def read(cls, path: Path) -> "PreparedData":
        """Read a `data.json`.

        Raises:
            DataError: It can't be read or isn't one.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise DataError(
                "Prepared data must be readable.", received=f"{path}: {error}"
            ) from None

    def write(self, path: Path) -> None:
        """Write a `data.json`, whole or not at all, without putting it together in memory.

        Raises:
            OSError: It can't be written, or the disk is full.
        """
        with replacing(path) as file:
            for piece in self._json():
                file.write(piece.encode())

    def _json(self) -> Iterator[str]:
        short = self.model_dump(mode="json", exclude=_LONG)
        yield json.dumps(short, indent=1).removesuffix("\n}")
        yield ',\n "rows": '
        yield from _rows_json(self.rows)
        yield ',\n "folds": ['
        for number, fold in enumerate(self.folds):
            yield ",\n  " if number else "\n  "
            yield from _rows_json(fold)
        yield '],\n "paths": '
        yield from json_list(self.paths)
        yield "\n}\n"

    def of_fold(self, fold: int | None) -> "PreparedData":
        """Return the data of one fold of a cross-validation, or all of it without one.

        Args:
            fold: From 1; None without cross-validation.

        Raises:
            DataError: There is no such fold.
        """
        if fold is None and not self.folds:
            return self
        if fold is None or not 1 <= fold <= len(self.folds):
            raise DataError(
                "A run of a cross-validation trains on one of the folds that were prepared.",
                received=f"fold {fold} of {len(self.folds)}",
                hint="Begin anew with `lungbench run`.",
            )
        return self.model_copy(update={"rows": self.folds[fold - 1], "folds": ()})

    def labels(self) -> NDArray[np.int64]:
        """Return the label of each image, by position.

        Raises:
            DataError: Only the pixel cache tells, and it is gone.
        """
        if self.class_sizes is None:
            return _stored(self.pixels / LABELS_FILE)
        return np.repeat(np.arange(len(self.class_sizes)), self.class_sizes)

    def facts(self) -> DataFacts:
        """Return what a record keeps: the fingerprint and the images per split and class.

        Raises:
            DataError: See `labels`.
        """
        labels = self.labels()
        return DataFacts(
            fingerprint=self.fingerprint,
            source=self.source,
            classes=self.classes,
            counts={
                split: self._counts(labels[np.asarray(rows, dtype=np.int64)])
                for split, rows in self.rows.items()
            },
            leaked=self.leaked,
        )

    def _counts(self, labels: NDArray[Any]) -> dict[str, int]:
        return {name: int((labels == label).sum()) for label, name in enumerate(self.classes)}


@dataclass(frozen=True, slots=True)
class ImageSet:
    """The images of one split, mapped into memory and read when a batch needs them.

    Attributes:
        pixels: uint8, image x row x column, of all splits.
        labels: int64, image, of all splits.
        rows: The positions of this split's images.
        classes: Number of classes.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    classes: int

    @classmethod
    def open(cls, data: PreparedData, split: Split) -> "ImageSet":
        """Map one split of the prepared data into memory.

        Raises:
            DataError: The pixel cache is gone.
        """
        return cls(
            pixels=_stored(data.pixels / PIXELS_FILE, mapped=True),
            labels=_stored(data.pixels / LABELS_FILE),
            rows=np.asarray(data.rows[split], dtype=np.int64),
            classes=len(data.classes),
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.pixels.shape[1])

    def batch(self, order: Sequence[int] | NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the images at these positions of the split, and their one-hot labels.

        Returns:
            uint8 pixels, image x row x column, and float32 labels, image x class.
        """
        rows = self.rows[order]
        one_hot = np.eye(self.classes, dtype=np.float32)[self.labels[rows]]
        return self.pixels[rows], one_hot


def _rows_json(rows: dict[Split, Rows]) -> Iterator[str]:
    for number, (split, of_split) in enumerate(rows.items()):
        yield f'{", " if number else "{"}"{split}": '
        yield from json_list(of_split)
    yield "}" if rows else "{}"


def _stored(path: Path, *, mapped: bool = False) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            "Prepared pixels must stay in the cache while runs need them.",
            received=f"{path} ({error})",
            hint="Prepare the data again.",
        ) from None
    return array
