"""Images that show the same picture: saved again, resized, brightened, cropped a little, mirrored.

A perceptual hash finds who may be alike, and laying the images upon each other decides: a hundred
thousand patients make five thousand million pairs, and the hashes of the most alike of these come
as close as those of copies. The limits were measured, see docs/decisions.md; so was the difference
hash, which lets fifteen times as many pairs of different patients through where it finds as many
copies.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from lungbench.data.hamming import distances, near_pairs
from lungbench.data.index import Progress
from lungbench.data.likeness import same_picture
from lungbench.data.perceptual_hash import perceptual_hashes
from lungbench.data.pixel_file import Images, open_pixels
from lungbench.data.staging import new_file
from lungbench.data.thumbnails import Thumbnails

VERSION = 2
"""Changes whenever the same pixels would be linked otherwise."""

MOST_BITS = 66
"""Of 254. Of copies that are cropped by 2 % on every side, 1 % differ in more."""

FEWEST_BITS = 14
"""No copy that was only saved again or resized, of those measured, differs in more."""

_MOST_LOOKED_AT = 100_000
_MOST_LOOKED_AT_PER_IMAGE = 4
_SAMPLE = 1024
_AT_ONCE = 1024

NO_LINKS: NDArray[np.int64] = np.zeros((0, 3), dtype=np.int64)

Alike = Callable[[NDArray[np.int64]], NDArray[np.bool_]]


def links(
    pixels: Images, progress: Progress | None = None, folder: Path | None = None
) -> NDArray[np.int64]:
    """Return which images show the same picture, as the fewest pairs that hold each group together.

    Args:
        pixels: The images.
        progress: Told how many images are reduced, then how many are compared with all others;
            each of how many.
        folder: Where there is room for 1 KiB an image for a while; None takes memory.

    Returns:
        Positions of two images, the smaller first, and whether one is the other's mirror image,
        0 or 1: link x 3.

    Raises:
        OSError: The disk is full.
    """
    forest = _Forest(len(pixels))
    small = Thumbnails.of(pixels, progress, folder)
    hashes = perceptual_hashes(small)
    # The products are small: on cores that others use too, threads wait for each other longer
    # than one alone takes.
    with threadpool_limits(limits=1, user_api="blas"):
        for pairs in near_pairs(hashes, selective_bits(hashes), progress):
            for mirrored in (0, 1):
                alike = partial(same_picture, pixels, small, mirrored=bool(mirrored))
                forest.grow(pairs[pairs[:, 2] == mirrored, :2], alike, mirrored)
    return np.array(forest.links, dtype=np.int64).reshape(-1, 3)


def selective_bits(hashes: NDArray[np.uint8]) -> int:
    """Return how many bits copies may differ in so that few other pairs have to be looked at.

    That is `MOST_BITS`, but for a large set, whose pairs grow with its square, and for one of
    images that are all alike. What such a set hides is a copy that was cropped.
    """
    images = len(hashes)
    some = hashes[:: max(1, images // _SAMPLE)]
    near = [distances(some, pairs) for pairs in near_pairs(some, MOST_BITS)]
    bits = np.concatenate([*near, np.zeros(0, dtype=np.int64)])
    expected = np.cumsum(np.bincount(bits[bits > FEWEST_BITS], minlength=MOST_BITS + 1))
    most = max(_MOST_LOOKED_AT, _MOST_LOOKED_AT_PER_IMAGE * images)
    within = np.flatnonzero(expected * (images / max(1, len(some))) ** 2 <= most)
    return max(FEWEST_BITS, int(within[-1]))


def stored_links(folder: Path, progress: Progress | None = None) -> NDArray[np.int64]:
    """Return the links of a pixel cache's images, found once and kept beside them.

    Args:
        folder: Holds `images.npy`.
        progress: See `links`; not told anything where they were kept.

    Raises:
        DataError: The pixels can't be read.
        OSError: The disk is full.
    """
    kept = folder / f"alike-v{VERSION}.npy"
    with contextlib.suppress(OSError, EOFError, ValueError):
        found: NDArray[np.int64] = np.load(kept)
        if found.ndim == 2 and found.shape[1] == 3:  # noqa: PLR2004 - see `links`
            return found
    with open_pixels(folder) as pixels:
        found = links(pixels, progress, folder)
    with contextlib.suppress(OSError), new_file(kept) as temporary, temporary.open("wb") as file:
        np.save(file, found)
    return found


def groups(pixels: Images, progress: Progress | None = None) -> NDArray[np.int64]:
    """Return the group of images that show the same picture, for each image.

    Args:
        pixels: The images.
        progress: See `links`.

    Returns:
        The position of the first image of its group, which is its own where it is alone.
    """
    return groups_of(links(pixels, progress), len(pixels))


def groups_of(found: NDArray[np.int64], images: int) -> NDArray[np.int64]:
    """Return the groups that links hold together; see `groups`."""
    forest = _Forest(images)
    for one, other in found[:, :2].tolist():
        forest.join(one, other)
    _, first, group = np.unique(forest.labels, return_index=True, return_inverse=True)
    return first[group]


class _Forest:
    """Which images belong together, and the links that showed it.

    Args:
        images: How many there are, none linked.

    Attributes:
        labels: Equal for images of one group.
        links: Positions of two images and 1 where one is the other's mirror image, else 0.
    """

    def __init__(self, images: int) -> None:
        self.labels = np.arange(images)
        self.links: list[tuple[int, int, int]] = []
        self._members: dict[int, list[int]] = {}

    def grow(self, pairs: NDArray[np.int64], alike: Alike, mirrored: int) -> None:
        """Link the pairs that are alike, looking only at those not linked yet."""
        for some in self._unlinked(pairs):
            for one, other in some[alike(some)].tolist():
                if self.join(one, other):
                    self.links.append((one, other, mirrored))

    def join(self, one: int, other: int) -> bool:
        """Make two groups one; return whether they were two."""
        both = {int(self.labels[image]) for image in (one, other)}
        if len(both) == 1:
            return False
        # The smaller group moves, so that no image moves more often than groups can double.
        smaller, larger = sorted(both, key=lambda label: len(self._members.get(label, ())))
        moving = self._members.pop(smaller, [smaller])
        self.labels[moving] = larger
        self._members.setdefault(larger, [larger]).extend(moving)
        return True

    def _unlinked(self, pairs: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Yield the pairs, a few at a time, without those that are in one group by then."""
        while len(pairs := pairs[self.labels[pairs[:, 0]] != self.labels[pairs[:, 1]]]):
            yield pairs[:_AT_ONCE]
            pairs = pairs[_AT_ONCE:]
