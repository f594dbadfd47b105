"""How images are dealt out to the parts of a split: by content and seed, and by nothing else.

The contents stand in the order of SHA-256(seed, content), so that one seed deals the same files
alike on every machine, in any order, under any names. Byte-identical copies go where their
original goes. Groups of several contents are dealt first, the largest first: each goes where it
leaves most room, or does least harm, and where a class would stay without. What stands alone
fills the parts up, one after the other.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungbench.errors import DataError

Keys = NDArray[np.uint64]
"""The first 8 bytes of a SHA-256 each. Two of a hundred thousand begin alike once in four thousand
million times; they would then go to one part together."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Images as a split sees them, without names or places.

    Attributes:
        class_names: Of the classes.
        labels: Which of these each image has.
        keys: What the contents are ordered by.
        groups: A number for each image; images that stay together have the same one.
        group_keys: What the groups of several images are ordered by.
    """

    class_names: tuple[str, ...]
    labels: NDArray[np.uint16]
    keys: Keys
    groups: NDArray[np.int32]
    group_keys: dict[int, int]

    @classmethod
    def of(
        cls,
        class_names: Sequence[str],
        labels: NDArray[np.integer[Any]],
        digests: Iterable[str],
        seed: int,
        groups: NDArray[np.integer[Any]] | None = None,
    ) -> "Images":
        """Order images by their contents.

        Args:
            class_names: Of the classes.
            labels: Which of these each image has.
            digests: The SHA-256 of each image's file, in hexadecimal; each in one class only.
            seed: Another seed, another order.
            groups: Which images stay together, from 0 to one less than there are images; copies
                of one content have the same. None leaves each content alone.
        """
        keys, smallest = np.zeros(len(labels), dtype=np.uint64), dict[int, str]()
        several = np.bincount(groups) > 1 if groups is not None else None
        for position, digest in enumerate(digests):
            keys[position] = _key(f"{seed}:{digest}".encode())
            if groups is not None and several is not None and several[groups[position]]:
                group = int(groups[position])
                smallest[group] = min(digest, smallest.get(group, digest))
        return cls(
            class_names=tuple(class_names),
            labels=labels.astype(np.uint16, copy=False),
            keys=keys,
            groups=(_ranks(keys) if groups is None else groups).astype(np.int32, copy=False),
            group_keys={at: _key(f"{seed}:{each}".encode()) for at, each in smallest.items()},
        )

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, which: NDArray[np.bool_]) -> "Images":
        """Return some of the images; whole groups, where groups matter."""
        return replace(
            self, labels=self.labels[which], keys=self.keys[which], groups=self.groups[which]
        )

    def reordered(self, by: str) -> "Images":
        """Return the images in another order, which follows from theirs and a text."""

        def again(key: int) -> int:
            return _key(f"{by}:{key:016x}".encode())

        return replace(
            self,
            keys=np.fromiter(map(again, self.keys.data), np.uint64, len(self)),
            group_keys={group: again(key) for group, key in self.group_keys.items()},
        )

    def ranks(self, label: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return the positions of a class's images, and the place of each one's content."""
        members = np.flatnonzero(self.labels == label)
        return members, _ranks(self.keys[members])

    def contents(self) -> list[int]:
        """Return how many different contents each class has."""
        return [
            int(self.ranks(label)[1].max(initial=-1)) + 1 for label in range(len(self.class_names))
        ]

    def content_numbers(self) -> NDArray[np.int32]:
        """Return a number for each image; those of one content have the same one."""
        return _ranks(self.keys)

    def firsts(self) -> NDArray[np.bool_]:
        """Return which images are the first of their content."""
        first = np.ones(len(self), dtype=bool)
        for label in range(len(self.class_names)):
            members = np.flatnonzero(self.labels == label)
            members = members[np.argsort(self.keys[members], kind="stable")]
            ordered = self.keys[members]
            first[members[1:]] = ordered[1:] != ordered[:-1]
        return first

    def alone(self) -> NDArray[np.bool_]:
        """Return which images are in a group of one content."""
        single = np.equal(np.bincount(self.groups[self.firsts()], minlength=1), 1)
        return single[self.groups]

    def clusters(self) -> "list[Cluster]":
        """Return the groups of several contents, the largest first."""
        together = np.flatnonzero(~self.alone())
        first = self.firsts()
        found: dict[int, Cluster] = {}
        for position in together.tolist():
            group = int(self.groups[position])
            cluster = found.setdefault(group, Cluster(self.group_keys[group], [], Counter()))
            cluster.members.append(position)
            cluster.contents[int(self.labels[position])] += int(first[position])
        return sorted(found.values(), key=lambda each: (-each.contents.total(), each.key))


@dataclass(frozen=True, slots=True)
class Cluster:
    """A group of several contents.

    Attributes:
        key: What it is ordered by.
        members: The positions of its images.
        contents: How many contents it has of each class.
    """

    key: int
    members: list[int]
    contents: Counter[int]


