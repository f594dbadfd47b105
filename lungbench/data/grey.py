"""From the pixels of any layout to 8 bits of grey.

Grey is Pillow's `convert("L")` (ITU-R 601 luma), as in the paper's section III.A, where that is
sound. It is not for transparent pixels: those lie on black, the colour of a radiograph where
nothing was exposed, and never show the colour hidden beneath. Nor is it for pixels deeper than 8
bits, which Pillow clips to white.

Those are scaled by the range that is really used. Sixteen bits are how files store them; detectors
and digitisers give 10, 12 or 14, and a picture of 12 bits that is scaled by 65535 is nearly black.
A file that states fewer than 16 bits is believed. Where it says 16, the picture has the least
usual depth that holds its brightest pixel. Its own minimum and maximum would be another choice,
but then one hot pixel or a label decides the contrast, and a dim picture can't be told from a
bright one, which the paper's measure of quality is about (section III.A).
"""

from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lungbench.data.unreadable import UnreadableImage

DEPTHS = (8, 10, 12, 14, 16)
"""Bits a pixel that detectors and film digitisers give."""

STORED_BITS = 16
"""The deepest pixels that are read."""

_TIFF_BITS_PER_SAMPLE = 258
_TIFF_PHOTOMETRIC = 262
_TIFF_WHITE_IS_ZERO = 0
_SCALED_WHEN_READ = "PPM"


class Picture(NamedTuple):
    """A picture in grey.

    Attributes:
        grey: Of mode `L`, at its own size.
        layout: How its pixels were stored, such as `RGB` or `I;16 12-bit`.
    """

    grey: Image.Image
    layout: str


def to_grey(image: Image.Image) -> Picture:
    """Turn an image that was loaded into grey.

    Raises:
        UnreadableImage: The range of its pixels can't be known.
    """
    if image.mode == "F":
        raise UnreadableImage("floating-point pixels, whose range the file doesn't state")
    if image.mode.startswith("I"):
        return _from_deep(image)
    if image.has_transparency_data:
        return Picture(_on_black(image).convert("L"), image.mode)
    return Picture(image if image.mode == "L" else image.convert("L"), image.mode)


def depth_in_use(brightest: int) -> int:
    """Return the least depth in bits that holds this value, 0 to 65535."""
    return next(bits for bits in DEPTHS if brightest < 2**bits)


def _on_black(image: Image.Image) -> Image.Image:
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "black"), layered)


def _from_deep(image: Image.Image) -> Picture:
    stated = _stated_bits(image)
    values = np.asarray(image)
    if values.min() < 0 or values.max() >= 2**stated:
        raise UnreadableImage(f"pixels outside the file's stated range of 0 to {2**stated - 1}")
    bits = _real_bits(image, stated, values)
    greys = _greys(bits)
    grey = Image.fromarray((greys[::-1] if _white_is_zero(image) else greys)[values])
    return Picture(grey, image.mode if bits == STORED_BITS else f"{image.mode} {bits}-bit")


def _stated_bits(image: Image.Image) -> int:
    bits = _tiff_tag(image, _TIFF_BITS_PER_SAMPLE, default=STORED_BITS)
    if bits > STORED_BITS:  # deeper integers are scaled by no convention
        raise UnreadableImage(f"{bits}-bit pixels, whose range the file doesn't state")
    return bits


def _real_bits(image: Image.Image, stated: int, values: NDArray[Any]) -> int:
    # PNG's own statement (sBIT) is of no help: its pixels fill 16 bits whatever that says.
    if stated < STORED_BITS or image.format == _SCALED_WHEN_READ:
        return stated
    return depth_in_use(int(values.max()))


def _greys(bits: int) -> NDArray[np.uint8]:
    """Return the grey of each value that so many bits can hold, rounded."""
    white = 2**bits - 1
    greys: NDArray[np.int64] = (np.arange(2**bits) * 255 + white // 2) // white
    return greys.astype(np.uint8)


def _white_is_zero(image: Image.Image) -> bool:
    # Pillow inverts such TIFFs itself up to 8 bits, but not at 16.
    return _tiff_tag(image, _TIFF_PHOTOMETRIC, default=1) == _TIFF_WHITE_IS_ZERO


def _tiff_tag(image: Image.Image, tag: int, default: int) -> int:
    tags = getattr(image, "tag_v2", {})
    value = tags.get(tag, default)
    return cast("int", value[0] if isinstance(value, tuple) else value)
