"""What disease adds to a drawn chest: the signs that a radiologist looks for in each class.

covid: ground-glass patches in both lungs, at their outer edges, mostly in the lower zones.
tuberculosis: infiltrates, nodules and cavities with a wall, mostly at the tops of the lungs.
Severity varies, so that the mildest of each are hard to tell from a healthy chest.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lungbench.data.anatomy import Chest, Field, bump, ramp

SIDES = (-1, 1)


def healthy(_chest: Chest, _rng: np.random.Generator) -> Field | float:
    """Add nothing."""
    return 0.0


def covid(chest: Chest, rng: np.random.Generator) -> Field | float:
    """Add ground-glass patches to both lungs."""
    severity, tissue = rng.uniform(0.5, 1), _Tissue.drawn(chest, rng)
    haze: Field | float = 0.0
    for side in SIDES:
        for _ in range(rng.integers(2, 5)):
            x, y = side * rng.uniform(0.62, 0.88), rng.triangular(0.55, 1.25, 1.4)
            height = rng.uniform(0.14, 0.3)
            haze = haze + rng.uniform(0.6, 1) * _cloud(tissue, x, y, 0.75 * height, height)
    return 0.42 * severity * np.clip(haze, 0, 1.4) * chest.lungs


def tuberculosis(chest: Chest, rng: np.random.Generator) -> Field | float:
    """Add infiltrates, nodules and cavities to the top of one lung or both."""
    severity, tissue = rng.uniform(0.5, 1), _Tissue.drawn(chest, rng)
    first = int(rng.choice(SIDES))
    sides = (first, -first)[: rng.integers(1, 3)]
    signs: Field | float = 0.0
    for side in sides:
        signs = signs + _infiltrates(tissue, rng, side) + _nodules(tissue, rng, side)
        signs = signs + _cavities(tissue, rng, side)
    return 0.4 * severity * signs * chest.lungs


Lesions = Callable[[Chest, np.random.Generator], Field | float]

LESIONS: dict[str, Lesions] = {"covid": covid, "normal": healthy, "tuberculosis": tuberculosis}
"""The classes that are drawn, and what each adds to a healthy chest."""


@dataclass(frozen=True, slots=True)
class _Tissue:
    """The grid as diseased tissue sees it: bent, so that no outline is a circle, and mottled."""

    x: Field
    y: Field
    mottle: Field

    @classmethod
    def drawn(cls, chest: Chest, rng: np.random.Generator) -> "_Tissue":
        a, b, c, d = rng.uniform(0, 2 * math.pi, 4)
        coarse = np.sin(9 * chest.y + 5 * chest.x + a)
        fine = np.sin(21 * chest.x - 13 * chest.y + b)
        x = chest.x + 0.02 * coarse + 0.012 * fine
        y = chest.y + 0.025 * np.sin(11 * chest.x + c) - 0.012 * fine
        mottle = 1 + 0.3 * fine * np.sin(34 * y + 15 * x + d)
        return cls(x, y, mottle)


def _infiltrates(tissue: _Tissue, rng: np.random.Generator, side: int) -> Field | float:
    signs: Field | float = 0.0
    for _ in range(rng.integers(1, 4)):
        x, y = _apex(rng, side)
        cloud = _cloud(tissue, x, y, rng.uniform(0.1, 0.22), rng.uniform(0.1, 0.2))
        signs = signs + rng.uniform(0.4, 0.9) * cloud
    return signs


def _nodules(tissue: _Tissue, rng: np.random.Generator, side: int) -> Field | float:
    signs: Field | float = 0.0
    for _ in range(rng.integers(4, 12)):
        x, y = _apex(rng, side)
        distance = _distance(tissue, x, y)
        signs = signs + rng.uniform(0.3, 0.8) * bump(distance, rng.uniform(0.035, 0.075))
    return signs


def _cavities(tissue: _Tissue, rng: np.random.Generator, side: int) -> Field | float:
    """Return thick walls around air."""
    signs: Field | float = 0.0
    for _ in range(rng.integers(0, 3)):
        x, y = _apex(rng, side)
        radius, wall = rng.uniform(0.07, 0.13), rng.uniform(0.035, 0.065)
        distance = _distance(tissue, x, y, rng.uniform(0.8, 1.2))
        air = 0.3 * ramp(radius - distance, 0.03)
        signs = signs + rng.uniform(0.5, 0.9) * tissue.mottle * bump(distance - radius, wall) - air
    return signs


def _apex(rng: np.random.Generator, side: int) -> tuple[float, float]:
    return side * rng.uniform(0.3, 0.75), rng.triangular(0.16, 0.34, 0.8)


def _cloud(tissue: _Tissue, x: float, y: float, width: float, height: float) -> Field:
    """Return a patch with ragged edges and an uneven inside."""
    across, down = (tissue.x - x) / width, (tissue.y - y) / height
    thick = np.clip(1 - (across * across + down * down) / 1.5, 0, None)
    return thick * np.sqrt(thick) * tissue.mottle


def _distance(tissue: _Tissue, x: float, y: float, stretch: float = 1.0) -> Field:
    across, down = (tissue.x - x) * stretch, tissue.y - y
    return np.asarray(np.sqrt(across * across + down * down))
