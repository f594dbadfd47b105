"""Which images train, which validate and which test: the split `strict`.

The paper's split (section III.B) takes the test images from those that train. This one is
disjoint and stratified. Within each class the distinct contents stand in the order of
SHA-256(seed, content), so that one seed splits the same files alike on every machine, in any
order, under any names. Of n distinct contents the first `test_fraction * n` test and the next
`validation_fraction * n` validate, both rounded half up and at least 1; the rest, at least 1,
train. Byte-identical copies go where their original goes.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lungbench.errors import DataError
from lungbench.record import Split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
MIN_PER_CLASS = len(SPLITS)

_IN_TURN: tuple[Split, ...] = ("test", "validation", "train")


def split(
    labels: Sequence[str],
    digests: Iterable[str],
    *,
    seed: int,
    validation_fraction: float,
    test_fraction: float,
) -> tuple[Split, ...]:
    """Return the split of each image.

    Args:
        labels: The class of each image.
        digests: The SHA-256 of each image's file, which stands in one class only.
        seed: Another seed, another split.
        validation_fraction: Share of each class's distinct images.
        test_fraction: Likewise.

    Raises:
        DataError: A class has too few distinct images to be in every split.
    """
    keys, names = _keys(digests, seed), sorted(set(labels))
    numbers = np.fromiter(map(names.index, labels), np.int64, len(labels))
    chosen = np.zeros(len(labels), dtype=np.int64)
    for number, name in enumerate(names):
        members = numbers == number
        ranks = _ranks(keys[members])
        counts = _counts(name, int(ranks.max()) + 1, validation_fraction, test_fraction)
        ends = np.cumsum([counts[split_name] for split_name in _IN_TURN])
        chosen[members] = np.searchsorted(ends, ranks, side="right")
    return tuple(_IN_TURN[number] for number in chosen)


def _keys(digests: Iterable[str], seed: int) -> NDArray[np.bytes_]:
    """Return what the contents are ordered by, 32 bytes each."""
    keys = bytearray()
    for digest in digests:
        keys += hashlib.sha256(f"{seed}:{digest}".encode()).digest()
    return np.frombuffer(keys, dtype="S32")


def _ranks(keys: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Return the place of each key among the distinct ones, in order, from 0."""
    order = np.argsort(keys)
    ordered = keys[order]
    ranks = np.zeros(len(keys), dtype=np.int64)
    ranks[order[1:]] = np.cumsum(ordered[1:] != ordered[:-1])
    return ranks


def _counts(
    label: str, images: int, validation_fraction: float, test_fraction: float
) -> dict[Split, int]:
    if images < MIN_PER_CLASS:
        raise DataError(
            "Every class needs a different image in each split.",
            received=f"class {label} with {images} different images",
            expected=f"at least {MIN_PER_CLASS}, one each to train, validate and test",
            hint=f"Add images to {label}, or leave that class out.",
        )
    test = min(_rounded(images * test_fraction), images - 2)
    validation = min(_rounded(images * validation_fraction), images - test - 1)
    return {"test": test, "validation": validation, "train": images - test - validation}


def _rounded(share: float) -> int:
    return max(1, int(share + 0.5))
