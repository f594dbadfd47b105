"""The page's drawings of lines and dots. Every colour is a variable of the style sheet.

Each drawing is about 350 px wide, so that it is read at its own size on a phone and stands
beside others on a desk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import altair as alt
from markupsafe import Markup

from lungbench.record import Epoch
from lungbench.stats.calibration import Bin
from reports.drawings.svg import MOST_KEPT, TIP, Rows, Spec, draw, spec_of

_CURVE_WIDTH = 276
_SQUARE = 250
_TIPS = alt.Description("tip:N")
_MOST_EPOCHS_WITH_DOTS = 12

# Besides its colour, a line is told by its dashes: by who sees no colours, and in a grey print.
DASHES = ((1, 0), (5, 2), (2, 2), (7, 2, 2, 2))


@dataclass(frozen=True, slots=True)
class Curve:
    """One ROC curve.

    Attributes:
        mark: The colour's name in the style sheet: `c1`.
        name: Whose it is.
        points: 1 - specificity and sensitivity, from (0, 0) to (1, 1).
    """

    mark: str
    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Dots:
    """One cell in a reliability diagram.

    Attributes:
        mark: The colour's name in the style sheet: `c1`.
        bins: Its diagnoses by confidence.
    """

    mark: str
    bins: Sequence[Bin]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What one run learnt.

    Attributes:
        tested: Its accuracy on the test images; None where it was not tested.
    """

    name: str
    epochs: Sequence[Epoch]
    tested: float | None


def learning_curves(runs: Sequence[Learnt], prefix: str, alternative: str) -> Markup:
    """Draw accuracy above loss over the epochs: training, validation, and the test at the end."""
    values = [value for number, run in enumerate(runs) for value in _epoch_rows(number, run)]
    tested = [
        {"epoch": run.epochs[-1].epoch, "accuracy": run.tested, "tip": _tested_tip(run)}
        for run in runs
        if run.epochs and run.tested is not None
    ]
    epochs = max((epoch.epoch for run in runs for epoch in run.epochs), default=1)
    panels = _curve_panels(epochs, tested=bool(tested))
    return draw(panels, {"epochs": values, "tested": tested}, prefix, alternative, spacing=12)


def _epoch_rows(number: int, run: Learnt) -> Rows:
    return [
        {
            "run": number,
            "epoch": epoch.epoch,
            "kind": kind,
            "colour": colour,
            "tip": f"{TIP}{run.name}, {kind}",
        }
        | pair
        for epoch in run.epochs
        for kind, colour, pair in (
            ("training", "var(--c1)", {"accuracy": epoch.accuracy, "loss": epoch.loss}),
            ("validation", "var(--c2)", {"accuracy": epoch.val_accuracy, "loss": epoch.val_loss}),
        )
    ]


def _tested_tip(run: Learnt) -> str:
    return f"{TIP}{run.name}, test images: {run.tested:.1%}"


def roc_curves(curves: Sequence[Curve], prefix: str, alternative: str) -> Markup:
    """Draw ROC curves, one line each, above the diagonal that guessing gets."""
    values = [
        {
            "curve": number,
            "place": place,
            "x": x,
            "y": y,
            "colour": f"var(--{curve.mark})",
            "dash": dash_of(curve.mark),
            "tip": f"{TIP}{curve.name}",
        }
        for number, curve in enumerate(curves)
        for place, (x, y) in enumerate(_apart(curve.points))
    ]
    return _over_diagonal(_roc_panel(), values, prefix, alternative)


@cache
def _roc_panel() -> Spec:
    lines = (
        alt.Chart(alt.NamedData("points"))
        .mark_line(strokeWidth=1.6, strokeJoin="round")
        .encode(
            x=_share_axis(alt.X, "x", "1 - specificity"),
            y=_share_axis(alt.Y, "y", "sensitivity"),
            color=alt.Color("colour:N", scale=None),
            strokeDash=dashes(),
            detail="curve:N",
            order="place:Q",
            description=_TIPS,
        )
    )
    return _with_diagonal([lines])


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
    return _over_diagonal(_reliability_panel(most), values, prefix, alternative)


