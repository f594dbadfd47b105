"""Groups of images that belong together, and where such a group is torn apart."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lungbench.data.image_table import UNKNOWN, ImageTable
from lungbench.frozen import Frozen
from lungbench.record import Split

MOST_LISTED = 50


class Place(Frozen):
    """One image and where it stands.

    Attributes:
        splits: More than one where it is used twice.
    """

    path: str
    class_name: str
    splits: tuple[Split, ...]


class Alike(Frozen):
    """Two images of one group.

    Attributes:
        mirrored: Whether one is the other's mirror image.
    """

    one: Place
    other: Place
    mirrored: bool = False

    @property
    def across_classes(self) -> bool:
        """Whether they carry different labels."""
        return self.one.class_name != self.other.class_name

    @property
    def across_splits(self) -> bool:
        """Whether they stand in different splits."""
        return self.one.splits != self.other.splits


class Sharing(Frozen):
    """The groups of one kind that hold two images or more.

    Attributes:
        known: Images of which it is known whether they belong to a group.
        groups: How many there are.
        images: How many images these hold.
        across_classes: Groups with images of several classes.
        across_splits: Groups with images in several splits.
        told_test_images: Test images of whose group others are trained on.
        examples: Pairs of these groups, those across classes first, then those across splits.
    """

    known: int
    groups: int
    images: int
    across_classes: int
    across_splits: int
    told_test_images: int
    examples: tuple[Alike, ...]


def sharing(
    table: ImageTable, groups: NDArray[np.int64], pairs: NDArray[np.int64] | None = None
) -> Sharing:
    """Count the groups, and what is wrong with them.

    Args:
        table: The images.
        groups: The number of each image's group, `UNKNOWN` where nothing is known.
        pairs: Pairs that hold the groups together, as places in the table, and whether they are
            mirrored, pair x 3; None lets the first image of each group stand beside the others.
    """
    known = np.not_equal(groups, UNKNOWN)
    # Images of no known group are each their own.
    whole = np.where(known, groups, groups.max(initial=0) + 1 + np.arange(len(groups)))
    _, numbers, sizes = np.unique(whole, return_inverse=True, return_counts=True)
    of_classes = [_holding(numbers, np.equal(table.labels, label)) for label in _labels(table)]
    of_splits = {name: _holding(numbers, within) for name, within in table.splits.items()}
    shared = sizes[numbers] > 1
    return Sharing(
        known=int(known.sum()),
        groups=int((sizes > 1).sum()),
        images=int(shared.sum()),
        across_classes=_several(of_classes, sizes),
        across_splits=_several(list(of_splits.values()), sizes),
        told_test_images=int((table.splits["test"] & shared & of_splits["train"][numbers]).sum()),
        examples=_examples(table, _stars(numbers, shared) if pairs is None else pairs),
    )


def _labels(table: ImageTable) -> range:
    return range(len(table.classes))


def _holding(numbers: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each group holds a chosen image."""
    groups = int(numbers.max(initial=-1)) + 1
    return np.bincount(numbers[chosen], minlength=groups) > 0


def _several(holding: Sequence[NDArray[np.bool_]], sizes: NDArray[np.int64]) -> int:
    """Count the groups of several images that are in more than one of these."""
    return int(((np.sum(holding, axis=0) > 1) & (sizes > 1)).sum())


def _stars(numbers: NDArray[np.int64], shared: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return each further image of a group beside its first: pair x 3, none mirrored."""
    places = np.flatnonzero(shared)
    places = places[np.argsort(numbers[places], kind="stable")]
    _, first, sizes = np.unique(numbers[places], return_index=True, return_counts=True)
    firsts = np.repeat(places[first], sizes)
    further = firsts != places
    pairs: NDArray[np.int64] = np.column_stack([firsts, places, np.zeros_like(places)])[further]
    return pairs


def _examples(table: ImageTable, pairs: NDArray[np.int64]) -> tuple[Alike, ...]:
    one, other = pairs[:, 0], pairs[:, 1]
    splits = np.column_stack(list(table.splits.values()))
    harmless_splits = np.all(splits[one] == splits[other], axis=1)
    harmless_classes = table.labels[one] == table.labels[other]
    worst = np.lexsort((harmless_splits, harmless_classes))[:MOST_LISTED]
    return tuple(
        Alike(one=place_of(table, a), other=place_of(table, b), mirrored=bool(mirrored))
        for a, b, mirrored in pairs[worst].tolist()
    )


def place_of(table: ImageTable, place: int) -> Place:
    """Say which image stands at a place of the table."""
    return Place(
        path=table.path(place),
        class_name=table.classes[int(table.labels[place])],
        splits=tuple(name for name, within in table.splits.items() if within[place]),
    )
