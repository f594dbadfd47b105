"""The prepared data: pixels once decoded, and which of them train, validate and test.

`data.json` in an execution's folder names both; the training child reads nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from lungbench.errors import DataError
from lungbench.frozen import Frozen
from lungbench.record import DataFacts, Split

DATA_FILE = "data.json"
PIXELS_FILE = "images.npy"
LABELS_FILE = "labels.npy"


class PreparedData(Frozen):
    """What `prepare` made of a source.

    Attributes:
        fingerprint: Hash of the files used, the decoding, the size and the split: equal
            fingerprints mean that the same pixels trained, validated and tested.
        source: `synthetic`, or the folder as given.
        classes: Class names, sorted; their positions are the labels.
        image_size: Height and width of the pixels.
        pixels: Folder with `images.npy` (uint8, image x row x column, grey) and `labels.npy`
            (int64, image).
        rows: Positions in those arrays, per split.
        folder: Where the image files lie; None where that isn't known any more.
        paths: Path of each image relative to that folder, by position.
        images_found: Image files that were looked at.
        images_skipped: Those that could not be used; `data_images.csv` says why.
    """

    fingerprint: str
    source: str
    classes: tuple[str, ...]
    image_size: int
    split_seed: int
    pixels: Path
    folder: Path | None = None
    rows: dict[Split, tuple[int, ...]]
    paths: tuple[str, ...]
    images_found: int
    images_skipped: int

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

    def facts(self) -> DataFacts:
        """Return what a record keeps: the fingerprint and the images per split and class.

        Raises:
            DataError: The pixel cache is gone.
        """
        labels = _stored(self.pixels / LABELS_FILE)
        return DataFacts(
            fingerprint=self.fingerprint,
            source=self.source,
            classes=self.classes,
            counts={split: self._counts(labels[list(rows)]) for split, rows in self.rows.items()},
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
