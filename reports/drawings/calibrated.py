"""The reliability diagram: how often a network is right where it is so sure."""

from collections.abc import Sequence

import altair as alt

from lungbench.counted import counted
from lungbench.predict.card import Calibration
from lungbench.stats.calibration import Bin, calibration_error
from lungbench.stats.intervals import wilson
from reports.drawings.svg import draw, spec_of
from reports.forms import format as fmt
from reports.forms.blocks import Figure, LegendEntry, Panel, Table, table

_SIDE = 270

_READING = (
    "Each dot holds the validation images whose diagnosis got about the same probability: across "
    "the mean of these, upwards the share that is right, with Wilson's 95% interval. On the dashed "
    "line 0.9 means nine in ten; below it the network is too sure of itself. A larger dot holds "
    "more images."
)
_UNSEEN = " Each image on the right was scaled by a temperature that was fitted to others."


def reliability_figure(calibration: Calibration) -> Figure:
    """Draw how far a network's probabilities can be believed, before and after scaling."""
    panels = [_panel("As the network gives them", calibration.raw, "raw")]
    if calibration.scaled and calibration.temperature:
        title = f"Calibrated, temperature {fmt.significant(calibration.temperature)}"
        panels.append(_panel(title, calibration.scaled, "scaled"))
    return Figure(
        reading=_READING + (_UNSEEN if calibration.scaled else ""),
        panels=tuple(panels),
        table=_table(calibration),
        legend=(
            LegendEntry("dot c1", "validation images, and the interval of their share"),
            LegendEntry("rule", "a network that is as right as it is sure"),
        ),
    )


def _panel(title: str, bins: Sequence[Bin], prefix: str) -> Panel:
    error = fmt.share(calibration_error(bins))
    words = "; ".join(
        f"of {counted(each.images, 'image')} with a mean of {fmt.share(each.confidence)}, "
        f"{fmt.share(each.accuracy)} right"
        for each in bins
    )
    alternative = f"Reliability, {title.lower()}, calibration error {error}: {words}."
    values = {"bins": [_values(each) for each in bins], "honest": [{"at": 0.0}, {"at": 1.0}]}
    svg = draw([spec_of(_chart(bins))], values, f"reliability-{prefix}", alternative, spacing=0)
    return Panel(f"{title}: calibration error {error}", svg, alternative)


def _chart(bins: Sequence[Bin]) -> alt.LayerChart:
    chart = alt.Chart(alt.NamedData("bins"))
    x = alt.X("confidence:Q", **_axis("probability of the diagnosis"))
    largest = max(each.images for each in bins)
    size = alt.Size("images:Q", legend=None, scale=alt.Scale(domain=[0, largest], range=[12, 260]))
    honest = alt.Chart(alt.NamedData("honest")).mark_line(
        strokeDash=[3, 3], color="var(--muted)", strokeWidth=1.2
    )
    interval = chart.mark_rule(strokeWidth=2, color="var(--c1)", opacity=0.6)
    dots = chart.mark_circle(opacity=1, color="var(--c1)")
    axis = _axis("share that is right")
    return alt.layer(
        honest.encode(x=alt.X("at:Q", **_axis("probability of the diagnosis")), y="at:Q"),
        interval.encode(x=x, y=alt.Y("low:Q", **axis), y2="high:Q"),
        dots.encode(x=x, y=alt.Y("accuracy:Q", **axis), size=size),
    ).properties(width=_SIDE, height=_SIDE)


def _axis(title: str) -> dict[str, object]:
    axis = alt.Axis(title=title, format=".0%", tickCount=5)
    return {"scale": alt.Scale(domain=[0, 1], nice=False), "axis": axis}


def _values(each: Bin) -> dict[str, float]:
    interval = wilson(_right(each), each.images)
    return {
        "confidence": each.confidence,
        "accuracy": each.accuracy,
        "low": interval.low,
        "high": interval.high,
        "images": each.images,
    }


def _table(calibration: Calibration) -> Table:
    sides = {"as given": calibration.raw, "calibrated": calibration.scaled or ()}
    rows = [
        (
            name,
            f"{each.low:.1f} to {each.high:.1f}",
            fmt.count(each.images),
            fmt.share(each.confidence),
            fmt.share_with_interval(each.accuracy, wilson(_right(each), each.images)),
        )
        for name, bins in sides.items()
        for each in bins
    ]
    caption = f"Reliability on {counted(calibration.images, 'validation image')}"
    titles = ("Probabilities", "Of the diagnosis", "#Images", "#Mean", "#Right [95%]")
    return table(caption, titles, rows)


def _right(each: Bin) -> int:
    return round(each.accuracy * each.images)
