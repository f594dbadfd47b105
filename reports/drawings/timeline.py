"""A run's resource samples, thinned to what a drawing can show."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lungbench.guards.table import OTHER_LOAD_WARN_PERCENT
from lungbench.record import RunRecord
from reports.results.load import Run
from reports.results.phases import Phase, epochs_of_last_attempt, phases_of
from reports.results.readings import Column, Readings

COLUMNS = 296
"""Pixels of a drawing's width; one minimum and one maximum in each hide nothing."""

_GIBI = 1024**3
_MOST_BOUNDS = 30
# Of the run: busy times that are no further apart, three pixels, are shaded as one.
_GAP = 0.01

Points = tuple[tuple[float, float], ...]
Span = tuple[float, float]


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
        phases: What the run was doing.
        busy: When other processes took more of the host than a trusted time allows.
    """

    end_s: float
    epoch_bounds_s: tuple[float, ...]
    panels: tuple[TimelinePanel, ...]
    phases: tuple[Phase, ...] = ()
    busy: tuple[Span, ...] = ()


def timeline(run: Run) -> Timeline | None:
    """Read the samples of a run; None where it has none that can be drawn."""
    readings = Readings.of(run)
    return drawn(readings, run.record) if readings else None


def drawn(readings: Readings, record: RunRecord) -> Timeline | None:
    """Thin the readings of a run; None where nothing was measured."""
    panels = tuple(panel for quantity in QUANTITIES if (panel := _panel(quantity, readings)))
    if not panels:
        return None
    end_s = readings.end_s
    return Timeline(
        end_s, _bounds(record, end_s), panels, phases_of(record, end_s), _busy(readings, record)
    )


def _panel(quantity: Quantity, readings: Readings) -> TimelinePanel | None:
    names = [
        name
        for pattern in quantity.columns
        for name in readings.columns
        if re.fullmatch(pattern, name)
    ]
    if not names:
        return None
    return TimelinePanel(
        quantity.title,
        tuple(_thinned(readings.t_s, readings.columns[name] / quantity.unit) for name in names),
    )


def _thinned(times: Column, values: Column) -> Points:
    """Keep the smallest and the largest value of every column of the drawing, in their order."""
    known = np.isfinite(values)
    times, values = times[known], values[known]
    if len(times) <= 2 * COLUMNS:
        return tuple(zip(times.tolist(), values.tolist(), strict=True))
    starts = np.flatnonzero(np.diff(_column_of(times), prepend=-1))
    columns = pairwise((*starts.tolist(), len(values)))
    kept = np.unique([place for start, end in columns for place in _extremes(values, start, end)])
    return tuple(zip(times[kept].tolist(), values[kept].tolist(), strict=True))


def _extremes(values: Column, start: int, end: int) -> tuple[int, int]:
    """Return where a part of the values has its first smallest and its last largest one."""
    part = values[start:end]
    return start + int(part.argmin()), end - 1 - int(part[::-1].argmax())


def _column_of(times: Column) -> np.typing.NDArray[np.int64]:
    """Return the pixel column of each reading."""
    width = (times[-1] - times[0]) / COLUMNS
    places: np.typing.NDArray[np.int64] = ((times - times[0]) / width).astype(np.int64)
    return places


def _busy(readings: Readings, record: RunRecord) -> tuple[Span, ...]:
    """Return when others took more than the guard allows, on average over a pixel's time."""
    others = readings.columns.get("other_load_percent")
    if others is None:
        return ()
    times, limit = readings.t_s, OTHER_LOAD_WARN_PERCENT * record.host.cpu_logical
    places = _column_of(times) if len(times) > COLUMNS else np.arange(len(times))
    counts = np.bincount(places, weights=np.isfinite(others))
    sums = np.bincount(places, weights=np.nan_to_num(others))
    loud = sums > limit * np.maximum(counts, 1)
    # A reading tells of the time since the one before.
    starts = np.concatenate(([0.0], times[:-1]))
    spans = [
        (float(starts[inside[0]]), float(times[inside[-1]]))
        for place in np.flatnonzero(loud)
        if (inside := np.flatnonzero(places == place)).size
    ]
    return _joined(spans, _GAP * float(times[-1]))


def _joined(spans: Sequence[Span], gap_s: float) -> tuple[Span, ...]:
    """Put spans together that follow each other within a time."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1] + gap_s:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _bounds(record: RunRecord, end_s: float) -> tuple[float, ...]:
    """Return where epochs begin and the last one ends; of many, evenly spaced ones."""
    epochs = epochs_of_last_attempt(record)
    if not epochs:
        return ()
    last = epochs[-1]
    bounds = [epoch.started_s for epoch in epochs]
    bounds.append(last.started_s + last.train_s + (last.validation_s or 0))
    step = -(-len(bounds) // _MOST_BOUNDS)
    return tuple(bound for bound in bounds[::step] if bound <= end_s)
