"""Every file of an image folder looked at and measured, before anybody trains on it.

What is known of a file takes 180 bytes beside its path, so that a hundred thousand of them fit
into memory; as rows they are made one at a time.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lungbench.data.decode import ImageFacts, grey_of_bytes
from lungbench.data.file_table import FileTable, IndexedFile
from lungbench.data.index import Index, Progress, checked, examine
from lungbench.data.listing import class_folders
from lungbench.data.pixel_view import pixel_view
from lungbench.data.quality import MEASURES, Quality, quality_of
from lungbench.data.sources import source_at
from lungbench.errors import ExperimentError

_BRIGHTEST = 255


@dataclass(frozen=True, slots=True)
class Brightness:
    """Which images are kept by their mean grey.

    Attributes:
        low: The least, 0 to 255.
        high: The greatest, above `low`.

    Raises:
        ExperimentError: They aren't in this order, or out of range.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= _BRIGHTEST:
            raise ExperimentError(
                "The brightness must be two grey levels, the lower one first.",
                received=f"{self.low:g} {self.high:g}",
                expected=f"levels from 0 to {_BRIGHTEST}, such as the paper's 120 140",
            )

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    def against(self, mean_grey: float) -> str | None:
        """Return the reason against an image of this mean grey; None if there is none."""
        darker, brighter = self.reasons
        if mean_grey < self.low:
            return darker
        return brighter if mean_grey > self.high else None

    @property
    def reasons(self) -> tuple[str, str]:
        """Return the reasons that there can be against an image."""
        return f"darker than {self.low:g}", f"brighter than {self.high:g}"


class InspectedFile(NamedTuple):
    """One file, with all that is known of it.

    Attributes:
        file: Its facts; its reason is also that against its brightness.
        collection: What the source says, else the folder between class and file, such as
            `actualmed`; empty where there is none.
        quality: None where it can't be decoded.
    """

    file: IndexedFile
    collection: str
    quality: Quality | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """An image folder that was looked at; a sequence of `InspectedFile`.

    Attributes:
        source: The folder, or the manifest.
        root: What the files' paths are relative to.
        files: Every file of a class.
        qualities: file x measure, in the order of `MEASURES`; NaN where a file isn't decoded.
        brightness: Which of the images are kept; None keeps all that can be used.
    """

    source: Path
    root: Path
    files: FileTable
    qualities: NDArray[np.float64]
    brightness: Brightness | None = None

    @classmethod
    def of(
        cls, folder: Path, brightness: Brightness | None = None, progress: Progress | None = None
    ) -> Self:
        """Look at every file of a source; nothing is written.

        Args:
            folder: The folder, or a manifest.
            brightness: Which images are kept; None is all.
            progress: Told how many files are done.

        Raises:
            DataError: There is no such source, or fewer than two classes with a readable image.
        """
        source = source_at(folder)
        files = FileTable(source.files)
        qualities = np.full((len(files), len(MEASURES)), np.nan)

        def measured(position: int, content: bytes) -> ImageFacts:
            grey, facts = grey_of_bytes(content)
            qualities[position] = quality_of(pixel_view(grey))
            return facts

        examine(source.root, files, measured, progress)
        checked(Index(source.root, files))
        return cls(folder, source.root, files, qualities, brightness)

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[InspectedFile]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, position: int) -> InspectedFile:
        file = self.files[position]
        quality = Quality(*self.qualities[position].tolist()) if file.facts else None
        if self.brightness and quality and file.kept:
            file = file._replace(reason=self.brightness.against(quality.mean_grey))
        in_split = self.files.split(position) is not None
        return InspectedFile(file, collection_of(file, in_split=in_split), quality)

    @property
    def mean_greys(self) -> NDArray[np.float64]:
        """Mean grey of each file; NaN where it isn't decoded."""
        return self.qualities[:, 0]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Whether each file could be trained on, whatever its brightness."""
        return self.files.kept

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Whether each file is kept."""
        if self.brightness is None:
            return self.usable
        return self.usable & self.within(self.brightness)

    def within(self, brightness: Brightness) -> NDArray[np.bool_]:
        """Return whether each file was decoded and has a mean grey in this range."""
        means = self.mean_greys
        return np.greater_equal(means, brightness.low) & np.less_equal(means, brightness.high)

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes of the images that can be used, sorted."""
        return self.files.classes(self.usable)

    def folders_without(self, used: Container[str]) -> tuple[str, ...]:
        """Return the sub-folders of the source that aren't among those that hold an image."""
        if not self.source.is_dir():
            return ()
        names = (path.name for path in class_folders(self.source))
        return tuple(name for name in names if name not in used)


def collection_of(file: IndexedFile, *, in_split: bool = False) -> str:
    """Return where a file comes from: what its source says, else the first folder that tells.

    Args:
        file: The file.
        in_split: Whether the first folder of its path names a split.
    """
    if file.collection:
        return file.collection
    folders = file.path.split("/")[int(in_split) : -1]
    if file.class_name in folders:
        folders.remove(file.class_name)
    return folders[0] if folders else ""
