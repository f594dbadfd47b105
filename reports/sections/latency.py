"""How long a trained network takes to diagnose one image, on each device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lungbench.guards.judging import usable_for_timing
from lungbench.record import Latency
from lungbench.stats.intervals import geometric_mean, speedup
from reports.comparing.cells import Cell
from reports.comparing.comparison import Comparison, Study
from reports.forms import format as fmt
from reports.forms.blocks import Table, table

_READING = (
    "From decoded pixels in memory to probabilities in memory, each time with its number of images "
    "a call: the median of repeated calls after the training, in its process and on its device. "
    "Reading and decoding files is not in it. How many times as fast as the baseline is the ratio "
    "of the geometric means over independent runs, with Welch's 95% interval on logarithms. "
    "Research use, not a medical device."
)

_TITLES = (
    "Network",
    "Device",
    "#Runs",
    "#One at a time",
    "#Speed-up, one [95%]",
    "#In calls of 64",
    "#Speed-up, 64 [95%]",
    "Missing",
)

# One of the two times of a run, in seconds an image.
Time = Callable[[Latency], float | None]


@dataclass(frozen=True, slots=True)
class ToDiagnose:
    """What one diagnosis takes.

    Attributes:
        table: One row a cell whose runs were timed.
        reading: How to read it.
    """

    table: Table
    reading: str


def latency(study: Study) -> ToDiagnose | None:
    """Build the part; None where no run was timed."""
    rows = [_row(each) for each in study.comparisons if _measured(each.cell)]
    if not rows:
        return None
    caption = "Time per image (geometric means of the runs)"
    return ToDiagnose(table(caption, _TITLES, rows, only_known=True), _READING)


def _row(comparison: Comparison) -> tuple[str, ...]:
    cell, found = comparison.cell, _measured(comparison.cell)
    missing = dict.fromkeys(each.missing for each in found if each.missing)
    return (
        cell.title,
        cell.label,
        fmt.count(len(found)),
        *_time_and_ratio(comparison, lambda each: each.batch_1_s),
        *_time_and_ratio(comparison, lambda each: each.batch_64_s),
        "; ".join(missing) or fmt.MISSING,
    )


def _time_and_ratio(comparison: Comparison, of: Time) -> tuple[str, str]:
    times_s = _times_s(comparison.cell, of)
    mean_s = geometric_mean(times_s) if times_s else None
    return fmt.milliseconds(mean_s), _ratio(comparison, times_s, of)


def _ratio(comparison: Comparison, times_s: Sequence[float], of: Time) -> str:
    """Write how many times as fast a cell diagnoses as its baseline, or why that isn't said."""
    if not times_s:
        return fmt.MISSING
    if comparison.is_baseline:
        return "baseline"
    if comparison.differences:
        return "refused"
    reference_s = _times_s(comparison.baseline, of) if comparison.baseline else ()
    if not reference_s:
        return fmt.MISSING
    found = speedup(reference_s, times_s)
    text = fmt.ratio(found.estimate, found.interval)
    return text if found.interval else f"{text}, no interval"


def _times_s(cell: Cell, of: Time) -> tuple[float, ...]:
    return tuple(time_s for each in _measured(cell) if (time_s := of(each)))


def _measured(cell: Cell) -> tuple[Latency, ...]:
    """Return what the runs measured whose times may stand in a table."""
    return tuple(run.latency for run in cell.runs if run.latency and usable_for_timing(run))
