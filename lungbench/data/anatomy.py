"""A drawn chest: how much each ray through a body is weakened, seen from the front.

Coordinates are the body's: x grows towards the image's right, which is the patient's left, and is
±1 at the widest inner chest wall; y grows downwards from 0 at the tops of the lungs to about 1.6
at the diaphragm. Densities add up along a ray, as they do in a radiograph, and bright is dense.
Only arithmetic and a few roots and sines are used, so that every machine draws the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
"""One value per pixel: row x column."""


SMALLEST_BUBBLE = 0.06


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What differs between two healthy people, in units of half the chest's width.

    Attributes:
        shoulder: Half-width of the body at the shoulders.
        waist: Half-width of the body at the lower ribs.
        fat: Thickness of the soft tissue all around, 0 to 1.
        breasts: Density of the breast shadows; 0 for none.
        right_dome: Height y of the right diaphragm's top; the left one stands lower.
        left_drop: By how much.
        heart_width: Half-width of the heart.
        heart_x: Its centre, left of the midline.
        hilum_y: Height of the lungs' roots.
        rib_spacing: Distance between neighbouring posterior ribs.
        rib_phase: Where the first one lies, as a share of that distance.
        rib_slope: How steeply they fall towards the sides.
        rib_density: How bright they are.
        clavicle_rise: How steeply the collar bones rise towards the shoulders.
        vessel_phases: Where the vessels leave the hila, in radians.
        bubble: Half-height of the air bubble in the stomach; none below `SMALLEST_BUBBLE`.
        sway: Sideways bend of the spine.
    """

    shoulder: float
    waist: float
    fat: float
    breasts: float
    right_dome: float
    left_drop: float
    heart_width: float
    heart_x: float
    hilum_y: float
    rib_spacing: float
    rib_phase: float
    rib_slope: float
    rib_density: float
    clavicle_rise: float
    vessel_phases: tuple[float, ...]
    bubble: float
    sway: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Anatomy":
        """Draw one person."""
        return cls(
            shoulder=rng.uniform(1.4, 1.62),
            waist=rng.uniform(1.14, 1.3),
            fat=rng.uniform(0, 1),
            breasts=max(0.0, rng.uniform(-0.14, 0.14)),
            right_dome=rng.uniform(1.3, 1.55),
            left_drop=rng.uniform(0.02, 0.11),
            heart_width=rng.uniform(0.38, 0.5),
            heart_x=rng.uniform(0.16, 0.25),
            hilum_y=rng.uniform(0.7, 0.8),
            rib_spacing=rng.uniform(0.185, 0.215),
            rib_phase=rng.uniform(0, 1),
            rib_slope=rng.uniform(0.26, 0.44),
            rib_density=rng.uniform(0.07, 0.13),
            clavicle_rise=rng.uniform(0.12, 0.3),
            vessel_phases=tuple(rng.uniform(0, 2 * np.pi, 5)),
            bubble=rng.uniform(-0.08, 0.18),
            sway=rng.uniform(-0.03, 0.03),
        )


@dataclass(frozen=True, slots=True)
class Chest:
    """A body on a grid of pixels.

    Attributes:
        x: Body coordinate of each pixel.
        y: Likewise.
        lungs: How much of each ray's path lies in lung, 0 to 1.
        density: What is added up along the ray; about 0 in air, 0.3 in lung, 0.9 in the heart.
    """

    x: Field
    y: Field
    lungs: Field
    density: Field


def ramp(distance: Field, width: float) -> Field:
    """Rise smoothly from 0 to 1 while `distance` goes from -width to +width."""
    step = distance * (0.5 / width)
    step += 0.5
    np.clip(step, 0, 1, out=step)
    return step * step * (3 - 2 * step)


def bump(distance: Field, width: float) -> Field:
    """Return a smooth hill of height 1 at 0 that ends at ±width."""
    hill = distance * (1 / width)
    hill *= hill
    np.subtract(1, hill, out=hill)
    np.maximum(hill, 0, out=hill)
    hill *= hill
    return hill


