"""The page's drawings with one row a cell or a run, the networks one below the other.

Every colour is a variable of the style sheet. Drawings that stand side by side have the same
rows at the same heights.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import altair as alt
from markupsafe import Markup

from reports.drawings.svg import MOST_KEPT, TIP, Rows, Spec, blank, completed, draw, spec_of

_WIDTH = 326
_ROW_HEIGHT = 24
# Between plots, headings included, whatever is drawn in them: else drawings beside don't align.
_SPACING = 28

_TIPS = alt.Description("tip:N")
_BASELINE = "var(--baseline)"
_OTHER = "var(--c1)"


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One cell's row in a drawing of estimates.

    Attributes:
        group: The heading it stands under; rows of a group follow each other.
        label: Its name; unique within its group.
        baseline: Whether others are compared with it.
        estimate: None draws only the name.
        low: Lower limit, or None without an interval.
        high: Upper limit, or None without an interval.
        dots: Every single run.
        hollow: Other values of the same kind, drawn as empty diamonds.
        reference: What a dashed line across the group marks.
        said: The estimate in words, for the label of its mark.
        dots_said: Each run in words; none are labelled by their value.
        hollow_said: Likewise.
    """

    group: str
    label: str
    baseline: bool
    estimate: float | None
    low: float | None = None
    high: float | None = None
    dots: tuple[float, ...] = ()
    hollow: tuple[float, ...] = ()
    reference: float | None = None
    said: str = ""
    dots_said: tuple[str, ...] = ()
    hollow_said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """The scale that all rows of a drawing share, from 0.

    Attributes:
        title: What is measured, with its unit.
        highest: Its end; None ends it behind the last value.
        number_format: In d3's notation; None is plain numbers.
        bars: Whether the length from 0 carries meaning.
    """

    title: str
    highest: float | None = None
    number_format: str | None = None
    bars: bool = False

    def x(self, highest: float, *, labelled: bool) -> dict[str, Any]:
        """Return how altair draws it; only the lowest of several is labelled."""
        axis = alt.Axis(
            title=self.title if labelled else None,
            format=self.number_format or alt.Undefined,
            tickCount=4,
            labels=labelled,
            ticks=labelled,
            domain=labelled,
        )
        return {"scale": alt.Scale(domain=[0, highest], nice=False), "axis": axis}


@dataclass(frozen=True, slots=True)
class StackedRow:
    """One run's bar: the seconds of its phases, coloured `c1`, `c2` and so on.

    Attributes:
        said: Each phase in words, for the labels of the marks.
    """

    group: str
    label: str
    seconds: tuple[float, ...]
    said: tuple[str, ...] = ()


def forest(rows: Sequence[ForestRow], axis: Axis, prefix: str, alternative: str) -> Markup:
    """Draw one row a cell: the estimate, its interval, and every run as a dot.

    Args:
        rows: The rows, those of a group together.
        axis: Their scale.
        prefix: Makes the ids inside unique on the page.
        alternative: What it shows, in words.
    """
    highest = axis.highest or _scale_end(rows)
    groups = [(name, list(members)) for name, members in groupby(rows, lambda row: row.group)]
    extent = _label_extent(row.label for row in rows)
    panels = []
    for number, (name, members) in enumerate(groups, start=1):
        labels = tuple(row.label for row in members)
        dashed = any(row.reference is not None for row in members)
        labelled = number == len(groups)
        template = _forest_panel(labels, axis, highest, extent, labelled=labelled, dashed=dashed)
        panels.append(completed(template, group=name))
    values = {name: [_forest_values(row, highest) for row in members] for name, members in groups}
    return draw(panels, values, prefix, alternative, spacing=_SPACING, flush=True)


def stacked(rows: Sequence[StackedRow], prefix: str, alternative: str) -> Markup:
    """Draw one bar a run, made of the seconds of its phases in their order.

    Args:
        rows: The rows, those of a group together.
        prefix: Makes the ids inside unique on the page.
        alternative: What it shows, in words.
    """
    axis = Axis("seconds of wall time")
    highest = 1.03 * max(sum(row.seconds) for row in rows) or 1.0
    groups = [(name, list(members)) for name, members in groupby(rows, lambda row: row.group)]
    extent = _label_extent(row.label for row in rows)
    panels = []
    for number, (name, members) in enumerate(groups, start=1):
        labels = tuple(dict.fromkeys(row.label for row in members))
        template = _stacked_panel(labels, axis, highest, extent, labelled=number == len(groups))
        panels.append(completed(template, group=name))
    values = {
        name: [value for row in members for value in _stacked_values(row)]
        for name, members in groups
    }
    return draw(panels, values, prefix, alternative, spacing=_SPACING, flush=True)


@lru_cache(MOST_KEPT)
def _stacked_panel(
    labels: Sequence[str], axis: Axis, highest: float, extent: float, *, labelled: bool
) -> Spec:
    """Return the panel of a group whose rows have these names, without the group's own."""
    x = alt.X("s:Q", **axis.x(highest, labelled=labelled))
    y, colour = _names(labels, extent), alt.Color("colour:N", scale=None)
    bars = (
        alt.Chart()
        .mark_bar(height=14)
        .encode(x=x, y=y, color=colour, order="phase:O", description=_TIPS)
    )
    return _panel(bars, extent)


