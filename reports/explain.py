"""A page that explains diagnoses: each image, where the network looked, and what that is worth.

One file without scripts; the pictures are inside of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lungbench import __version__
from lungbench.counted import counted
from lungbench.foreign_text import visible
from lungbench.predict.appearance import MOST_COLOUR, fence, least_likeness
from lungbench.predict.card import Appearance, Quantiles
from lungbench.predict.diagnosis import Diagnosed, Diagnosis
from reports.drawings.calibrated import reliability_figure
from reports.drawings.overlay import Overlay, overlay
from reports.forms import format as fmt
from reports.forms.blocks import Figure, Table, table
from reports.page.render import templates, write_page

_READING = (
    "Left the image as it was decoded, right the same with a heat map: where the network's last "
    "feature maps speak for the diagnosis (Grad-CAM). It shows what the network looked at, not "
    "whether that is right; heat outside of the lungs, on letters or at the edges, says that it "
    "has learnt something else than medicine. The map is coarse, and scaled to its own maximum."
)
_NO_FLAG = "Nothing was found that tells it from the training images."
_NO_CARD = "How it compares with the training images isn't known."


@dataclass(frozen=True, slots=True)
class Bar:
    """The probability of one class.

    Attributes:
        share: What the bar's length shows, 0 to 1: the calibrated probability where there is one.
        raw: As the network gives it.
        calibrated: None where it isn't known.
        diagnosed: Whether it is the highest.
    """

    name: str
    share: float
    raw: str
    calibrated: str | None
    diagnosed: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """One image.

    Attributes:
        size: Of the original, in pixels.
        probability: Of the diagnosis, in words.
        pictures: None where the network gave no heat map.
        flags: In what it is unlike the training images, one line each.
        unflagged: What is said where there is no flag.
    """

    title: str
    size: str
    diagnosis: str
    probability: str
    pictures: Overlay | None
    bars: tuple[Bar, ...]
    flags: tuple[str, ...]
    unflagged: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that the page says.

    Attributes:
        notice: What the diagnoses are worth.
        reading: How to read the pictures.
        reliability: How far probabilities can be believed; None where that isn't known.
        uncalibrated: Why they aren't calibrated; empty where they are.
        training: What the training images looked like; None where that isn't known.
        rendered: When and by which version the page was written.
    """

    title: str
    subtitle: str
    notice: str
    reading: str
    images: tuple[Explained, ...]
    reliability: Figure | None
    uncalibrated: str
    training: Table | None
    rendered: str


def write_explanation(found: Diagnosis, notice: str, out: Path) -> Path:
    """Write the page of a diagnosis, whole or not at all.

    Args:
        found: The diagnosis, with its pictures.
        notice: What it is worth, in a line.
        out: The HTML file.

    Returns:
        `out`.

    Raises:
        LungbenchError: It can't be written.
    """
    page = explanation(found, notice, datetime.now(UTC))
    content = templates().get_template("explain.html.jinja").render(page=page)
    return write_page(content, out)


def explanation(found: Diagnosis, notice: str, now: datetime) -> Explanation:
    """Build the page of a diagnosis."""
    calibration = found.card.calibration if found.card else None
    appearance = found.card.appearance if found.card else None
    return Explanation(
        title=f"{counted(len(found.images), 'image')} explained",
        subtitle=f"By {visible(str(found.model))}, SHA-256 {fmt.short_hash(found.sha256)}",
        notice=visible(notice),
        reading=_READING,
        images=tuple(_explained(found, each) for each in found.images),
        reliability=reliability_figure(calibration) if calibration else None,
        uncalibrated=found.uncalibrated,
        training=_training(appearance) if appearance else None,
        rendered=f"Written {fmt.moment(now)} by lungbench {__version__}.",
    )


def _explained(found: Diagnosis, image: Diagnosed) -> Explained:
    at, facts = image.predicted, image.picture.facts if image.picture else None
    return Explained(
        title=visible(str(image.path)),
        size=f"{facts.width} by {facts.height} pixels, {facts.format}" if facts else fmt.MISSING,
        diagnosis=visible(found.classes[at]),
        probability=_probability(image),
        pictures=overlay(image.picture, image.heat) if image.picture and image.heat else None,
        bars=tuple(_bars(found, image)),
        flags=image.flags,
        unflagged=_NO_FLAG if found.card else _NO_CARD,
    )


def _probability(image: Diagnosed) -> str:
    raw = fmt.share(image.probabilities[image.predicted])
    if image.flags:
        return f"{raw} as the network gives it, which counts for little here"
    if image.calibrated is None:
        return f"{raw} as the network gives it"
    return (
        f"{fmt.share(image.calibrated[image.predicted])} calibrated, {raw} as the network gives it"
    )


def _bars(found: Diagnosis, image: Diagnosed) -> Iterator[Bar]:
    for at, (name, raw) in enumerate(zip(found.classes, image.probabilities, strict=True)):
        calibrated = image.calibrated[at] if image.calibrated else None
        yield Bar(
            name=visible(name),
            share=round(raw if calibrated is None else calibrated, 4),
            raw=fmt.share(raw),
            calibrated=None if calibrated is None else fmt.share(calibrated),
            diagnosed=at == image.predicted,
        )


def _training(seen: Appearance) -> Table:
    """Return what images are held against, and when they are flagged."""
    rows = [_measure("Brightness, mean grey of 255", seen.brightness, decimals=0)]
    if seen.aspect:
        rows.append(_measure("Aspect, width over height", seen.aspect, decimals=2))
    low, middle, high, _ = _measure("", seen.likeness, decimals=2)[1:]
    least = f"below {least_likeness(seen.likeness):.2f}"
    rows.append(("Likeness to their mean, 16 by 16", low, middle, high, least))
    missing = (fmt.MISSING,) * 3
    rows.append(("Colour beside a tint, of 255", *missing, f"above {MOST_COLOUR:.0f}"))
    stored = fmt.listed([f"{number:,} {visible(mode)}" for mode, number in seen.modes.items()])
    caption = f"{counted(seen.images, 'training image')}" + (
        f", stored as {stored}" if seen.modes else ""
    )
    titles = ("Measure", "#1st percentile", "#Median", "#99th percentile", "#Flagged")
    return table(caption, titles, rows)


def _measure(name: str, found: Quantiles, *, decimals: int) -> tuple[str, str, str, str, str]:
    low, high = fence(found)
    p01, median, p99, *limits = (
        f"{value:.{decimals}f}" for value in (found.p01, found.median, found.p99, low, high)
    )
    return (name, p01, median, p99, f"outside {' to '.join(limits)}")
