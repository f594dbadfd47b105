"""An inspected image folder summed up: by class, by collection, and by brightness."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungbench.data.association import FORMAT, MODE, Association, association_of
from lungbench.data.inspect import Brightness, InspectedFile, Inspection
from lungbench.data.quality import MEASURES, PAPER_BRIGHTNESS
from lungbench.data.separation import Separation, separations
from lungbench.data.unread_manifests import UnreadManifest, unread_manifests

BIN_LEVELS = 5
"""Grey levels in a bar of the histogram; the paper's 120 and 140 lie between bars."""

BINS = 255 // BIN_LEVELS
"""The last bar holds 255 as well."""

MOST_COLLECTIONS = 20
"""More different sub-folders than this are no collections, but patients, say, or days."""

SPREAD_OF = ("width", "height", *MEASURES)

_DIGEST_DIGITS = 16  # of a SHA-256; two of a million files share them by chance in 1 of 10^7
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
class GroupOverview:
    """The images of one class that can be used, or those of them from one collection.

    Attributes:
        name: The class.
        collection: The folder between class and file; None is all of the class.
        images: How many can be used.
        kept: How many of these are within the brightness that was asked for.
        in_papers_range: How many of these are within the paper's brightness.
        copies: How many of these are byte-identical to another one.
        size_bytes: Their files together.
        spreads: Of width and height in pixels and of each measure (`lungbench.data.quality`),
            over the images that can be used.
        modes: Images per pixel layout, the most frequent first.
        formats: Images per file format, likewise.
    """

    name: str
    collection: str | None
    images: int
    kept: int
    in_papers_range: int
    copies: int
    size_bytes: int
    spreads: dict[str, Spread]
    modes: dict[str, int]
    formats: dict[str, int]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many decoded images have which mean grey, in bars of `BIN_LEVELS` levels from 0.

    Attributes:
        name: The class.
        kept: Images in each bar.
        discarded: Likewise, of those that are not kept.
    """

    name: str
    kept: tuple[int, ...]
    discarded: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that can't be used, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Overview:
    """An image folder, summed up.

    Attributes:
        source: The folder.
        images_found: Image files, readable or not.
        images_usable: Those that could be trained on.
        images_kept: Those of them within the brightness that was asked for.
        brightness: The range of mean greys that is kept; None is any.
        classes: Sorted by name.
        collections: The same by class and collection; empty where there are none, or too many.
        histograms: One a class.
        separations: How well each measure alone tells a class from the others, the best first;
            among the images that are kept.
        skipped: All files that can't be used, images or not, by path.
        reasons: Files left out by reason, those against their brightness as well.
        ignored_folders: Sub-folders without an image, which are taken for no class.
        unread_manifests: Tables in the folder that tell more of its images.
        storage: How closely the classes go with the file format and with the colour mode, among
            the images that can be used.
    """

    source: str
    images_found: int
    images_usable: int
    images_kept: int
    brightness: tuple[float, float] | None
    classes: tuple[GroupOverview, ...]
    collections: tuple[GroupOverview, ...]
    histograms: tuple[Histogram, ...]
    separations: tuple[Separation, ...]
    skipped: tuple[SkippedFile, ...]
    reasons: dict[str, int]
    ignored_folders: tuple[str, ...]
    unread_manifests: tuple[UnreadManifest, ...] = ()
    storage: tuple[Association, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the same for `json.dumps`, each group's spreads among its other keys."""
        fields = asdict(self)
        for group in (*fields["classes"], *fields["collections"]):
            group.update(group.pop("spreads"))
        fields["storage"] = [each.model_dump() for each in self.storage]
        return fields


def overview(inspection: Inspection) -> Overview:
    """Sum up an inspection, in one pass over its files."""
    columns = _Columns(inspection)
    brightness, classes = inspection.brightness, columns.classes()
    return Overview(
        source=str(inspection.source),
        images_found=int(inspection.files.images.sum()),
        images_usable=int(columns.usable.sum()),
        images_kept=int(columns.kept.sum()),
        brightness=(brightness.low, brightness.high) if brightness else None,
        classes=classes,
        collections=columns.by_collection(),
        histograms=columns.histograms(),
        separations=columns.separations(),
        skipped=tuple(columns.skipped),
        reasons=dict(columns.reasons.most_common()),
        ignored_folders=inspection.folders_without(columns.folders),
        unread_manifests=unread_manifests(inspection.source),
        storage=(
            _association(FORMAT, classes, [each.formats for each in classes]),
            _association(MODE, classes, [each.modes for each in classes]),
        ),
    )


