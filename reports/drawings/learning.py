"""The page's drawings of accuracy and loss over the epochs: a line a run, or a band of many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Any

import altair as alt
from markupsafe import Markup

from lungbench.counted import counted
from lungbench.record import Epoch
from reports.drawings.bands import band_of
from reports.drawings.svg import MOST_KEPT, TIP, Rows, Spec, draw, spec_of

_WIDTH, _HEIGHT = 276, 110
_SPACING = 12
_TIPS = alt.Description("tip:N")
_MOST_EPOCHS_WITH_DOTS = 12


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is counted of which images: its name, its colour and an epoch's names for it."""

    name: str
    colour: str
    accuracy: str
    loss: str


_KINDS = (
    _Kind("training", "var(--c1)", "accuracy", "loss"),
    _Kind("validation", "var(--c2)", "val_accuracy", "val_loss"),
)


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
    tested: Rows = [
        {"epoch": run.epochs[-1].epoch, "accuracy": run.tested, "tip": _tested_tip(run)}
        for run in runs
        if run.epochs and run.tested is not None
    ]
    panels = _line_panels(_last_epoch(runs), tested=bool(tested))
    rows = {"epochs": values, "tested": tested}
    return draw(panels, rows, prefix, alternative, spacing=_SPACING)


def learning_bands(runs: Sequence[Learnt], prefix: str, alternative: str) -> Markup:
    """Draw the same of many runs: their median, in a band from the least to the largest."""
    last = _last_epoch(runs)
    rows: dict[str, Rows] = {
        "accuracy": [_band_row(runs, kind, kind.accuracy) for kind in _KINDS],
        "loss": [_band_row(runs, kind, kind.loss) for kind in _KINDS],
        "tested": _tested_row(runs, last),
    }
    panels = _band_panels(last, tested=bool(rows["tested"]))
    return draw(panels, rows, prefix, alternative, spacing=_SPACING)


def _epoch_rows(number: int, run: Learnt) -> Rows:
    return [
        {
            "run": number,
            "kind": kind.name,
            "colour": kind.colour,
            "tip": f"{TIP}{run.name}, {kind.name}",
            "epoch": [epoch.epoch for epoch in run.epochs],
            "accuracy": [getattr(epoch, kind.accuracy) for epoch in run.epochs],
            "loss": [getattr(epoch, kind.loss) for epoch in run.epochs],
        }
        for kind in _KINDS
    ]


def _band_row(runs: Sequence[Learnt], kind: _Kind, field: str) -> dict[str, Any]:
    known = [[(each.epoch, getattr(each, field)) for each in run.epochs] for run in runs]
    curves = [[(epoch, value) for epoch, value in run if value is not None] for run in known]
    band, count = band_of(curves), sum(map(bool, curves))
    return {
        "kind": kind.name,
        "colour": kind.colour,
        "tip": f"{TIP}{kind.name}, median of {counted(count, 'run')}",
        "epoch": [epoch for epoch, _, _, _ in band],
        "low": [low for _, low, _, _ in band],
        "median": [middle for _, _, middle, _ in band],
        "high": [high for _, _, _, high in band],
    }


def _tested_tip(run: Learnt) -> str:
    return f"{TIP}{run.name}, test images: {run.tested:.1%}"


def _tested_row(runs: Sequence[Learnt], last: int) -> Rows:
    found = [run.tested for run in runs if run.epochs and run.tested is not None]
    if not found:
        return []
    low, middle, high = min(found), median(found), max(found)
    tip = f"{TIP}test images, median of {counted(len(found), 'run')}: {middle:.1%}"
    return [{"epoch": last, "low": low, "median": middle, "high": high, "tip": tip}]


def _last_epoch(runs: Sequence[Learnt]) -> int:
    return max((epoch.epoch for run in runs for epoch in run.epochs), default=1)


