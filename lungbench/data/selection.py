"""Which of the readable images are used: within a brightness, and as many of each class.

The paper keeps images whose mean grey is 120 to 140, and 845 of each class (sections III.A and
III.B). What is left out so is no fault of the files, and is counted apart from those that are.
"""

import numpy as np
from numpy.typing import NDArray

from lungbench.data.dealing import Images
from lungbench.data.file_table import MEAN_GREY, FileTable
from lungbench.errors import DataError

_MOST_NAMED = 3


def check_usable(files: FileTable, most_unusable: float) -> None:
    """Refuse a source of which too much is damaged: something else may be wrong with it.

    Args:
        files: All files.
        most_unusable: Share of the images that may be unusable.

    Raises:
        DataError: More are; the first are named.
    """
    images, unusable = int(files.images.sum()), np.flatnonzero(files.unusable)
    if len(unusable) <= most_unusable * images:
        return
    first = [files[position] for position in unusable[:_MOST_NAMED].tolist()]
    named = "; ".join(f"{file.path}: {file.reason}" for file in first)
    more = f"; and {len(unusable) - len(first)} more" if len(unusable) > len(first) else ""
    raise DataError(
        f"At most {100 * most_unusable:g} % of the images may be unusable.",
        received=f"{len(unusable):,} of {images:,} images; {named}{more}",
        hint="Look at all with `lungbench data inspect`, or raise data.most_unusable.",
    )


def keep_brightness(files: FileTable, brightness: tuple[float, float]) -> None:
    """Leave out the images whose mean grey is outside a range.

    Raises:
        DataError: None of a class is left.
    """
    low, high = brightness
    greys, kept = files.mean_greys, files.kept
    outside = kept & ((greys < low) | (greys > high))
    for label, name in enumerate(files.class_names):
        of_class = kept & np.equal(files.labels, label)
        if of_class.any() and not (of_class & ~outside).any():
            found = greys[of_class]
            raise DataError(
                "Each class needs images of the brightness that is kept.",
                received=f"class {name}, whose {len(found):,} images have mean greys from "
                f"{found.min():.1f} to {found.max():.1f}",
                expected=f"{low:g} to {high:g}",
                hint="Widen data.brightness.",
            )
    reason = f"mean grey {MEAN_GREY} is outside {low:g} to {high:g}"
    files.leave_out(np.flatnonzero(outside), reason)


def drawn(images: Images, per_class: int | None) -> NDArray[np.bool_]:
    """Return which images are used, equally many different ones of each class.

    Args:
        images: In the order that they are drawn in.
        per_class: How many; None is as many as the smallest class has.

    Raises:
        DataError: A class has fewer.
    """
    contents = images.contents()
    count = min(contents) if per_class is None else per_class
    chosen = np.zeros(len(images), dtype=bool)
    first = images.firsts()
    for label, name in enumerate(images.class_names):
        if contents[label] < count:
            raise DataError(
                "Each class needs as many different images as are drawn.",
                received=f"class {name} with {contents[label]:,} different images",
                expected=f"at least {count:,}, as data.per_class asks for",
                hint="lower data.per_class, or add images.",
            )
        members, ranks = images.ranks(label)
        chosen[members] = first[members] & (ranks < count)
    return chosen


def leave_out_undrawn(
    files: FileTable, positions: NDArray[np.int32], chosen: NDArray[np.bool_]
) -> None:
    """Leave out the images that were not drawn.

    Args:
        files: All files.
        positions: Of the images that could be drawn.
        chosen: Which of these were.
    """
    labels = files.labels[positions]
    for label in np.flatnonzero(np.bincount(labels)).tolist():
        of_class = labels == label
        used, all_images = int((of_class & chosen).sum()), int(of_class.sum())
        reason = f"not drawn: {used:,} of {all_images:,} images are used"
        files.leave_out(positions[of_class & ~chosen], reason)