@lru_cache(MOST_KEPT)
def _reliability_panel(most: int) -> Spec:
    x = _share_axis(alt.X, "x", "confidence")
    y, colour = _share_axis(alt.Y, "y", "right"), alt.Color("colour:N", scale=None)
    area = alt.Size("images:Q", scale=alt.Scale(domain=[0, most], range=[0, 160]), legend=None)
    chart = alt.Chart(alt.NamedData("points"))
    lines = chart.mark_line(strokeWidth=1.2).encode(
        x=x, y=y, color=colour, strokeDash=dashes(), detail="cell:N"
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
    return (
        f"{found.images:,} diagnoses, mean confidence {found.confidence:.1%}, "
        f"right {found.accuracy:.1%}"
    )


def _with_diagonal(layers: Sequence[Any]) -> Spec:
    diagonal = (
        alt.Chart(alt.NamedData("diagonal"))
        .mark_line(color="var(--muted)", strokeDash=[3, 3], strokeWidth=1)
        .encode(x="x:Q", y="y:Q")
    )
    return spec_of(alt.layer(diagonal, *layers).properties(width=_SQUARE, height=_SQUARE))


def _over_diagonal(panel: Spec, values: Rows, prefix: str, alternative: str) -> Markup:
    ends = [{"x": 0, "y": 0}, {"x": 1, "y": 1}]
    return draw([panel], {"points": values, "diagonal": ends}, prefix, alternative, spacing=0)


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


def _whole_ticks(epochs: int) -> list[int]:
    """Return about six epochs to label: a scale's own choice would halve them."""
    step = max(1, round(epochs / 6))
    return list(range(step, epochs + 1, step))


@lru_cache(MOST_KEPT)
def _curve_panels(epochs: int, *, tested: bool) -> tuple[Spec, Spec]:
    """Return accuracy and loss over so many epochs; the networks of a page have the same."""
    x = alt.X(
        "epoch:Q",
        title="epoch",
        scale=alt.Scale(domain=[min(1, epochs - 1), epochs], nice=False),
        axis=alt.Axis(format="d", values=_whole_ticks(epochs), grid=False),
    )
    few = epochs <= _MOST_EPOCHS_WITH_DOTS
    return (
        _curve(x, "accuracy", alt.Scale(domain=[0, 1]), ".0%", few=few, tested=tested),
        _curve(x, "loss", alt.Scale(zero=True), "~r", few=few),
    )


def _curve(
    x: Any, name: str, scale: Any, number_format: str, *, few: bool, tested: bool = False
) -> Spec:
    # A line through two epochs is hard to see: with few epochs each gets its own dot.
    point: Any = alt.OverlayMarkDef(size=22, filled=True) if few else False
    axis = alt.Axis(tickCount=4, format=number_format)
    y = alt.Y(f"{name}:Q", title=name, scale=scale, axis=axis)
    kinds = alt.Scale(domain=["training", "validation"], range=[[1, 0], [4, 2]])
    lines = (
        alt.Chart(alt.NamedData("epochs"))
        .mark_line(strokeWidth=1.6, point=point)
        .encode(
            x=x,
            y=y,
            color=alt.Color("colour:N", scale=None),
            strokeDash=alt.StrokeDash("kind:N", scale=kinds, legend=None),
            detail=["run:N", "kind:N"],
            description=_TIPS,
        )
    )
    ends = (
        alt.Chart(alt.NamedData("tested"))
        .mark_point(shape="diamond", size=52, filled=False, strokeWidth=1.6, color="var(--ink)")
        .encode(x=x, y=y, description=_TIPS)
    )
    layers = [lines, ends] if tested else [lines]
    return spec_of(alt.layer(*layers).properties(width=_CURVE_WIDTH, height=110))
