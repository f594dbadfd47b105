"""A drawing of changes: one row a cell, its interval on both sides of "no change"."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
from markupsafe import Markup

from reports.drawings.svg import draw, spec_of

_WIDTH = 180
_ROW_HEIGHT = 26
_LONGEST = 200.0
_CHARACTER = 6.2  # pixels; the fonts of readers are wider than the one that Vega measures by


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One cell's change.

    Attributes:
        label: Unique in its drawing.
        estimate: 0 is no change.
        low: Lower limit; None without an interval.
        high: Upper limit, likewise.
        mark: The colour's name in the style sheet.
    """

    label: str
    estimate: float
    low: float | None
    high: float | None
    mark: str = "c1"


def change_rows(rows: Sequence[ChangeRow], title: str, prefix: str, alternative: str) -> Markup:
    """Draw each change as a dot with its interval; a row without one has the dot alone.

    Args:
        rows: From the top.
        title: What is drawn and its unit.
        prefix: Makes the ids inside unique on the page.
        alternative: What it shows, in words.
    """
    values = [
        {
            "label": row.label,
            "estimate": row.estimate,
            "low": row.estimate if row.low is None else row.low,
            "high": row.estimate if row.high is None else row.high,
            "colour": f"var(--{row.mark})",
        }
        for row in rows
    ]
    extent = min(_LONGEST, _CHARACTER * max((len(row.label) for row in rows), default=0) + 4)
    y = alt.Y(
        "label:N",
        sort=[row.label for row in rows],
        title=None,
        axis=alt.Axis(labelLimit=_LONGEST, minExtent=extent, ticks=False, domain=False),
    )
    x = alt.X("estimate:Q", title=title, axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=True))
    chart, colour = alt.Chart(alt.NamedData("rows")), alt.Color("colour:N", scale=None)
    zero = (
        alt.Chart(alt.NamedData("zero"))
        .mark_rule(color="var(--muted)", strokeDash=[3, 3])
        .encode(x=alt.X("at:Q"))
    )
    bars = chart.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=title), x2="high:Q", y=y, color=colour
    )
    dots = chart.mark_point(filled=True, size=60, opacity=1).encode(x=x, y=y, color=colour)
    panel = alt.layer(zero, bars, dots).properties(width=_WIDTH, height=_ROW_HEIGHT * len(rows))
    return draw(
        [spec_of(panel)], {"rows": values, "zero": [{"at": 0}]}, prefix, alternative, spacing=0
    )
