"""How colourful an image file is, of which networks see only the grey.

A radiograph is grey however it is stored, or tinted: its colour then follows from its grey, as
where blue film was photographed. In a photograph of anything else one grey has several colours.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from lungbench.data.decode import FORMATS

_GREY_MODES = ("1", "L", "LA", "F", "I")
_SIDE = 64  # arrows and the noise of JPEG's colours are gone at this size
_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as the decoder's grey
_TINT_DEGREE = 3  # of the polynomial in grey that a tint may be


def colourfulness(content: bytes) -> float:
    """Return how far colours lie from the image's own tint, as levels from 0 to 255.

    It is the mean length, over the pixels of the image shrunk to 64 x 64, of what a polynomial in
    their grey leaves of red - green and blue - green.

    Args:
        content: Of an image file that could be decoded; DICOM, which Pillow doesn't read, is grey.
    """
    try:
        return _colourfulness(content)
    except UnidentifiedImageError:
        return 0.0


def _colourfulness(content: bytes) -> float:
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if image.mode in _GREY_MODES or image.mode.startswith("I;"):
            return 0.0
        image.draft("RGB", (_SIDE, _SIDE))  # JPEGs only: a fraction of the work
        small = _opaque(image).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return _beside_the_tint(np.asarray(small, dtype=np.float64).reshape(-1, 3))


def _beside_the_tint(pixels: NDArray[np.float64]) -> float:
    grey = pixels @ _LUMA / 255
    powers = np.vander(grey, _TINT_DEGREE + 1)
    differences = pixels[:, (0, 2)] - pixels[:, (1, 1)]
    tint, *_ = np.linalg.lstsq(powers, differences, rcond=None)
    left = differences - powers @ tint
    return float(np.hypot(*left.T).mean())


def _opaque(image: Image.Image) -> Image.Image:
    """Return the colours that are seen, on black as the decoder has them."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    black = Image.new("RGBA", layered.size, "black")
    return Image.alpha_composite(black, layered).convert("RGB")
