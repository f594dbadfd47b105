"""What is known of every file of a source, in 90 bytes a file beside its path.

As objects it would be 2,000: a hundred thousand files would then take several times the memory of
everything else that prepares them.
"""

from array import array
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Generic, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from lungbench.data.decode import ImageFacts, NotAnImage, UnreadableImage
from lungbench.data.listing import FoundFile

NOT_AN_IMAGE = "not an image file"

Outcome = ImageFacts | UnreadableImage
"""What came of decoding a file."""

Stamp = tuple[int, int, int]
"""A file's size in bytes, and its modification and change times in nanoseconds."""

_IMAGE_SUFFIXES = frozenset(
    (".bmp", ".dcm", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
_DIGEST_BYTES = 32

Value = TypeVar("Value", bound=Hashable)


class IndexedFile(NamedTuple):
    """One file below a class folder.

    Attributes:
        path: Relative to the source, with forward slashes.
        class_name: The class folder it lies in.
        sha256: Of its bytes, in hexadecimal; None where they can't be read.
        size_bytes: Likewise.
        facts: What the image is; None where it can't be decoded.
        reason: Why it is left out; None where it is kept.
    """

    path: str
    class_name: str
    sha256: str | None
    size_bytes: int | None
    facts: ImageFacts | None = None
    reason: str | None = None

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
        found: The files by class and path, of which nothing else is known yet.

    Attributes:
        paths: Of each file, as the system spells it.
        class_names: Sorted.
        labels: Position of each file's class in these.
        digests: SHA-256 of each file, empty where it isn't known; numpy cuts zeros off its end.
        stamps: Of each file when it was read, file x 3.
    """

    def __init__(self, found: Iterable[FoundFile]) -> None:
        self.paths: list[str] = []
        numbers: dict[str, int] = {}
        labels = array("q")
        for file in found:
            self.paths.append(file.path)
            labels.append(numbers.setdefault(file.class_name, len(numbers)))
        files = len(self.paths)
        self.class_names = tuple(numbers)
        self.labels: NDArray[np.int64] = np.array(labels, dtype=np.int64)
        self.digests = np.zeros(files, dtype=f"S{_DIGEST_BYTES}")
        self.stamps = np.zeros((files, 3), dtype=np.int64)
        self._sides = np.zeros((files, 2), dtype=np.uint32)
        self._mean_greys = np.zeros(files)
        self._kinds: _Repeated[tuple[str, str]] = _Repeated(files)
        self._failures: _Repeated[_Failure] = _Repeated(files)

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[IndexedFile]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, position: int) -> IndexedFile:
        known = bool(self.digests[position])
        return IndexedFile(
            path=self.paths[position].encode(errors="backslashreplace").decode(),
            class_name=self.class_name(position),
            sha256=self.sha256(position) if known else None,
            size_bytes=int(self.stamps[position, 0]) if known else None,
            facts=self._facts(position),
            reason=self._reason(position),
        )

    def class_name(self, position: int) -> str:
        """Return the class of a file."""
        return self.class_names[int(self.labels[position])]

    def sha256(self, position: int) -> str:
        """Return the SHA-256 of a file that was read, in hexadecimal."""
        return bytes(self.digests[position]).ljust(_DIGEST_BYTES, b"\0").hex()

    def outcome(self, position: int) -> Outcome:
        """Return what came of decoding a file that was read, whatever its name and class.

        Raises:
            LookupError: It was not decoded yet.
        """
        if facts := self._facts(position):
            return facts
        if failure := self._failures[position]:
            return failure.as_error()
        raise LookupError(self.paths[position])

    @property
    def decoded(self) -> NDArray[np.bool_]:
        """Whether each file could be decoded."""
        return np.not_equal(self._sides[:, 0], 0)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Whether each file can be trained on."""
        return np.equal(self._failures.numbers, 0)

    @property
    def images(self) -> NDArray[np.bool_]:
        """Whether each file is, by content or by name, an image, readable or not."""
        images = self.kept
        for position in np.flatnonzero(~images).tolist():
            images[position] = self._reason(position) != NOT_AN_IMAGE
        return images

    def classes(self, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
        """Return the classes of the chosen files, sorted."""
        return tuple(self.class_names[label] for label in sorted(set(self.labels[chosen].tolist())))

    def row_order(self) -> NDArray[np.int64]:
        """Return the positions of the files that were read, by class and SHA-256."""
        read = np.flatnonzero(self.digests)
        return read[np.lexsort((self.digests[read], self.labels[read]))]

    def enter(self, position: int, content: Content | None, outcome: Outcome | None) -> None:
        """Write down what was found out about a file, in place of what was known before."""
        self.digests[position] = content.sha256 if content else b""
        self.stamps[position] = content.stamp if content else 0
        self.enter_outcome(position, outcome)

    def enter_outcome(self, position: int, outcome: Outcome | None) -> None:
        """Write down what came of decoding a file; None where it was not decoded yet."""
        facts = outcome if isinstance(outcome, ImageFacts) else None
        error = outcome if isinstance(outcome, UnreadableImage) else None
        self._sides[position] = (facts.width, facts.height) if facts else 0
        self._kinds[position] = (facts.mode, facts.format) if facts else None
        self._mean_greys[position] = facts.mean_grey if facts else 0
        self._failures[position] = _Failure.of(error) if error else None

    def leave_out_contradictions(self) -> None:
        """Leave out the files whose bytes stand in more than one class."""
        for positions in self._contradictory():
            names = {self.class_name(position) for position in positions}
            for position in positions:
                others = ", ".join(sorted(names - {self.class_name(position)}))
                self._failures[position] = _Failure(f"the same image stands in {others}")

    def _contradictory(self) -> list[list[int]]:
        """Return the positions of each content that was decoded and stands in several classes."""
        decoded = np.flatnonzero(self.decoded)
        order = decoded[np.lexsort((self.labels[decoded], self.digests[decoded]))]
        digests, labels = self.digests[order], self.labels[order]
        several = (digests[1:] == digests[:-1]) & (labels[1:] != labels[:-1])
        positions = defaultdict(list)
        for position in order[np.isin(digests, digests[1:][several])].tolist():
            positions[self.sha256(position)].append(position)
        return list(positions.values())

    def _facts(self, position: int) -> ImageFacts | None:
        kind = self._kinds[position]
        if kind is None:
            return None
        width, height = self._sides[position].tolist()
        return ImageFacts(width, height, *kind, float(self._mean_greys[position]))

    def _reason(self, position: int) -> str | None:
        failure = self._failures[position]
        if failure is None:
            return None
        named_so = PurePosixPath(self.paths[position]).suffix.lower() in _IMAGE_SUFFIXES
        return failure.reason if failure.recognised or named_so else NOT_AN_IMAGE


class _Failure(NamedTuple):
    """Why a file is left out.

    Attributes:
        reason: In a few words.
        recognised: Whether its content is an image format that is read here.
    """

    reason: str
    recognised: bool = True

    @classmethod
    def of(cls, error: UnreadableImage) -> Self:
        """Return what is kept of an error."""
        return cls(error.reason, recognised=not isinstance(error, NotAnImage))

    def as_error(self) -> UnreadableImage:
        """Return the error again."""
        return UnreadableImage(self.reason) if self.recognised else NotAnImage(self.reason)


class _Repeated(Generic[Value]):
    """A column of values of which most are alike.

    Args:
        length: How many there are, all None.

    Attributes:
        numbers: 0 for None, else which of the different values.
    """

    def __init__(self, length: int) -> None:
        self.numbers = np.zeros(length, dtype=np.uint32)
        self._values: list[Value | None] = [None]
        self._number_of: dict[Value | None, int] = {None: 0}

    def __getitem__(self, position: int) -> Value | None:
        return self._values[int(self.numbers[position])]

    def __setitem__(self, position: int, value: Value | None) -> None:
        if value not in self._number_of:
            self._number_of[value] = len(self._values)
            self._values.append(value)
        self.numbers[position] = self._number_of[value]