def chest(anatomy: Anatomy, x: Field, y: Field) -> Chest:
    """Draw a healthy chest on the pixels with these body coordinates."""
    side = np.abs(x)
    body = _body(anatomy, side, y)
    middle = _mediastinum(anatomy, x, y)
    cage = _cage(side, y)
    above = _above_diaphragm(anatomy, x, y)
    lungs = cage * above * (1 - middle)
    depth = 0.68 + 0.22 * bump(side - 0.55, 0.75) + 0.1 * bump(y - 0.75, 0.9)
    density = 0.8 * body - 0.52 * lungs * depth
    density += body * (0.1 * middle * above + 0.1 * (1 - above) * cage)
    density += body * _bones(anatomy, x, y, lungs, cage)
    density += 0.14 * _vessels(anatomy, x, y) * lungs
    density += anatomy.breasts * _breasts(side, y) - 0.3 * body * _air(anatomy, x, y)
    return Chest(x, y, lungs, density)


def _body(anatomy: Anatomy, side: Field, y: Field) -> Field:
    shoulders = (anatomy.shoulder - 0.36) * ramp(y + 0.1 - 0.06 * side, 0.3)
    taper = (anatomy.shoulder - anatomy.waist) * ramp(y - 0.62, 0.35)
    half = 0.36 + 0.04 * anatomy.fat + shoulders - taper
    out = side / half
    depth = np.sqrt(np.clip(1 - out * out * out, 0, 1))
    return depth * (0.84 + 0.16 * ramp(y - 1.2, 1.0) + 0.1 * anatomy.fat)


def _cage(side: Field, y: Field) -> Field:
    """Return where the rib cage is, closed at the top and open at the bottom."""
    up = np.clip(1.2 - y, -0.6, None) / 1.21
    out = side / 0.99
    return ramp(1 - out * out * np.sqrt(out) - up * up * np.sqrt(np.abs(up)), 0.06)


def _above_diaphragm(anatomy: Anatomy, x: Field, y: Field) -> Field:
    dome = np.where(x < 0, anatomy.right_dome, anatomy.right_dome + anatomy.left_drop)
    away = np.abs(x) - 0.4
    return ramp(dome + 0.8 * away * away * (0.4 + np.abs(x)) - y, 0.025)


def _mediastinum(anatomy: Anatomy, x: Field, y: Field) -> Field:
    """Return the shadow between the lungs: great vessels, aortic knob, heart, right atrium."""
    centre = x - anatomy.sway * bump(y - 0.9, 0.9)
    great = ramp(0.15 + 0.05 * bump(y - 0.1, 0.5) - np.abs(centre), 0.05)
    knob = ramp(1 - _ellipse(x - 0.14, y - 0.45, 0.15, 0.17), 0.35)
    trunk = ramp(1 - _ellipse(x - 0.1, y - 0.7, 0.22, 0.26), 0.4)
    fallen = y - 1.27 - 0.36 * (x - anatomy.heart_x)
    heart = ramp(1 - _ellipse(x - anatomy.heart_x, fallen, anatomy.heart_width, 0.47), 0.13)
    atrium = ramp(1 - _ellipse(x + 0.06, y - 1.3, 0.26, 0.4), 0.2)
    return 1 - (1 - great) * (1 - knob) * (1 - trunk) * (1 - heart) * (1 - atrium)


def _ellipse(x: Field, y: Field, half_width: float, half_height: float) -> Field:
    across, down = x / half_width, y / half_height
    return across * across + down * down


def _bones(anatomy: Anatomy, x: Field, y: Field, lungs: Field, cage: Field) -> Field:
    side = np.abs(x)
    visible = (0.2 + 0.2 * cage + 0.6 * lungs) * anatomy.rib_density
    wall = ramp(1.1 - side, 0.08) * ramp(side - 0.12, 0.03) * ramp(y + 0.02, 0.08)
    ribs = _posterior_ribs(anatomy, side, y) + 0.5 * _anterior_ribs(anatomy, side, y)
    bones = visible * ribs * wall + 0.05 * _scapulae(side, y)
    return bones + 0.12 * _clavicles(anatomy, side, y) + 0.09 * _spine(anatomy, x, y)


