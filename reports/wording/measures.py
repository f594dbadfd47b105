"""How the measures of an image's quality are called, shown and explained."""

from collections.abc import Callable
from dataclasses import dataclass

from lungbench.data.overview import Spread
from lungbench.data.quality import BLACK_LEVEL, SHARPNESS_SIDE
from reports.forms.format import share, significant


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure.

    Attributes:
        name: As in `lungbench.data.quality.Quality`.
        title: For people.
        show: Writes a value.
        number_format: How a spreadsheet writes it.
        meaning: What it is, in a sentence or two.
    """

    name: str
    title: str
    show: Callable[[float], str]
    number_format: str
    meaning: str

    def typical(self, spread: Spread) -> str:
        """Write the median with the quartiles around it."""
        low, middle, high = map(self.show, (spread.quartile_1, spread.median, spread.quartile_3))
        return middle if low == high else f"{middle} ({low} to {high})"


MEASURES = (
    Measure(
        "mean_grey",
        "mean grey",
        significant,
        "0.0",
        "Mean of the pixels after conversion to grey, 0 is black and 255 white. The paper's "
        "measure, of which it keeps 120 to 140 (section III.B).",
    ),
    Measure(
        "contrast",
        "contrast",
        significant,
        "0.0",
        "Standard deviation of the pixels, 0 to 127.5.",
    ),
    Measure(
        "sharpness",
        "sharpness",
        significant,
        "0",
        f"Variance of the Laplacian at {SHARPNESS_SIDE} pixels on the longer side. Blur lowers it; "
        "noise, letters and hard edges raise it.",
    ),
    Measure(
        "entropy_bits",
        "entropy",
        significant,
        "0.00",
        "Shannon entropy of the grey levels, 0 to 8 bits a pixel; low where few levels are used.",
    ),
    Measure(
        "clipped_black_share",
        "clipped black",
        share,
        "0.0%",
        "Share of the pixels at 0. Right beside the patient; inside, detail is lost.",
    ),
    Measure(
        "clipped_white_share",
        "clipped white",
        share,
        "0.0%",
        "Share of the pixels at 255, likewise.",
    ),
    Measure(
        "border_share",
        "black borders",
        share,
        "0.0%",
        f"Share of the area in rows and columns at the edges that are black, at most {BLACK_LEVEL} "
        "of 255.",
    ),
    Measure(
        "aspect",
        "aspect",
        significant,
        "0.00",
        "Width over height; 1 is a square. Networks see every image stretched to a square.",
    ),
)
