"""A run's resource samples, thinned to what a drawing can show."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite

from lungbench.job import SAMPLES_FILE
from lungbench.record import Epoch
from lungbench.resources.samples import Samples, read_samples
from reports.load import Run

# A drawing is 280 px wide; one minimum and one maximum in every second of them hide nothing.
_COLUMNS = 140

_GIBI = 1024**3

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One panel: a title, the columns it draws, and what a drawn unit is in the column's unit.

    Attributes:
        columns: Patterns of column names, drawn in this order of colours.
    """

    title: str
    columns: tuple[str, ...]
    unit: float = 1.0


QUANTITIES = (
    Quantity("CPU, % (100 is one core): this run, others", ("cpu_percent", "other_load_percent")),
    Quantity("Whole host, % (100 is all cores)", ("host_cpu_percent",)),
    Quantity(
        "Memory, GiB: this run (RSS), whole host", ("rss_bytes", "host_memory_used_bytes"), _GIBI
    ),
    Quantity("GPU utilisation, %", (r"gpu\d+_utilisation_percent",)),
    Quantity("GPU memory, GiB", (r"gpu\d+_memory_used_bytes",), _GIBI),
    Quantity("GPU power, W", (r"gpu\d+_power_w",)),
)


@dataclass(frozen=True, slots=True)
class TimelinePanel:
    """One quantity over time: seconds and values of each series."""

    title: str
    series: tuple[Points, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What one run took from its machine.

    Attributes:
        end_s: Seconds from the start of the run to the last sample.
        epoch_bounds_s: Where epochs start and where the last one ends.
        panels: The quantities that were measured.
    """

    end_s: float
    epoch_bounds_s: tuple[float, ...]
    panels: tuple[TimelinePanel, ...]


def timeline(run: Run) -> Timeline | None:
    """Read the samples of a run; None where it has none that can be drawn."""
    try:
        samples = read_samples(run.folder / SAMPLES_FILE)
    except (OSError, EOFError):
        return None
    times = [time for time in samples.get("t_s", ()) if time is not None]
    panels = tuple(panel for quantity in QUANTITIES if (panel := _panel(quantity, samples)))
    if not panels or times[0] == times[-1]:
        return None
    return Timeline(times[-1], _bounds(run.record.epochs, times[-1]), panels)


def _panel(quantity: Quantity, samples: Samples) -> TimelinePanel | None:
    names = [
        name
        for pattern in quantity.columns
        for name in samples
        if re.fullmatch(pattern, name) and any(value is not None for value in samples[name])
    ]
    if not names:
        return None
    return TimelinePanel(
        quantity.title,
        tuple(_thinned(samples["t_s"], samples[name], quantity.unit) for name in names),
    )


def _thinned(times: Sequence[float | None], values: Sequence[float | None], unit: float) -> Points:
    """Keep the smallest and the largest value of every column of the drawing, in their order."""
    points = [
        (time, value / unit)
        for time, value in zip(times, values, strict=True)
        if time is not None and value is not None and isfinite(value)
    ]
    if len(points) <= 2 * _COLUMNS:
        return tuple(points)
    start, end = points[0][0], points[-1][0]
    width = (end - start) / _COLUMNS

    def column(point: tuple[float, float]) -> int:
        return int((point[0] - start) / width)

    kept = []
    for _, group in groupby(points, column):
        inside = list(group)
        extremes = {min(inside, key=lambda p: p[1]), max(inside, key=lambda p: p[1])}
        kept += sorted(extremes)
    return tuple(kept)


def _bounds(epochs: Sequence[Epoch], end_s: float) -> tuple[float, ...]:
    """Return where epochs begin and the last one ends; of many, evenly spaced ones."""
    if not epochs:
        return ()
    last = epochs[-1]
    bounds = [epoch.started_s for epoch in epochs]
    bounds.append(last.started_s + last.train_s + (last.validation_s or 0))
    step = -(-len(bounds) // 30)
    return tuple(bound for bound in bounds[::step] if bound <= end_s)
