"""Which images train, which validate and which test: the split `strict`.

The paper's split (section III.B) takes the test images from those that train. This one is
disjoint and stratified. Within each class the distinct contents stand in the order of
SHA-256(seed, content), so that one seed splits the same files alike on every machine, in any
order, under any names. Of n distinct contents the first `test_fraction * n` test and the next
`validation_fraction * n` validate, both rounded half up and at least 1; the rest, at least 1,
train. Byte-identical copies go where their original goes.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from lungbench.errors import DataError
from lungbench.record import Split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
MIN_PER_CLASS = len(SPLITS)


def split(
    labels: Sequence[str],
    digests: Sequence[str],
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
    members = defaultdict(set)
    for label, digest in zip(labels, digests, strict=True):
        members[label].add(digest)
    chosen: dict[str, Split] = {}
    for label, distinct in sorted(members.items()):
        counts = _counts(label, len(distinct), validation_fraction, test_fraction)
        chosen.update(zip(_shuffled(distinct, seed), _in_turn(counts), strict=True))
    return tuple(chosen[digest] for digest in digests)


def _shuffled(digests: set[str], seed: int) -> list[str]:
    return sorted(
        digests, key=lambda digest: hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest()
    )


def _in_turn(counts: dict[Split, int]) -> list[Split]:
    return [name for name, count in counts.items() for _ in range(count)]


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
