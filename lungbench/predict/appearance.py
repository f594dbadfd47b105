"""What an image looks like beside the images that a network was trained on.

A network has a probability for every picture, a cat's too. Four measures tell some of those that
it knows nothing about: brightness, the shape of the original, its colour, and how it lies beside
the mean of the training images, shrunk to 16 x 16. They are crude: an image that passes them may
still be one the network can't judge. What they were measured on stands in `docs/decisions.md`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lungbench.predict.card import Appearance, Quantiles

SIDE = 16

MOST_COLOUR = 12.0
"""The colourfulness that films still have (`lungbench.predict.colour`)."""

# Beyond the training images' 1st and 99th percentile, by so much of their distance: else one film
# in fifty of the very same kind would be flagged.
_MARGIN = 0.25
_TAIL = 0.5  # likewise of likeness, beyond the 5th percentile by its distance to the median

Thumbnails = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Original:
    """What an image file was before it was decoded.

    Attributes:
        width: In pixels, the way up that a person sees it.
        height: Likewise.
        mode: Pillow's name of the pixel layout.
    """

    width: int
    height: int
    mode: str

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.width / self.height


@dataclass(frozen=True, slots=True)
class Look:
    """What is measured of one image.

    Attributes:
        brightness: Mean grey of the decoded square, 0 to 255.
        aspect: Width over height of the original.
        colour: How colourful the original is; see `MOST_COLOUR`.
        thumbnail: The square shrunk to 16 x 16, of unit length about 0; zeros where it is flat.
    """

    brightness: float
    aspect: float
    colour: float
    thumbnail: Thumbnails

    @classmethod
    def at(cls, pixels: NDArray[np.uint8], aspect: float, colour: float) -> "Look":
        """Measure a decoded square, row x column."""
        [thumbnail] = thumbnails([pixels])
        return cls(float(pixels.mean()), aspect, colour, thumbnail)


def appearance_of(
    squares: Sequence[NDArray[np.uint8]], originals: Sequence[Original]
) -> Appearance:
    """Sum up what training images look like.

    Args:
        squares: One or more as they were decoded, each row x column.
        originals: The files; none where that isn't known.
    """
    small = thumbnails(squares)
    mean = _unit(small.mean(axis=0))
    modes = sorted(each.mode for each in originals)
    return Appearance(
        images=len(squares),
        brightness=Quantiles.of([float(each.mean()) for each in squares]),
        aspect=Quantiles.of([each.aspect for each in originals]) if originals else None,
        modes={mode: modes.count(mode) for mode in dict.fromkeys(modes)},
        thumbnail=tuple(map(float, mean)),
        likeness=Quantiles.of(small @ mean),
    )


def unlike(look: Look, trained: Appearance | None) -> tuple[str, ...]:
    """Say in what an image differs from those that the network was trained on; may be nothing.

    Args:
        look: The image.
        trained: The training images; None where nothing is known of them.
    """
    return tuple(_differences(look, trained))


def _differences(look: Look, trained: Appearance | None) -> Iterator[str]:
    if trained:
        yield from _outside("brightness", look.brightness, trained.brightness, decimals=0)
        if trained.aspect:
            yield from _outside("aspect", look.aspect, trained.aspect, decimals=2)
    if look.colour > MOST_COLOUR:
        yield f"not grey: colour {look.colour:.0f} above {MOST_COLOUR:.0f}"
    if trained:
        likeness = float(look.thumbnail @ np.asarray(trained.thumbnail))
        least = least_likeness(trained.likeness)
        if likeness < least:
            yield (
                f"perhaps no chest X-ray: likeness to the training images {likeness:.2f} "
                f"below {least:.2f}"
            )


def _outside(name: str, value: float, trained: Quantiles, *, decimals: int) -> Iterator[str]:
    low, high = fence(trained)
    if not low <= value <= high:
        found, *limits = (f"{each:.{decimals}f}" for each in (value, low, high))
        yield f"unlike the training images: {name} {found} outside {'..'.join(limits)}"


def fence(trained: Quantiles) -> tuple[float, float]:
    """Return the limits outside of which a measure is unlike the training images'."""
    margin = _MARGIN * (trained.p99 - trained.p01)
    return trained.p01 - margin, trained.p99 + margin


def least_likeness(trained: Quantiles) -> float:
    """Return the likeness below which an image is perhaps of another kind.

    By the 5th percentile, not the 1st: the few odd training images are far from the others.
    """
    return trained.p05 - _TAIL * (trained.median - trained.p05)


def thumbnails(squares: Sequence[NDArray[np.uint8]]) -> Thumbnails:
    """Shrink images to 16 x 16, image x 256, each of mean 0 and unit length."""
    small = [
        np.asarray(Image.fromarray(each).resize((SIDE, SIDE), Image.Resampling.BOX)).ravel()
        for each in squares
    ]
    return np.stack([_unit(each - each.mean()) for each in np.asarray(small, dtype=np.float64)])


def _unit(values: Thumbnails) -> Thumbnails:
    length = float(np.linalg.norm(values))
    return values / length if length else values
