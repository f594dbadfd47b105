"""First epoch, steady epochs and the whole run, side by side: what a lab really waits for."""

from collections.abc import Callable, Sequence

from lungbench.guards.judging import usable_for_timing
from lungbench.record import RunRecord
from lungbench.stats.intervals import geometric_mean, speedup
from reports.comparing.cells import Cell
from reports.comparing.comparison import Comparison
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.results.full_time import timed_only
from reports.wording.timing_only import TIMING_ONLY

WHOLE_READING = (
    "The first epoch holds tracing and compilation, the steady ones are those after it. End to end "
    "is the whole run, from the start of its process to its end, with start-up, validation, test "
    "and saving, and without the control legs that lungbench adds. Each speed-up is the ratio of "
    "geometric means over runs, with Welch's 95% interval on logarithms. A device that is fast in "
    "its steady epochs gains less end to end where the rest takes its time."
)

_TITLES = (
    "Network",
    "Device",
    "#First epoch",
    "#Speed-up, first [95%]",
    "#Steady epoch",
    "#Speed-up, steady [95%]",
    "#End to end",
    "#Speed-up, end to end [95%]",
)

# One time of a run in seconds.
Time = Callable[[RunRecord], float | None]


def whole_time(comparisons: Sequence[Comparison]) -> Table | None:
    """Return the three times of every cell; None where nothing was timed."""
    rows = [_row(each) for each in comparisons if each.cell.steady_epochs_s]
    return table("First epoch, steady epochs and end to end", _TITLES, rows) if rows else None


def end_to_end_s(run: RunRecord) -> float | None:
    """Return a run's time without the control legs; None where it was stopped to be timed only."""
    if run.timing is None or timed_only(run):
        return None
    return run.timing.wall_s - (run.timing.ledger.control_s or 0.0)


def times_of(cell: Cell, of: Time) -> tuple[float, ...]:
    """Return one time of each run whose times may stand in a table."""
    found = (of(run) for run in cell.runs if usable_for_timing(run))
    return tuple(time_s for time_s in found if time_s)


def _row(comparison: Comparison) -> tuple[str, ...]:
    cell = comparison.cell
    return (
        cell.title,
        cell.label,
        *_texts(comparison, lambda run: run.timing.first_epoch_s if run.timing else None),
        *_texts(comparison, lambda run: run.timing.steady_epoch_s if run.timing else None),
        *((TIMING_ONLY, fmt.MISSING) if cell.timing_only else _texts(comparison, end_to_end_s)),
    )


def _texts(comparison: Comparison, of: Time) -> tuple[str, str]:
    times = times_of(comparison.cell, of)
    return fmt.seconds(geometric_mean(times)) if times else fmt.MISSING, _ratio(comparison, of)


def _ratio(comparison: Comparison, of: Time) -> str:
    if comparison.is_baseline:
        return "baseline"
    if comparison.speedup is None or comparison.baseline is None:
        return "refused" if comparison.differences else fmt.MISSING
    before, after = times_of(comparison.baseline, of), times_of(comparison.cell, of)
    if not before or not after:
        return fmt.MISSING
    found = speedup(before, after)
    text = fmt.ratio(found.estimate, found.interval)
    return text if found.interval else f"{text}, no interval"
