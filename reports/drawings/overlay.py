"""An image and its heat map as pictures that a page holds inside of it."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from lungbench.predict.images import Picture
from lungbench.predict.job import HeatMap

# From little heat to much: each is lighter than the one before, so that grey prints and eyes that
# don't tell red from green see it too. `explain.css` has the same in its legend.
_RAMP = ((87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
_MOST_COVERED = 0.75

Colours = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Overlay:
    """Two pictures of one image, in its own proportions.

    Attributes:
        original: As it was decoded, in grey; a data URI.
        heated: The same under the heat map; a data URI.
    """

    original: Markup
    heated: Markup
    width: int
    height: int


def overlay(picture: Picture, heat: HeatMap) -> Overlay:
    """Lay a heat map over an image.

    Args:
        picture: The image, as a square.
        heat: Its heat map, whatever its size, over the same square.
    """
    side = len(picture.pixels)
    longer = max(picture.facts.width, picture.facts.height)
    width = max(1, round(side * picture.facts.width / longer))
    height = max(1, round(side * picture.facts.height / longer))
    grey = Image.fromarray(picture.pixels).resize((width, height), Image.Resampling.BILINEAR)
    map_ = Image.fromarray(np.asarray(heat, dtype=np.float32))
    hot = np.asarray(map_.resize((width, height), Image.Resampling.BICUBIC)).clip(0, 1)
    mixed = heated(np.asarray(grey, dtype=np.float64), hot.astype(np.float64))
    return Overlay(_data_uri(grey), _data_uri(Image.fromarray(mixed)), width, height)


def heated(grey: Colours, heat: Colours) -> NDArray[np.uint8]:
    """Colour a picture by heat; where there is none it stays as it is.

    Args:
        grey: Row x column, 0 to 255.
        heat: Row x column, 0 to 1.

    Returns:
        Row x column x red, green and blue.
    """
    places = np.linspace(0, 1, len(_RAMP))
    colours = np.stack([np.interp(heat, places, channel) for channel in zip(*_RAMP, strict=True)])
    cover = _MOST_COVERED * heat
    mixed = (1 - cover) * grey + cover * colours
    return np.rint(np.moveaxis(mixed, 0, -1)).astype(np.uint8)


def _data_uri(image: Any) -> Markup:
    content = io.BytesIO()
    image.save(content, "PNG")
    text = base64.b64encode(content.getvalue()).decode()
    return Markup(f"data:image/png;base64,{text}")  # noqa: S704  letters, digits, +, / and =
