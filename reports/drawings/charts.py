"""The page's drawings of lines and dots. Every colour is a variable of the style sheet.

Each drawing is about 350 px wide, so that it is read at its own size on a phone and stands
beside others on a desk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from markupsafe import Markup

from lungbench.record import Epoch
from lungbench.stats.calibration import Bin
from reports.drawings.svg import Rows, draw
from reports.drawings.timeline import Timeline, TimelinePanel

_CURVE_WIDTH = 276
_TIMELINE_WIDTH = 296
_SQUARE = 250
_MOST_EPOCHS_WITH_DOTS = 12


@dataclass(frozen=True, slots=True)
class Curve:
    """One ROC curve.

    Attributes:
        mark: The colour's name in the style sheet: `c1`.
        points: 1 - specificity and sensitivity, from (0, 0) to (1, 1).
    """

    mark: str
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


def learning_curves(runs: Sequence[Sequence[Epoch]], prefix: str, alternative: str) -> Markup:
    """Draw accuracy above loss over the epochs, training and validation, one line a run."""
    values = [
        {"run": number, "epoch": epoch.epoch, "kind": kind, "colour": colour} | pair
        for number, epochs in enumerate(runs)
        for epoch in epochs
        for kind, colour, pair in (
            ("train", "var(--c1)", {"accuracy": epoch.accuracy, "loss": epoch.loss}),
            ("validation", "var(--c2)", {"accuracy": epoch.val_accuracy, "loss": epoch.val_loss}),
        )
    ]
    epochs = max((epoch.epoch for each in runs for epoch in each), default=1)
    x = alt.X(
        "epoch:Q",
        title="epoch",
        scale=alt.Scale(domain=[min(1, epochs - 1), epochs], nice=False),
        axis=alt.Axis(format="d", values=_whole_ticks(epochs), grid=False),
    )
    few = epochs <= _MOST_EPOCHS_WITH_DOTS
    panels = [
        _curve(x, "accuracy", alt.Scale(domain=[0, 1]), ".0%", few=few),
        _curve(x, "loss", alt.Scale(zero=True), "~r", few=few),
    ]
    return draw(panels, {"epochs": values}, prefix, alternative, spacing=12)


def timelines(timeline: Timeline, prefix: str, alternative: str) -> Markup:
    """Draw what a run took from its machine, one panel a quantity, over the same seconds."""
    last = len(timeline.panels) - 1
    panels = [
        _timeline_panel(panel.title, number, timeline.end_s, last=number == last)
        for number, panel in enumerate(timeline.panels)
    ]
    values = {f"panel{number}": _points(panel) for number, panel in enumerate(timeline.panels)}
    values["bounds"] = [{"at": at} for at in timeline.epoch_bounds_s]
    return draw(panels, values, prefix, alternative, spacing=4)


def roc_curves(curves: Sequence[Curve], prefix: str, alternative: str) -> Markup:
    """Draw ROC curves, one line each, above the diagonal that guessing gets."""
    values = [
        {"curve": number, "place": place, "x": x, "y": y, "colour": f"var(--{curve.mark})"}
        for number, curve in enumerate(curves)
        for place, (x, y) in enumerate(_apart(curve.points))
    ]
    lines = (
        alt.Chart(alt.NamedData("points"))
        .mark_line(strokeWidth=1.6, strokeJoin="round")
        .encode(
            x=_share_axis(alt.X, "x", "1 - specificity"),
            y=_share_axis(alt.Y, "y", "sensitivity"),
            color=alt.Color("colour:N", scale=None),
            detail="curve:N",
            order="place:Q",
        )
    )
    return _over_diagonal([lines], values, prefix, alternative)


def reliability_diagram(cells: Sequence[Dots], prefix: str, alternative: str) -> Markup:
    """Draw the share of right diagnoses over their confidence, a dot a bin, a line a cell."""
    values = [
        {
            "cell": number,
            "x": each.confidence,
            "y": each.accuracy,
            "images": each.images,
            "colour": f"var(--{cell.mark})",
        }
        for number, cell in enumerate(cells)
        for each in cell.bins
    ]
    x = _share_axis(alt.X, "x", "confidence")
    y, colour = _share_axis(alt.Y, "y", "right"), alt.Color("colour:N", scale=None)
    most = max((each.images for cell in cells for each in cell.bins), default=1)
    area = alt.Size("images:Q", scale=alt.Scale(domain=[0, most], range=[0, 160]), legend=None)
    chart = alt.Chart(alt.NamedData("points"))
    lines = chart.mark_line(strokeWidth=1.2).encode(x=x, y=y, color=colour, detail="cell:N")
    dots = chart.mark_circle(opacity=0.85, stroke="var(--paper)", strokeWidth=0.8)
    return _over_diagonal(
        [lines, dots.encode(x=x, y=y, color=colour, size=area)], values, prefix, alternative
    )


def _over_diagonal(layers: Sequence[Any], values: Rows, prefix: str, alternative: str) -> Markup:
    diagonal = (
        alt.Chart(alt.NamedData("diagonal"))
        .mark_line(color="var(--muted)", strokeDash=[3, 3], strokeWidth=1)
        .encode(x="x:Q", y="y:Q")
    )
    panel = alt.layer(diagonal, *layers).properties(width=_SQUARE, height=_SQUARE)
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


def _timeline_panel(title: str, number: int, end_s: float, *, last: bool) -> Any:
    x = alt.X(
        "at:Q",
        title="seconds since the start" if last else None,
        scale=alt.Scale(domain=[0, end_s], nice=False),
        axis=alt.Axis(tickCount=5, grid=False, labels=last, ticks=last),
    )
    y = alt.Y(
        "value:Q",
        title=None,
        axis=alt.Axis(tickCount=3, minExtent=28),
        scale=alt.Scale(zero=True),
    )
    lines = (
        alt.Chart(alt.NamedData(f"panel{number}"))
        .mark_line(strokeWidth=1.3, strokeJoin="round")
        .encode(x=x, y=y, color=alt.Color("colour:N", scale=None), detail="series:N")
    )
    rules = (
        alt.Chart(alt.NamedData("bounds"))
        .mark_rule(color="var(--line)", strokeDash=[2, 3], strokeWidth=1)
        .encode(x=x)
    )
    return alt.layer(rules, lines).properties(
        width=_TIMELINE_WIDTH,
        height=62,
        title=alt.Title(title, fontWeight="normal", frame="group", offset=4),
    )


def _points(panel: TimelinePanel) -> Rows:
    return [
        {"at": at, "value": value, "series": number, "colour": f"var(--c{number % 8 + 1})"}
        for number, points in enumerate(panel.series)
        for at, value in points
    ]


def _whole_ticks(epochs: int) -> list[int]:
    """Return about six epochs to label: a scale's own choice would halve them."""
    step = max(1, round(epochs / 6))
    return list(range(step, epochs + 1, step))


def _curve(x: Any, name: str, scale: Any, number_format: str, *, few: bool) -> Any:
    # A line through two epochs is hard to see: with few epochs each gets its own dot.
    point: Any = alt.OverlayMarkDef(size=22, filled=True) if few else False
    return (
        alt.Chart(alt.NamedData("epochs"))
        .mark_line(strokeWidth=1.6, point=point)
        .encode(
            x=x,
            y=alt.Y(
                f"{name}:Q",
                title=name,
                scale=scale,
                axis=alt.Axis(tickCount=4, format=number_format),
            ),
            color=alt.Color("colour:N", scale=None),
            detail=["run:N", "kind:N"],
        )
        .properties(width=_CURVE_WIDTH, height=96)
    )