def _posterior_ribs(anatomy: Anatomy, side: Field, y: Field) -> Field:
    fall = anatomy.rib_slope * side * side * (0.75 + 0.35 * y) - 0.1 * side
    return _ladder((y - fall) / anatomy.rib_spacing + anatomy.rib_phase, 0.24)


def _anterior_ribs(anatomy: Anatomy, side: Field, y: Field) -> Field:
    rise = 0.62 * side * (1.2 - 0.35 * side)
    rungs = _ladder((y + rise) / (1.15 * anatomy.rib_spacing) - anatomy.rib_phase, 0.3)
    return rungs * ramp(side - 0.45, 0.15)


def _ladder(position: Field, half_width: float) -> Field:
    """Return bars around every whole number, brighter at their edges as bones' cortex is."""
    off = np.abs(position - np.rint(position))
    return 0.75 * ramp(half_width - off, 0.07) + 0.4 * bump(off - half_width + 0.04, 0.08)


def _clavicles(anatomy: Anatomy, side: Field, y: Field) -> Field:
    along = side - 0.15
    middle = 0.33 - anatomy.clavicle_rise * along - 0.09 * bump(along - 0.3, 0.32)
    off = np.abs(y - middle)
    length = ramp(along, 0.03) * ramp(1.1 - along, 0.06)
    return (0.75 * ramp(0.05 - off, 0.018) + 0.5 * bump(off - 0.04, 0.02)) * length


def _scapulae(side: Field, y: Field) -> Field:
    edge = side - 1.0 - 0.1 * bump(y - 0.75, 0.5)
    return ramp(edge, 0.03) * ramp(1.3 - side, 0.1) * ramp(y - 0.1, 0.1) * ramp(0.95 - y, 0.12)


def _spine(anatomy: Anatomy, x: Field, y: Field) -> Field:
    off = np.abs(x - anatomy.sway * bump(y - 0.9, 0.9))
    rungs = _ladder(y / (1.02 * anatomy.rib_spacing) + anatomy.rib_phase, 0.36)
    return ramp(0.125 - off, 0.03) * (0.35 + 0.5 * rungs) + 0.3 * bump(off, 0.04)


def _vessels(anatomy: Anatomy, x: Field, y: Field) -> Field:
    """Return vessels that leave the two hila, bend, thin out and fork on their way."""
    left = np.sign(x)
    across, down = np.abs(x) - 0.2, y - anatomy.hilum_y + 0.03 * left
    radius = np.sqrt(across * across + down * down) + 0.03
    bend = 0.35 * np.sin(5 * x + anatomy.vessel_phases[0]) * np.sin(4 * y)
    angle = np.arctan2(down, across) + 0.6 * left + bend * radius
    lines = sum(
        _rays(angle * (3 + 2.5 * k) + twist + (3 * k - 4) * radius)
        * bump(radius - 0.1 - 0.2 * k, 0.3 + 0.06 * k)
        for k, twist in enumerate(anatomy.vessel_phases[1:])
    )
    return 0.8 * bump(radius, 0.26) + 0.6 * lines


def _rays(angle: Field) -> Field:
    off = 1 - np.abs(np.sin(angle))
    off *= off
    off *= off
    return np.asarray(off)


def _breasts(side: Field, y: Field) -> Field:
    return ramp(1 - _ellipse(side - 0.6, y - 1.1, 0.55, 0.45), 0.35)


def _air(anatomy: Anatomy, x: Field, y: Field) -> Field:
    """Return the windpipe and, where there is one, the stomach's bubble above its fluid."""
    windpipe = 0.45 * ramp(0.07 - np.abs(x + 0.01), 0.03) * ramp(0.55 - y, 0.12)
    if anatomy.bubble < SMALLEST_BUBBLE:
        return windpipe
    down = y - anatomy.right_dome - anatomy.left_drop - 0.04 - 0.6 * anatomy.bubble
    round_top = ramp(1 - _ellipse(x - 0.52, down, 0.12 + 0.5 * anatomy.bubble, anatomy.bubble), 0.3)
    return windpipe + 0.8 * round_top * ramp(0.5 * anatomy.bubble - down, 0.02)
