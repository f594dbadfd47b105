"""The drawing of what a run took from its machine over time, one panel a quantity."""

from functools import cache

import altair as alt
from markupsafe import Markup

from reports.drawings.charts import dashes
from reports.drawings.svg import TIP, Rows, Spec, blank, completed, draw, spec_of
from reports.drawings.timeline import COLUMNS, Timeline, TimelinePanel
from reports.results.phases import PHASES

PHASE_MARKS = dict(zip(PHASES, ("c10", "c5", "c1", "c4"), strict=True))
"""The style sheet's colour of each phase of a run."""


def timelines(timeline: Timeline, prefix: str, alternative: str) -> Markup:
    """Draw what a run took from its machine, one panel a quantity, over the same seconds."""
    last = len(timeline.panels) - 1
    end_s = timeline.end_s
    panels = [
        completed(
            _timeline_panel(last=number == last),
            title=panel.title,
            data=f"panel{number}",
            end_s=end_s,
        )
        for number, panel in enumerate(timeline.panels)
    ]
    if timeline.phases:
        panels.insert(0, completed(_phase_strip(), end_s=end_s))
    values = {f"panel{number}": _points(panel) for number, panel in enumerate(timeline.panels)}
    values["bounds"] = [{"at": at} for at in timeline.epoch_bounds_s]
    values["busy"] = [{"at": start, "to": end} for start, end in timeline.busy]
    values["phases"] = [
        {
            "at": each.start_s,
            "to": each.end_s,
            "colour": f"var(--{PHASE_MARKS[each.name]})",
            "tip": f"{TIP}{each.name}: {each.end_s - each.start_s:,.1f} s",
        }
        for each in timeline.phases
    ]
    return draw(panels, values, prefix, alternative, spacing=4)


@cache
def _phase_strip() -> Spec:
    """Return the bar above the panels that tells what the run was doing, without its end."""
    x = alt.X("at:Q", scale=_scale(), axis=None)
    return spec_of(
        alt.Chart(alt.NamedData("phases"))
        .mark_rect()
        .encode(
            x=x,
            x2="to:Q",
            color=alt.Color("colour:N", scale=None),
            description=alt.Description("tip:N"),
        )
        .properties(width=COLUMNS, height=7)
    )


def _scale() -> alt.Scale:
    """Return the scale of a run's seconds, whose end is still to be put in."""
    return alt.Scale(domain=[0, blank("end_s")], nice=False)


@cache
def _timeline_panel(*, last: bool) -> Spec:
    """Return the panel of a quantity, without its title, its data and its end."""
    x = alt.X(
        "at:Q",
        title="seconds since the start" if last else None,
        scale=_scale(),
        axis=alt.Axis(tickCount=5, grid=False, labels=last, ticks=last),
    )
    y = alt.Y(
        "value:Q",
        title=None,
        axis=alt.Axis(tickCount=3, minExtent=28),
        scale=alt.Scale(zero=True),
    )
    lines = (
        alt.Chart(alt.NamedData(blank("data")))
        .transform_flatten(["at", "value"])
        .mark_line(strokeWidth=1.3, strokeJoin="round")
        .encode(
            x=x,
            y=y,
            color=alt.Color("colour:N", scale=None),
            strokeDash=dashes(),
            detail="series:N",
        )
    )
    rules = (
        alt.Chart(alt.NamedData("bounds"))
        .mark_rule(color="var(--line)", strokeDash=[2, 3], strokeWidth=1)
        .encode(x=x)
    )
    busy = (
        alt.Chart(alt.NamedData("busy"))
        .mark_rect(color="var(--busy)")
        .encode(x=x, x2=alt.X2("to:Q"))
    )
    return spec_of(
        alt.layer(busy, rules, lines).properties(
            width=COLUMNS,
            height=62,
            title=alt.Title(blank("title"), fontWeight="normal", frame="group", offset=4),
        )
    )


def _points(panel: TimelinePanel) -> Rows:
    return [
        {
            "at": [at for at, _ in points],
            "value": [value for _, value in points],
            "series": number,
            "colour": f"var(--c{number % 8 + 1})",
            "dash": 0 if number == 0 else 2,
        }
        for number, points in enumerate(panel.series)
    ]
