"""The page's drawings of lines and dots. Every colour is a variable of the style sheet.

Each drawing is about 350 px wide, so that it is read at its own size on a phone and stands
beside others on a desk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
from markupsafe import Markup

from lungbench.stats.calibration import Bin
from reports.drawings.svg import MOST_KEPT, TIP, Rows, Spec, draw, spec_of

_SQUARE = 250
_TIPS = alt.Description("tip:N")

FEWEST_JOINED = 5
"""Diagnoses of a dot that the line of a reliability diagram goes through; fewer fall anywhere."""

# Besides its colour, a line is told by its dashes: by who sees no colours, and in a grey print.
DASHES = ((1, 0), (5, 2), (2, 2), (7, 2, 2, 2))


@dataclass(frozen=True, slots=True)
class Curve:
    """One ROC curve.

    Attributes:
        mark: The colour's name in the style sheet: `c1`.
        name: Whose it is.
        points: 1 - specificity and sensitivity, from (0, 0) to (1, 1).
        band: 1 - specificity, and the least and the largest sensitivity of several runs.
    """

    mark: str
    name: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True, slots=True)
class Dots:
    """One cell in a reliability diagram.

    Attributes:
        mark: The colour's name in the style sheet: `c1`.
        bins: Its diagnoses by confidence.
    """

    mark: str
    bins: Sequence[Bin]


def roc_curves(curves: Sequence[Curve], prefix: str, alternative: str) -> Markup:
    """Draw ROC curves, one line each, above the diagonal that guessing gets."""
    rows = {"points": [_line_row(number, curve) for number, curve in enumerate(curves)]}
    banded = any(curve.band for curve in curves)
    if banded:
        rows["bands"] = [_band_row(curve) for curve in curves if curve.band]
    return _over_diagonal(_roc_panel(banded=banded), rows, prefix, alternative)


def _line_row(number: int, curve: Curve) -> dict[str, Any]:
    points = _apart(curve.points)
    return {
        "curve": number,
        "place": list(range(len(points))),
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "colour": f"var(--{curve.mark})",
        "dash": dash_of(curve.mark),
        "tip": f"{TIP}{curve.name}",
    }


def _band_row(curve: Curve) -> dict[str, Any]:
    return {
        "colour": f"var(--{curve.mark})",
        "x": [x for x, _, _ in curve.band],
        "low": [low for _, low, _ in curve.band],
        "high": [high for _, _, high in curve.band],
    }


@lru_cache(MOST_KEPT)
def _roc_panel(*, banded: bool) -> Spec:
    x, y = _share_axis(alt.X, "x", "1 - specificity"), _share_axis(alt.Y, "y", "sensitivity")
    colour = alt.Color("colour:N", scale=None)
    lines = (
        alt.Chart(alt.NamedData("points"))
        .transform_flatten(["place", "x", "y"])
        .mark_line(strokeWidth=1.6, strokeJoin="round")
        .encode(
            x=x,
            y=y,
            color=colour,
            strokeDash=dashes(),
            detail="curve:N",
            order="place:Q",
            description=_TIPS,
        )
    )
    low = _share_axis(alt.Y, "low", "sensitivity")
    bands = (
        alt.Chart(alt.NamedData("bands"))
        .transform_flatten(["x", "low", "high"])
        .mark_area(opacity=0.22)
        .encode(x=x, y=low, y2="high:Q", color=colour, detail="colour:N")
    )
    return _with_diagonal([bands, lines] if banded else [lines])


def reliability_diagram(cells: Sequence[Dots], prefix: str, alternative: str) -> Markup:
    """Draw the share of right diagnoses over their confidence, a dot a bin, a line a cell."""
    values = [
        {
            "cell": number,
            "x": each.confidence,
            "y": each.accuracy,
            "images": each.images,
            "colour": f"var(--{cell.mark})",
            "dash": dash_of(cell.mark),
            "tip": f"{TIP}{_bin_words(each)}",
        }
        for number, cell in enumerate(cells)
        for each in cell.bins
    ]
    most = max((each.images for cell in cells for each in cell.bins), default=1)
    return _over_diagonal(_reliability_panel(most), {"points": values}, prefix, alternative)


@lru_cache(MOST_KEPT)
def _reliability_panel(most: int) -> Spec:
    x = _share_axis(alt.X, "x", "confidence")
    y, colour = _share_axis(alt.Y, "y", "right"), alt.Color("colour:N", scale=None)
    area = alt.Size("images:Q", scale=alt.Scale(domain=[0, most], range=[0, 160]), legend=None)
    chart = alt.Chart(alt.NamedData("points"))
    lines = (
        chart.mark_line(strokeWidth=1.2)
        .transform_filter(alt.datum.images >= FEWEST_JOINED)
        .encode(x=x, y=y, color=colour, strokeDash=dashes(), detail="cell:N")
    )
    dots = chart.mark_circle(opacity=0.85, stroke="var(--paper)", strokeWidth=0.8)
    return _with_diagonal(
        [lines, dots.encode(x=x, y=y, color=colour, size=area, description=_TIPS)]
    )


def dash_of(mark: str) -> int:
    """Return which dashes go with a colour such as `c3`: 0 is an unbroken line."""
    return (int(mark.removeprefix("c")) - 1) % len(DASHES)


def dashes() -> Any:
    """Return the encoding of a line's dashes, by the field `dash`."""
    scale = alt.Scale(domain=list(range(len(DASHES))), range=[list(dash) for dash in DASHES])
    return alt.StrokeDash("dash:O", scale=scale, legend=None)


def _bin_words(found: Bin) -> str:
    diagnoses = "1 diagnosis" if found.images == 1 else f"{found.images:,} diagnoses"
    return f"{diagnoses}, mean confidence {found.confidence:.1%}, right {found.accuracy:.1%}"


def _with_diagonal(layers: Sequence[Any]) -> Spec:
    diagonal = (
        alt.Chart(alt.NamedData("diagonal"))
        .mark_line(color="var(--muted)", strokeDash=[3, 3], strokeWidth=1)
        .encode(x="x:Q", y="y:Q")
    )
    return spec_of(alt.layer(diagonal, *layers).properties(width=_SQUARE, height=_SQUARE))


def _over_diagonal(panel: Spec, rows: dict[str, Rows], prefix: str, alternative: str) -> Markup:
    ends = [{"x": 0, "y": 0}, {"x": 1, "y": 1}]
    return draw([panel], rows | {"diagonal": ends}, prefix, alternative, spacing=0)


def _share_axis(channel: Any, field: str, title: str) -> Any:
    """Return an axis from 0 to 1, so that all these drawings are read alike."""
    axis = alt.Axis(tickCount=5, format=".0%")
    return channel(f"{field}:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=axis)


def _apart(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out the points that no eye can tell from their neighbours: half a pixel."""
    steps = 2 * _SQUARE
    return list(
        dict.fromkeys((round(x * steps) / steps, round(y * steps) / steps) for x, y in points)
    )
