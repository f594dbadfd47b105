"""What an image folder holds, summed up before anybody trains on it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lungbench.data.file_table import IndexedFile
from lungbench.data.index import Index, Progress, index
from lungbench.data.listing import class_folders

_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, first quartile, median, third quartile and largest of some values."""

    minimum: float
    quartile_1: float
    median: float
    quartile_3: float
    maximum: float


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """The images of one class that can be used.

    Attributes:
        images: How many.
        copies: How many of these are byte-identical to another one.
        size_bytes: Their files together.
        width: In pixels.
        height: In pixels.
        mean_grey: Means of the images, 0 to 255. The paper keeps 120 to 140 (section III.B).
        modes: Images per pixel layout, the most frequent first.
        formats: Images per file format, likewise.
    """

    name: str
    images: int
    copies: int
    size_bytes: int
    width: Spread
    height: Spread
    mean_grey: Spread
    modes: dict[str, int]
    formats: dict[str, int]


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that can't be used, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """An image folder, summed up.

    Attributes:
        source: The folder.
        images_found: Image files, readable or not.
        images_kept: Those that can be used.
        classes: Sorted by name.
        skipped: All files that can't be used, images or not, by path.
        ignored_folders: Sub-folders without an image, which are taken for no class.
    """

    source: str
    images_found: int
    images_kept: int
    classes: tuple[ClassSummary, ...]
    skipped: tuple[SkippedFile, ...]
    ignored_folders: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the same as dictionaries, lists, strings and numbers."""
        fields = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in fields.items()}


def inspect(folder: Path, progress: Progress | None = None) -> Inspection:
    """Look at every file of an image folder; nothing is written.

    Raises:
        DataError: There is no such folder, or fewer than two classes with a readable image.
    """
    return summary(index(folder, progress))


def summary(found: Index) -> Inspection:
    """Sum up an index."""
    return Inspection(
        source=str(found.source),
        images_found=found.images_found,
        images_kept=len(found.kept),
        classes=tuple(
            _class_summary(name, [file for file in found.kept if file.class_name == name])
            for name in found.classes
        ),
        skipped=tuple(
            SkippedFile(file.path, file.reason) for file in found.files if file.reason is not None
        ),
        ignored_folders=tuple(
            path.name for path in class_folders(found.source) if path.name not in found.classes
        ),
    )


def _class_summary(name: str, files: Sequence[IndexedFile]) -> ClassSummary:
    facts = [file.facts for file in files if file.facts]
    return ClassSummary(
        name=name,
        images=len(files),
        copies=len(files) - len({file.sha256 for file in files}),
        size_bytes=sum(file.size_bytes or 0 for file in files),
        width=_spread([fact.width for fact in facts]),
        height=_spread([fact.height for fact in facts]),
        mean_grey=_spread([fact.mean_grey for fact in facts]),
        modes=_counts(fact.mode for fact in facts),
        formats=_counts(fact.format for fact in facts),
    )


def _spread(values: Sequence[float]) -> Spread:
    minimum, quartile_1, median, quartile_3, maximum = np.quantile(values, _QUANTILES).tolist()
    return Spread(minimum, quartile_1, median, quartile_3, maximum)


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())
