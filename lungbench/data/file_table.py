"""What is known of every file of a source.

As objects it would take 2,000 bytes a file: a hundred thousand files would then need several
times the memory of everything else that prepares them. Here it is 7 beside the path, and 72 in a
file on disk, or in memory as well.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lungbench.data.decode import ImageFacts, NotAnImage, UnreadableImage
from lungbench.data.listing import FoundFile
from lungbench.data.packed import Paths
from lungbench.data.records import Records
from lungbench.data.repeated import Repeated
from lungbench.record import Split

NOT_AN_IMAGE = "not an image file"
MEAN_GREY = "{mean_grey}"
"""Stands in the reason of many files for the mean grey of each."""

Outcome = ImageFacts | UnreadableImage
"""What came of decoding a file."""

Stamp = tuple[int, int, int]
"""A file's size in bytes, and its modification and change times in nanoseconds."""

IMAGE_SUFFIXES = frozenset(
    (".bmp", ".dcm", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
# Two kinds of records, as numpy and as `struct` have them.
_CONTENT = np.dtype([("sha256", "S32"), ("stamp", "<i8", 3)])
_CONTENT_PACKING = "<32s3q"
_FACTS = np.dtype([("width", "<u4"), ("height", "<u4"), ("mean_grey", "<f8")])
_FACTS_PACKING = "<IId"


class IndexedFile(NamedTuple):
    """One file of a source.

    Attributes:
        path: Relative to the source, with forward slashes.
        class_name: Its class.
        sha256: Of its bytes, in hexadecimal; None where they can't be read.
        size_bytes: Likewise.
        facts: What the image is; None where it can't be decoded.
        reason: Why it is left out; None where it is kept.
        collection: The data set that it comes from; None where nothing tells.
        patient: Likewise, whose it is.
        view: Likewise, how it was taken.
    """

    path: str
    class_name: str
    sha256: str | None
    size_bytes: int | None
    facts: ImageFacts | None = None
    reason: str | None = None
    collection: str | None = None
    patient: str | None = None
    view: str | None = None

    @property
    def kept(self) -> bool:
        """Whether it can be trained on."""
        return self.reason is None

    @property
    def is_image(self) -> bool:
        """Whether it is, by content or by name, an image, readable or not."""
        return self.reason != NOT_AN_IMAGE


@dataclass(frozen=True, slots=True)
class Content:
    """What one file held when it was read.

    Attributes:
        sha256: Of its bytes.
        stamp: The file's state when it was opened.
    """

    sha256: bytes
    stamp: Stamp


class FileTable:
    """All files of a source; a sequence of `IndexedFile`.

    Args:
        found: The files, of which nothing else is known yet.
        folder: Where a temporary file has room for what is known of them; None keeps it in memory.

    Attributes:
        paths: Of each file, as the system spells it.
        class_names: Sorted.
        labels: Position of each file's class in these.
        read: Whether what each file holds is known.
        patients: Of each file that a manifest has one for.
        collections: Likewise.

    Raises:
        OSError: The temporary file can't be made.
    """

    def __init__(self, found: Iterable[FoundFile], folder: Path | None = None) -> None:
        self.paths = Paths()
        self.patients: Repeated[str] = Repeated()
        self.collections: Repeated[str] = Repeated()
        self._views: Repeated[str] = Repeated()
        self._splits: Repeated[Split] = Repeated()
        self._failures: Repeated[_Failure] = Repeated()
        self._refused: set[int] = set()
        self.class_names, self.labels = self._listed(found)
        files = len(self.paths)
        self._kinds: Repeated[tuple[str, str]] = Repeated(files)
        self.read = np.zeros(files, dtype=bool)
        self._contents = Records(_CONTENT, _CONTENT_PACKING, files, folder)
        self._facts = Records(_FACTS, _FACTS_PACKING, files, folder)

    def _listed(self, found: Iterable[FoundFile]) -> tuple[tuple[str, ...], NDArray[np.uint16]]:
        """Write down where each file was found; return the classes, and which each is of."""
        numbers: dict[str, int] = {}
        labels = array("H")
        for position, file in enumerate(found):
            self.paths.append(file.path)
            labels.append(numbers.setdefault(file.class_name, len(numbers)))
            self.patients.set(position, file.patient)
            self.collections.set(position, file.collection)
            self._views.set(position, file.view)
            self._splits.set(position, file.split)
            if file.reason:
                self._failures.set(position, _Failure(file.reason))
                self._refused.add(position)
        names = sorted(numbers)
        sorted_numbers = np.array([names.index(name) for name in numbers], dtype=np.uint16)
        return tuple(names), sorted_numbers[np.frombuffer(labels, np.uint16)]

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[IndexedFile]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, position: int) -> IndexedFile:
        content = self.content(position)
        return IndexedFile(
            path=self.paths[position].encode(errors="backslashreplace").decode(),
            class_name=self.class_name(position),
            sha256=content.sha256.hex() if content else None,
            size_bytes=content.stamp[0] if content else None,
            facts=self._facts_of(position),
            reason=self._reason(position),
            collection=self.collections[position],
            patient=self.patients[position],
            view=self._views[position],
        )

    def class_name(self, position: int) -> str:
        """Return the class of a file."""
        return self.class_names[int(self.labels[position])]

    def split(self, position: int) -> Split | None:
        """Return the split that the source has a file in; None where it says none."""
        return self._splits[position]

    def content(self, position: int) -> Content | None:
        """Return what a file held; None where it was not read."""
        if not self.read[position]:
            return None
        sha256, *stamp = self._contents[position]
        return Content(sha256, (stamp[0], stamp[1], stamp[2]))

    def sha256(self, position: int) -> str:
        """Return the SHA-256 of a file that was read, in hexadecimal.

        Raises:
            LookupError: It was not.
        """
        if content := self.content(position):
            return content.sha256.hex()
        raise LookupError(self.paths[position])

    def outcome(self, position: int) -> Outcome:
        """Return what came of decoding a file that was read, whatever its name and class.

        Raises:
            LookupError: It was not decoded yet.
        """
        if facts := self._facts_of(position):
            return facts
        if failure := self._failures[position]:
            return failure.as_error()
        raise LookupError(self.paths[position])

    def refusal(self, position: int) -> UnreadableImage | None:
        """Return why a file may not be opened; None where it may."""
        failure = self._failures[position] if position in self._refused else None
        return failure.as_error() if failure else None

    @property
    def decoded(self) -> NDArray[np.bool_]:
        """Whether each file could be decoded."""
        return np.not_equal(self._kinds.numbers(len(self)), 0)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Whether each file can be trained on."""
        return np.equal(self._failures.numbers(len(self)), 0)

    @property
    def images(self) -> NDArray[np.bool_]:
        """Whether each file is, by content or by name, an image, readable or not."""
        images = self.kept
        for position in np.flatnonzero(~images).tolist():
            images[position] = self._reason(position) != NOT_AN_IMAGE
        return images

    @property
    def unusable(self) -> NDArray[np.bool_]:
        """Whether each file is an image with a fault; those left out by choice have none."""
        faulty = self.images & ~self.kept
        for position in np.flatnonzero(faulty).tolist():
            failure = self._failures[position]
            faulty[position] = failure is not None and not failure.by_choice
        return faulty

    @property
    def mean_greys(self) -> NDArray[np.float64]:
        """Mean grey of each file that was decoded, 0 to 255; 0 of the others."""
        return np.concatenate([each["mean_grey"] for each in self._facts.pieces()] or [np.zeros(0)])

    def classes(self, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
        """Return the classes of the chosen files, sorted."""
        counts = np.bincount(self.labels[chosen], minlength=len(self.class_names))
        return tuple(self.class_names[label] for label in np.flatnonzero(counts))

    def row_order(self) -> NDArray[np.int32]:
        """Return the positions of the files that were read, by class and SHA-256."""
        order, done = np.empty(int(self.read.sum()), dtype=np.int32), 0
        starts = self._digest_starts()
        for label in range(len(self.class_names)):
            members = np.flatnonzero(self.read & np.equal(self.labels, label))
            members = members[np.argsort(starts[members], kind="stable")]
            for run in _runs(np.equal(*_neighbours(starts[members]))):
                members[run] = sorted(members[run].tolist(), key=lambda at: (self.sha256(at), at))
            order[done : done + len(members)] = members
            done += len(members)
        return order

    def enter(self, position: int, content: Content | None, outcome: Outcome | None) -> None:
        """Write down what was found out about a file, in place of what was known before.

        Raises:
            OSError: The disk is full.
        """
        self.read[position] = content is not None
        if content:
            self._contents[position] = (content.sha256, *content.stamp)
        self.enter_outcome(position, outcome)

    def enter_outcome(self, position: int, outcome: Outcome | None) -> None:
        """Write down what came of decoding a file; None where it was not decoded yet."""
        facts = outcome if isinstance(outcome, ImageFacts) else None
        error = outcome if isinstance(outcome, UnreadableImage) else None
        self._kinds.set(position, (facts.mode, facts.format) if facts else None)
        if facts:
            self._facts[position] = (facts.width, facts.height, facts.mean_grey)
        self._failures.set(position, _Failure.of(error) if error else None)

    def leave_out(self, positions: NDArray[np.integer[Any]], reason: str) -> None:
        """Leave out some files by choice.

        Args:
            positions: Which.
            reason: Why; `{mean_grey}` in it becomes each file's own.
        """
        for position in positions.tolist():
            self._failures.set(position, _Failure(reason, by_choice=True))

    def leave_out_contradictions(self) -> None:
        """Leave out the files whose bytes stand in more than one class."""
        for positions in self._contradictory():
            names = {self.class_name(position) for position in positions}
            for position in positions:
                others = ", ".join(sorted(names - {self.class_name(position)}))
                self._failures.set(position, _Failure(f"the same image stands in {others}"))

    def _contradictory(self) -> list[list[int]]:
        """Return the positions of each content that was decoded and stands in several classes."""
        starts, decoded, found = self._digest_starts(), self.decoded, []
        order = np.argsort(starts).astype(np.int32)
        for run in _runs(np.equal(*_neighbours(starts[order]))):
            copies: dict[str, list[int]] = {}
            for position in sorted(order[run].tolist()):
                if decoded[position]:
                    copies.setdefault(self.sha256(position), []).append(position)
            found += [each for each in copies.values() if len(set(self.labels[each].tolist())) > 1]
        return found

    def _digest_starts(self) -> NDArray[np.uint64]:
        """Return the first 8 bytes of each digest, which are in the order of the whole."""
        starts = np.zeros(len(self), dtype=np.uint64)
        done = 0
        for piece in self._contents.pieces():
            starts[done : done + len(piece)] = piece["sha256"].astype("S8").view(">u8")
            done += len(piece)
        return starts

    def _facts_of(self, position: int) -> ImageFacts | None:
        kind = self._kinds[position]
        if kind is None:
            return None
        width, height, mean_grey = self._facts[position]
        return ImageFacts(width, height, *kind, mean_grey)

    def _reason(self, position: int) -> str | None:
        failure = self._failures[position]
        if failure is None:
            return None
        if failure.by_choice:
            facts = self._facts_of(position)
            grey = f"{facts.mean_grey:.1f}" if facts else ""
            return failure.reason.replace(MEAN_GREY, grey)
        named_so = PurePosixPath(self.paths[position]).suffix.lower() in IMAGE_SUFFIXES
        return failure.reason if failure.recognised or named_so else NOT_AN_IMAGE


class _Failure(NamedTuple):
    """Why a file is left out.

    Attributes:
        reason: In a few words.
        recognised: Whether its content is an image format that is read here.
        by_choice: Whether it could be used.
    """

    reason: str
    recognised: bool = True
    by_choice: bool = False

    @classmethod
    def of(cls, error: UnreadableImage) -> Self:
        """Return what is kept of an error."""
        return cls(error.reason, recognised=not isinstance(error, NotAnImage))

    def as_error(self) -> UnreadableImage:
        """Return the error again."""
        return UnreadableImage(self.reason) if self.recognised else NotAnImage(self.reason)


def _neighbours(values: NDArray[np.generic]) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    return values[1:], values[:-1]


def _runs(alike: NDArray[np.bool_]) -> Iterator[slice]:
    """Yield where neighbours are alike.

    Args:
        alike: Whether each value is like the one before it, without the first.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], alike, [False])).astype(np.int8)))
    for start, end in edges.reshape(-1, 2).tolist():
        yield slice(start, end + 1)
