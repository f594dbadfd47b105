"""From a drawn chest to a film: how it lies in the picture, how it was exposed, how it is stored.

Nothing here knows the class, so that neither size, brightness nor file format gives it away.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lungbench.data.anatomy import Field

MIN_SIDE, MAX_SIDE = 256, 512
DRAWN_SIDE = 224
"""Longer sides are enlarged from a drawing of this size, which is as sharp as any film here."""

MARKERS = {
    "R": np.array([[1, 1, 1, 0], [1, 0, 0, 1], [1, 1, 1, 0], [1, 0, 1, 0], [1, 0, 0, 1]], bool),
    "L": np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]], bool),
}


@dataclass(frozen=True, slots=True)
class Film:
    """How one picture was taken.

    Attributes:
        width: In pixels.
        height: Likewise.
        zoom: Half-widths of a chest that fill the shorter side.
        centre: Body coordinates of the picture's centre.
        turn: Rotation in radians.
        exposure: Factor on what the rays met; brighter above 1.
        floor: Grey of air, 0 to 1.
        gamma: Contrast: above 1, the lungs are darker.
        noise: Standard deviation of the noise, in shares of white.
        collimated: Share of the sides that the tube's blades kept dark.
        marker: The lead letter beside the neck, on the patient's own right or left; or none.
        stored_as: How it is stored; a key of `STORED`.
    """

    width: int
    height: int
    zoom: float
    centre: tuple[float, float]
    turn: float
    exposure: float
    floor: float
    gamma: float
    noise: float
    collimated: float
    marker: str
    stored_as: str

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Film":
        """Draw one exposure."""
        longer = MIN_SIDE * (MAX_SIDE / MIN_SIDE) ** rng.uniform(0.2, 1)
        aspect = rng.uniform(0.82, 1.2)
        return cls(
            width=round(longer * min(1, aspect)),
            height=round(longer * min(1, 1 / aspect)),
            zoom=rng.uniform(2.2, 2.65),
            centre=(rng.uniform(-0.07, 0.07), rng.uniform(0.74, 0.88)),
            turn=rng.uniform(-0.06, 0.06),
            exposure=rng.uniform(0.72, 1.02),
            floor=rng.uniform(0, 0.12),
            gamma=rng.uniform(0.85, 1.5),
            noise=rng.uniform(0.006, 0.03),
            collimated=max(0.0, rng.uniform(-0.08, 0.04)),
            marker=str(rng.choice(("", *MARKERS))),
            stored_as=str(rng.choice(tuple(STORED), p=[0.3, 0.2, 0.2, 0.2, 0.1])),
        )

    def body_coordinates(self) -> tuple[Field, Field]:
        """Return the body's x and y of each pixel of the drawing, row x column."""
        shrink = min(1.0, DRAWN_SIDE / max(self.width, self.height))
        width, height = round(self.width * shrink), round(self.height * shrink)
        scale = self.zoom / min(width, height)
        across = (np.arange(width) - (width - 1) / 2)[np.newaxis, :] * scale
        down = (np.arange(height) - (height - 1) / 2)[:, np.newaxis] * scale
        cosine, sine = math.cos(self.turn), math.sin(self.turn)
        x, y = self.centre
        return x + cosine * across - sine * down, y + sine * across + cosine * down

    def develop(self, density: Field, rng: np.random.Generator) -> Field:
        """Return the film's greys, 0 to 1, of a drawing's densities."""
        whole = _enlarged(density, self.height, self.width)
        exposed = np.clip(whole * self.exposure, 0, None)
        grey = self.floor + (1 - self.floor) * _saturated(exposed) ** self.gamma
        self._mark(grey)
        grey += self.noise * rng.standard_normal(grey.shape)
        return np.clip(grey * self._shutter(), 0, 1)

    def _mark(self, grey: Field) -> None:
        if not self.marker:
            return
        dot = max(2, min(self.width, self.height) // 100)
        letter = np.kron(MARKERS[self.marker], np.ones((dot, dot), dtype=bool))
        rows, columns = letter.shape
        top = round(0.07 * self.height)
        left = round(0.08 * self.width)
        if self.marker == "L":
            left = self.width - left - columns
        grey[top : top + rows, left : left + columns][letter] = 0.95

    def _shutter(self) -> Field:
        edge = round(self.collimated * min(self.width, self.height))
        open_field = np.zeros((self.height, self.width))
        open_field[edge : self.height - edge, edge : self.width - edge] = 1
        return open_field


def save(grey: Field, folder: Path, name: str, stored_as: str) -> None:
    """Write greys from 0 to 1 as one image file."""
    STORED[stored_as](grey, folder / name)


def _saturated(exposed: Field) -> Field:
    """Bend densities as film and display do: steep in the lungs, flat towards white."""
    return exposed * (1.6 - 0.6 * np.minimum(exposed, 1.3)) * 0.97


def _enlarged(drawing: Field, height: int, width: int) -> Field:
    """Interpolate linearly, without BLAS: its threads cost more than they save here."""
    row, down = _places(drawing.shape[0], height)
    column, across = _places(drawing.shape[1], width)
    rows = drawing[row] + down[:, np.newaxis] * (drawing[row + 1] - drawing[row])
    left = rows[:, column]
    return np.asarray(left + across * (rows[:, column + 1] - left))


def _places(drawn: int, wanted: int) -> tuple[NDArray[np.intp], Field]:
    """Return between which of `drawn` values each of `wanted` lies: after which, and how far."""
    place = np.clip((np.arange(wanted) + 0.5) * drawn / wanted - 0.5, 0, drawn - 1)
    before = np.minimum(place.astype(np.intp), drawn - 2)
    return before, place - before


def _bytes(grey: Field) -> Image.Image:
    return Image.fromarray(np.rint(grey * 255).astype(np.uint8))


def _png_l(grey: Field, path: Path) -> None:
    _bytes(grey).save(path.with_suffix(".png"), compress_level=1)


def _png_rgb(grey: Field, path: Path) -> None:
    _bytes(grey).convert("RGB").save(path.with_suffix(".png"), compress_level=1)


def _png_16(grey: Field, path: Path) -> None:
    deep = np.rint(grey * 65535).astype(np.uint16)
    Image.fromarray(deep).save(path.with_suffix(".png"), compress_level=1)


def _jpeg_l(grey: Field, path: Path) -> None:
    _bytes(grey).save(path.with_suffix(".jpg"), quality=92)


def _jpeg_rgb(grey: Field, path: Path) -> None:
    _bytes(grey).convert("RGB").save(path.with_suffix(".jpg"), quality=90)


STORED: dict[str, Callable[[Field, Path], None]] = {
    "png": _png_l,
    "png-rgb": _png_rgb,
    "jpeg": _jpeg_l,
    "jpeg-rgb": _jpeg_rgb,
    "png-16": _png_16,
}
"""The ways to store a film."""