@lru_cache(MOST_KEPT)
def _forest_panel(
    labels: Sequence[str],
    axis: Axis,
    highest: float,
    extent: float,
    *,
    labelled: bool,
    dashed: bool,
) -> Spec:
    """Return the panel of a group whose rows have these names, without the group's own."""
    x = axis.x(highest, labelled=labelled)
    return _panel(_forest_layers(labels, axis, x, extent, dashed=dashed), extent)


def _forest_layers(
    labels: Sequence[str], axis: Axis, x: dict[str, Any], extent: float, *, dashed: bool
) -> Any:
    chart, colour, y = alt.Chart(), alt.Color("colour:N", scale=None), _names(labels, extent)
    bars = chart.mark_bar(height=12, opacity=0.35)
    interval = chart.mark_rule(strokeWidth=2)
    mean = chart.mark_tick(thickness=2.5, size=14)
    dots = chart.transform_flatten(["dots", "dots_said"]).mark_circle(
        size=34, opacity=0.85, stroke="var(--paper)", strokeWidth=0.8
    )
    hollow = chart.transform_flatten(["hollow", "hollow_said"]).mark_point(
        shape="diamond", size=46, filled=False, strokeWidth=1.6, color="var(--ink)"
    )
    layers = [
        *(
            [bars.encode(x=alt.X("estimate:Q", **x), y=y, color=colour, description=_TIPS)]
            if axis.bars
            else []
        ),
        interval.encode(x=alt.X("low:Q", **x), x2="high:Q", y=y, color=colour, description=_TIPS),
        mean.encode(x=alt.X("estimate:Q", **x), y=y, color=colour),
        dots.encode(
            x=alt.X("dots:Q", **x), y=y, color=colour, description=alt.Description("dots_said:N")
        ),
        hollow.encode(x=alt.X("hollow:Q", **x), y=y, description=alt.Description("hollow_said:N")),
    ]
    if dashed:
        reference = chart.mark_rule(strokeDash=[3, 3], color="var(--muted)", strokeWidth=1.2)
        layers.append(reference.encode(x=alt.X("max(reference):Q", **x)))
    return alt.layer(*layers)


def _panel(chart: Any, extent: float) -> Spec:
    return spec_of(
        chart.properties(
            data=alt.NamedData(blank("group")),
            width=_WIDTH - extent,
            height=alt.Step(_ROW_HEIGHT),
            title=alt.Title(blank("group"), frame="group", offset=4),
        )
    )


def _names(labels: Sequence[str], extent: float) -> Any:
    """Return the axis that names the rows, also those that have nothing to draw."""
    axis = alt.Axis(
        domain=False, ticks=False, minExtent=extent, maxExtent=extent, labelLimit=extent
    )
    scale = alt.Scale(domain=list(labels))
    return alt.Y("label:N", title=None, sort=None, axis=axis, scale=scale)


def _label_extent(labels: Iterable[str]) -> float:
    """Return the pixels that the rows' names take, the same in drawings side by side."""
    return min(132.0, 6.6 * max(map(len, labels), default=0) + 4)


def _scale_end(rows: Sequence[ForestRow]) -> float:
    """Return where the scale ends: behind the last value, and behind intervals that aren't huge.

    Two runs can give an interval a hundred times as wide as everything else, which on one scale
    would hide the values themselves.
    """
    values = [
        value
        for row in rows
        for value in (row.estimate, row.reference, *row.dots, *row.hollow)
        if value is not None
    ]
    last = max(values, default=1.0)
    limits = [row.high for row in rows if row.high is not None and row.high <= 2 * last]
    return 1.06 * max(last, *limits, 1e-9)


def _forest_values(row: ForestRow, highest: float) -> dict[str, Any]:
    return {
        "label": row.label,
        "colour": _BASELINE if row.baseline else _OTHER,
        "tip": _tip(f"{row.label}: {row.said}" if row.said else row.label),
        "estimate": row.estimate,
        "low": row.low,
        "high": None if row.high is None else min(row.high, highest),
        "dots": list(row.dots) or [None],
        "dots_said": _tips(row, row.dots, row.dots_said),
        "hollow": list(row.hollow) or [None],
        "hollow_said": _tips(row, row.hollow, row.hollow_said),
        "reference": row.reference,
    }


def _tips(row: ForestRow, values: Sequence[float], said: Sequence[str]) -> list[str]:
    """Label every single value, as many as are drawn."""
    words = said or [f"{value:.3g}" for value in values]
    return [_tip(f"{row.label}: {each}") for each in words] or [""]


def _tip(text: str) -> str:
    return f"{TIP}{text}"


def _stacked_values(row: StackedRow) -> Rows:
    return [
        {
            "label": row.label,
            "s": s,
            "phase": phase,
            "colour": f"var(--c{phase + 1})",
            "tip": _tip(f"{row.label}: {row.said[phase]}" if row.said else row.label),
        }
        for phase, s in enumerate(row.seconds)
        if s > 0
    ]
