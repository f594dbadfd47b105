"""How alike two X-rays are when they are laid upon each other.

What is coarse is taken away: all chests have it. What is left of one person, the edges of ribs and
vessels, is in every copy in the same place up to a small movement: cropping a copy by 2 % stretches
it by 4 %. A linear model of the greys finds that movement, as far as a pixel goes, on images of 32
pixels; the second image is moved accordingly, and what then is left apart is measured on 64.

Source of the linear model: Lucas and Kanade, "An Iterative Image Registration Technique" (1981),
with the slopes of both images, as in Benhimane and Malis (2004).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lungbench.data.pixel_file import Images
from lungbench.data.thumbnails import SIDE, Thumbnails, resized

SAME_PICTURE = 0.93
"""Likeness from which on two images show the same picture; see docs/decisions.md."""

_WORTH_MOVING = 0.85
"""The same before anything is moved; of the copies that were measured, none was below 0.94."""

_BLUR = 5
_AT_ONCE = 64

Details = NDArray[np.floating[Any]]  # of single precision


class _Grid(NamedTuple):
    """The size at which images are compared.

    Attributes:
        side: Height and width in pixels.
        margin: Pixels at each side that are left out, since cropping and moving replace them.
    """

    side: int
    margin: int

    @property
    def places(self) -> Details:
        """Where the pixels within the margin lie, -1 at one edge of the image to 1 at the other."""
        centres = (np.arange(self.side, dtype=np.float32) + 0.5) / self.side
        return (2 * centres - 1)[self.margin : -self.margin]


_COARSE, _FINE = _Grid(SIDE, 3), _Grid(64, 5)


def same_picture(
    pixels: Images, small: Thumbnails, pairs: NDArray[np.int64], *, mirrored: bool = False
) -> NDArray[np.bool_]:
    """Return whether two images show the same picture.

    Args:
        pixels: The images.
        small: The same, reduced.
        pairs: Positions, pair x 2.
        mirrored: Look at the second image in a mirror.
    """
    flip = -1 if mirrored else 1
    found = np.zeros(len(pairs), dtype=bool)
    for start in range(0, len(pairs), _AT_ONCE):
        some = pairs[start : start + _AT_ONCE]
        left, right = (small.some(side) for side in some.T.tolist())
        worth = start + np.flatnonzero(_worth_moving(left, right[:, :, ::flip]))
        if len(worth):
            one, other = ([pixels[image] for image in side] for side in pairs[worth].T.tolist())
            found[worth] = likeness(one, [image[:, ::flip] for image in other]) >= SAME_PICTURE
    return found


def likeness(
    left: Sequence[NDArray[np.uint8]], right: Sequence[NDArray[np.uint8]]
) -> NDArray[np.float64]:
    """Return the correlation of the images' details when the right ones are moved onto the left.

    Args:
        left: Squares of equal size.
        right: As many of the same size.

    Returns:
        Of each pair, up to 1; 1 for two images without any detail.
    """
    one, other = (_details(_reduced(side, _COARSE), _COARSE) for side in (left, right))
    movements = _compared(one, other, _COARSE)[1]
    moved = [_moved(*each) for each in zip(right, movements, strict=True)]
    one, other = (_details(_reduced(side, _FINE), _FINE) for side in (left, moved))
    return _compared(one, other, _FINE)[0]


def _worth_moving(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return whether reduced images are so alike that it is worth laying them upon each other."""
    like = _compared(_details(left, _COARSE), _details(right, _COARSE), _COARSE)[0]
    return np.greater_equal(like, _WORTH_MOVING)


def _reduced(images: Sequence[NDArray[np.uint8]], grid: _Grid) -> NDArray[np.uint8]:
    small = np.empty((len(images), grid.side, grid.side), dtype=np.uint8)
    for place, image in enumerate(images):
        small[place] = resized(image, grid.side)
    return small


def _compared(
    left: Details, right: Details, grid: _Grid
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the likeness after a small movement, and the movement, pair x 6, in image sides."""
    apart = _inner(left - right, grid).reshape(len(left), -1, 1)
    slopes = _slopes((left + right) / 2, grid)
    towards = slopes @ apart
    squares = slopes @ slopes.transpose(0, 2, 1) + 1e-6 * np.eye(slopes.shape[1])
    movement = np.linalg.solve(squares, towards)
    left_apart = (apart**2).sum(axis=(1, 2)) - (towards * movement).sum(axis=(1, 2))
    return 1 - left_apart.astype(np.float64) / 2, movement[:, :, 0] / grid.side


def _details(squares: NDArray[np.uint8], grid: _Grid) -> Details:
    """Return each pixel less the mean of those around it, image x row x column.

    Within the margin they have mean 0 and length 1; what has no details stays without.
    """
    details = squares.astype(np.float32)
    details -= _means_around(details)
    inner = _inner(details, grid)
    details -= inner.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt(np.einsum("nij,nij->n", inner, inner))
    details /= np.maximum(length, np.float32(1e-3))[:, np.newaxis, np.newaxis]
    return details


def _means_around(squares: Details) -> Details:
    """Return the mean of the 5 x 5 pixels around each; those at the edge count beyond it, too."""
    side, half = squares.shape[1], _BLUR // 2
    wide = np.pad(squares, ((0, 0), (half, half), (half, half)), mode="edge")
    down = sum((wide[:, step : step + side] for step in range(1, _BLUR)), start=wide[:, :side])
    both: Details = sum(
        (down[:, :, step : step + side] for step in range(1, _BLUR)), start=down[:, :, :side]
    )
    return both / np.float32(_BLUR**2)


def _slopes(details: Details, grid: _Grid) -> Details:
    """Return how shifting, stretching and turning would change each pixel: image x 6 x pixel."""
    across = (_inner(details, grid, right=1) - _inner(details, grid, right=-1)) / 2
    down = (_inner(details, grid, down=1) - _inner(details, grid, down=-1)) / 2
    x, y = grid.places[None, None, :], grid.places[None, :, None]
    changes = [slope * place for slope in (across, down) for place in (np.float32(1), x, y)]
    return np.stack([change.reshape(len(details), -1) for change in changes], axis=1)


def _inner(details: Details, grid: _Grid, *, right: int = 0, down: int = 0) -> Details:
    """Return what lies within the margin, or so many pixels beside it."""
    start, end = grid.margin, grid.side - grid.margin
    return details[:, start + down : end + down, start + right : end + right]


def _moved(image: NDArray[np.uint8], movement: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Move a square as `_compared` found that it lies on the other.

    Args:
        image: Row x column.
        movement: How far to look to the right, in image sides: in the middle, and by how much more
            at the right and at the lower edge; then the same of how far down.
    """
    side = len(image)
    (right, right_by_x, right_by_y), (down, down_by_x, down_by_y) = movement.reshape(2, 3)
    # Pillow counts places in pixels from the upper left corner, and 2 is from edge to edge here.
    matrix = (
        1 + 2 * right_by_x,
        2 * right_by_y,
        side * (right - right_by_x - right_by_y),
        2 * down_by_x,
        1 + 2 * down_by_y,
        side * (down - down_by_x - down_by_y),
    )
    whole, affine, smooth = (side, side), Image.Transform.AFFINE, Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).transform(whole, affine, matrix, smooth))