@lru_cache(MOST_KEPT)
def _line_panels(epochs: int, *, tested: bool) -> tuple[Spec, Spec]:
    """Return accuracy and loss over so many epochs; the networks of a page have the same."""
    lines = alt.Chart(alt.NamedData("epochs")).transform_flatten(["epoch", "accuracy", "loss"])
    x, accuracy = _epoch_axis(epochs), _accuracy_axis("accuracy")
    ends = [_diamonds(x, accuracy)] if tested else []
    return (
        _panel([_lines(lines, x, accuracy, epochs, "run:N"), *ends]),
        _panel([_lines(lines, x, _loss_axis("loss"), epochs, "run:N")]),
    )


@lru_cache(MOST_KEPT)
def _band_panels(epochs: int, *, tested: bool) -> tuple[Spec, Spec]:
    """Likewise, of bands."""
    x = _epoch_axis(epochs)
    ends = [_reach(x), _diamonds(x, _accuracy_axis("median"))] if tested else []
    return (
        _panel([*_band("accuracy", x, _accuracy_axis, epochs), *ends]),
        _panel(_band("loss", x, _loss_axis, epochs)),
    )


def _epoch_axis(epochs: int) -> Any:
    return alt.X(
        "epoch:Q",
        title="epoch",
        scale=alt.Scale(domain=[min(1, epochs - 1), epochs], nice=False),
        axis=alt.Axis(format="d", values=_whole_ticks(epochs), grid=False),
    )


def _whole_ticks(epochs: int) -> list[int]:
    """Return about six epochs to label: a scale's own choice would halve them."""
    step = max(1, round(epochs / 6))
    return list(range(step, epochs + 1, step))


def _accuracy_axis(field: str) -> Any:
    axis = alt.Axis(tickCount=4, format=".0%")
    return alt.Y(f"{field}:Q", title="accuracy", scale=alt.Scale(domain=[0, 1]), axis=axis)


def _loss_axis(field: str) -> Any:
    axis = alt.Axis(tickCount=4, format="~r")
    return alt.Y(f"{field}:Q", title="loss", scale=alt.Scale(zero=True), axis=axis)


def _lines(chart: Any, x: Any, y: Any, epochs: int, *detail: str) -> Any:
    # A line through two epochs is hard to see: with few epochs each gets its own dot.
    few = epochs <= _MOST_EPOCHS_WITH_DOTS
    point: Any = alt.OverlayMarkDef(size=22, filled=True) if few else False
    kinds = alt.Scale(domain=[kind.name for kind in _KINDS], range=[[1, 0], [4, 2]])
    return chart.mark_line(strokeWidth=1.6, point=point).encode(
        x=x,
        y=y,
        color=alt.Color("colour:N", scale=None),
        strokeDash=alt.StrokeDash("kind:N", scale=kinds, legend=None),
        detail=[*detail, "kind:N"],
        description=_TIPS,
    )


def _band(data: str, x: Any, axis: Callable[[str], Any], epochs: int) -> list[Any]:
    """Return an area from the least to the largest, and the median's line over it."""
    columns = ["epoch", "low", "median", "high"]
    chart = alt.Chart(alt.NamedData(data)).transform_flatten(columns)
    colour = alt.Color("colour:N", scale=None)
    area = chart.mark_area(opacity=0.22).encode(
        x=x, y=axis("low"), y2="high:Q", color=colour, detail="kind:N"
    )
    return [area, _lines(chart, x, axis("median"), epochs)]


def _diamonds(x: Any, y: Any) -> Any:
    return (
        alt.Chart(alt.NamedData("tested"))
        .mark_point(shape="diamond", size=52, filled=False, strokeWidth=1.6, color="var(--ink)")
        .encode(x=x, y=y, description=_TIPS)
    )


def _reach(x: Any) -> Any:
    """Return the line from the least to the largest test accuracy."""
    rule = alt.Chart(alt.NamedData("tested")).mark_rule(strokeWidth=1.6, color="var(--ink)")
    return rule.encode(x=x, y=_accuracy_axis("low"), y2="high:Q")


def _panel(layers: Sequence[Any]) -> Spec:
    return spec_of(alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT))