def deal(images: Images, wanted: Sequence[Sequence[int]], purpose: str) -> NDArray[np.uint8]:
    """Return the part that each image goes to.

    Args:
        images: The images.
        wanted: How many contents of each class each part should get, class x part, all of them
            together; at least 1.
        purpose: What the parts are for, as an error says it.

    Raises:
        DataError: A class has too few groups to be in every part.
    """
    table = _Table(images, wanted)
    table.check(purpose)
    parts = np.zeros(len(images), dtype=np.uint8)
    for cluster in table.clusters:
        parts[cluster.members] = table.place(cluster.contents)
    alone = images.alone()
    for label in range(len(images.class_names)):
        members = np.flatnonzero((images.labels == label) & alone)
        ranks = _ranks(images.keys[members])
        ends = np.cumsum(table.rest(label))
        parts[members] = np.searchsorted(ends, ranks, side="right")
    for label, contents in enumerate(images.contents()):
        there = np.bincount(parts[images.labels == label], minlength=len(wanted[label]))
        if contents and not there.all():
            raise table.too_few(label, purpose)
    return parts


class _Table:
    """What each part still wants of each class.

    Args:
        images: The images.
        wanted: See `deal`.
    """

    def __init__(self, images: Images, wanted: Sequence[Sequence[int]]) -> None:
        self._images = images
        self._wanted = wanted
        self._left = [list(of_class) for of_class in wanted]
        self.clusters = images.clusters()
        self._grouped = Counter(label for each in self.clusters for label in each.contents)
        in_clusters = sum((each.contents for each in self.clusters), Counter())
        self._alone = [
            contents - in_clusters[label] for label, contents in enumerate(images.contents())
        ]
        self._undealt = self._grouped.copy()

    def check(self, purpose: str) -> None:
        """Refuse a class with fewer groups than parts."""
        for label, of_class in enumerate(self._wanted):
            if self._grouped[label] + self._alone[label] < len(of_class):
                raise self.too_few(label, purpose)

    def too_few(self, label: int, purpose: str) -> DataError:
        """Return the refusal of a class that can't be in every part."""
        groups = self._grouped[label] + self._alone[label]
        contents = self._images.contents()[label]
        name = self._images.class_names[label]
        together = f" in {groups} groups of one patient or near-duplicates"
        return DataError(
            "Every class needs a different image in each split.",
            received=f"class {name} with {contents} different images"
            + (together if groups < contents else ""),
            expected=f"at least {len(self._wanted[label])}, one each to {purpose}",
            hint=f"Add images to {name}, or leave that class out.",
        )

    def place(self, contents: Counter[int]) -> int:
        """Return the part that a cluster goes to."""
        part = min(self._open(contents), key=lambda part: self._cost(contents, part))
        for label, count in contents.items():
            self._left[label][part] -= count
            self._undealt[label] -= 1
        return part

    def rest(self, label: int) -> list[int]:
        """Return how many contents that stand alone each part gets of a class."""
        counts = [max(0, left) for left in self._left[label]]
        while sum(counts) > self._alone[label]:
            able = [at for at in range(len(counts)) if counts[at] > self._is_empty(label, at)]
            counts[max(able or range(len(counts)), key=lambda at: (counts[at], at))] -= 1
        return counts

    def _open(self, contents: Counter[int]) -> Iterable[int]:
        """Return the parts that a cluster may go to: all, unless one would stay without a class."""
        urgent = {part for label in contents for part in self._urgent(label)}
        return sorted(urgent) or range(len(self._wanted[0]))

    def _urgent(self, label: int) -> Iterator[int]:
        parts = range(len(self._wanted[label]))
        empty = [part for part in parts if self._is_empty(label, part)]
        if self._undealt[label] + self._alone[label] <= len(empty):
            yield from empty

    def _is_empty(self, label: int, part: int) -> bool:
        return self._left[label][part] == self._wanted[label][part]

    def _cost(self, contents: Counter[int], part: int) -> tuple[float, ...]:
        """Rank a part: the least beyond what it wants, then the emptiest, then the largest."""
        wanted = {label: self._wanted[label][part] for label in contents}
        left = {label: self._left[label][part] for label in contents}
        beyond = sum(max(0, count - left[label]) for label, count in contents.items())
        room = sum(left[label] / wanted[label] for label in contents)
        return beyond, -room, -sum(wanted.values()), part


def _key(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:8])


def _ranks(keys: Keys) -> NDArray[np.int32]:
    """Return the place of each key among the distinct ones, in order, from 0."""
    order = np.argsort(keys).astype(np.int32)
    ordered, ranks = keys[order], np.zeros(len(keys), dtype=np.int32)
    ranks[order[1:]] = np.cumsum(ordered[1:] != ordered[:-1], dtype=np.int32)
    return ranks