class _Columns:
    """The columns of an inspection that are counted."""

    def __init__(self, inspection: Inspection) -> None:
        self._files, self._qualities = inspection.files, inspection.qualities
        self._names = inspection.classes
        self.usable, self.kept = inspection.usable, inspection.kept
        self._in_papers_range = inspection.within(Brightness(*PAPER_BRIGHTNESS))
        self._sides = np.zeros((len(inspection), 2))
        self._sizes = np.zeros(len(inspection), dtype=np.int64)
        self._digests = np.zeros(len(inspection), dtype=np.uint64)
        self._modes: list[str] = []
        self._formats: list[str] = []
        self._collections: list[str] = []
        self.skipped: list[SkippedFile] = []
        self.reasons: Counter[str] = Counter()
        self.folders: set[str] = set()
        for position, inspected in enumerate(inspection):
            self._add(position, inspected)

    def _add(self, position: int, inspected: InspectedFile) -> None:
        file, facts = inspected.file, inspected.file.facts
        self._sides[position] = (facts.width, facts.height) if facts else 0
        self._sizes[position] = file.size_bytes or 0
        self._digests[position] = int((file.sha256 or "0")[:_DIGEST_DIGITS], 16)
        self._modes.append(facts.mode if facts else "")
        self._formats.append(facts.format if facts else "")
        self._collections.append(sys.intern(inspected.collection))
        if file.is_image:
            self.folders.add(file.path.split("/")[0])
        if file.reason is not None:
            self.reasons[file.reason] += 1
            if not self.usable[position]:
                self.skipped.append(SkippedFile(file.path, file.reason))

    def _of_class(self, name: str) -> NDArray[np.bool_]:
        return np.equal(self._files.labels, self._files.class_names.index(name))

    def classes(self) -> tuple[GroupOverview, ...]:
        return tuple(
            self._group(name, None, self.usable & self._of_class(name)) for name in self._names
        )

    def by_collection(self) -> tuple[GroupOverview, ...]:
        """Return the classes' collections, if there are any and not too many."""
        names = sorted(set(self._collections))
        if not 1 < len(names) <= MOST_COLLECTIONS:
            return ()
        numbers = {name: number for number, name in enumerate(names)}
        collections = np.array([numbers[name] for name in self._collections])
        groups = (
            (name, collection, self.usable & self._of_class(name) & np.equal(collections, number))
            for name in self._names
            for collection, number in numbers.items()
        )
        return tuple(self._group(*group) for group in groups if group[-1].any())

    def _group(self, name: str, collection: str | None, chosen: NDArray[np.bool_]) -> GroupOverview:
        positions = np.flatnonzero(chosen)
        measured = np.hstack([self._sides[positions], self._qualities[positions]])
        return GroupOverview(
            name=name,
            collection=collection,
            images=len(positions),
            kept=int(self.kept[positions].sum()),
            in_papers_range=int(self._in_papers_range[positions].sum()),
            copies=len(positions) - len(np.unique(self._digests[positions])),
            size_bytes=int(self._sizes[positions].sum()),
            spreads=_spreads(measured),
            modes=_counts(self._modes[position] for position in positions.tolist()),
            formats=_counts(self._formats[position] for position in positions.tolist()),
        )

    def histograms(self) -> tuple[Histogram, ...]:
        decoded = self._files.decoded
        return tuple(
            Histogram(
                name,
                self._bars(of_class & self.kept),
                self._bars(of_class & decoded & ~self.kept),
            )
            for name in self._names
            for of_class in [self._of_class(name)]
        )

    def _bars(self, chosen: NDArray[np.bool_]) -> tuple[int, ...]:
        bars = (self._qualities[chosen, 0] // BIN_LEVELS).astype(np.int64)
        return tuple(np.bincount(np.minimum(bars, BINS - 1), minlength=BINS).tolist())

    def separations(self) -> tuple[Separation, ...]:
        kept, files = self.kept, self._files
        labels = files.labels[kept].astype(np.int64)
        return separations(MEASURES, self._qualities[kept], labels, files.class_names)


def _association(
    name: str, classes: Sequence[GroupOverview], of_class: Sequence[dict[str, int]]
) -> Association:
    kinds = list(dict.fromkeys(kind for counts in of_class for kind in counts))
    rows = [[counts.get(kind, 0) for counts in of_class] for kind in kinds]
    names = [each.name for each in classes]
    return association_of(name, kinds, names, np.array(rows, dtype=np.int64))


def _spreads(measured: NDArray[np.float64]) -> dict[str, Spread]:
    quantiles = np.quantile(measured, _QUANTILES, axis=0).T.tolist()
    return {name: Spread(*each) for name, each in zip(SPREAD_OF, quantiles, strict=True)}


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())
