"""How long training takes to a validation accuracy, counting the runs that never got there."""

from collections.abc import Sequence

from lungbench.counted import counted
from reports.comparing.comparison import Comparison
from reports.comparing.learning import TimeToAccuracy, time_to_accuracy
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.wording.sentences import time_text
from reports.wording.timing_only import TIMING_ONLY

TARGET_READING = (
    "The target of each network is the highest multiple of 5 points of validation accuracy that "
    "every run of its baseline reached; so the baseline always gets there, and another device "
    "may not. Times are of training alone, the first epoch's tracing included, up to the end of "
    "the first epoch that reached it; start-up, validation and checkpoints are left out. Where a "
    "run never got there, its time is only a lower limit, and there is no ratio. There is no "
    "target where the baseline doesn't beat naming the largest class every time."
)

_TITLES = (
    "Network",
    "Device",
    "#Target",
    "#Reached",
    "#Epochs",
    "#Ratio [95%]",
    "Training time",
)


_NO_TIME = [fmt.MISSING] * 4


def to_accuracy(comparisons: Sequence[Comparison]) -> Table | None:
    """Return every cell's time to its baseline's target; None where no network has a target."""
    found = [(each, time_to_accuracy(each)) for each in comparisons]
    if not any(times for _, times in found):
        return None
    rows = [
        (each.cell.title, each.cell.label, *(_texts(times, each) if times else _untimed(each)))
        for each, times in found
    ]
    return table("Training time to a validation accuracy", _TITLES, rows)


def _untimed(comparison: Comparison) -> tuple[str, ...]:
    return (*_NO_TIME, TIMING_ONLY if comparison.cell.timing_only else "no target")


def _texts(found: TimeToAccuracy, comparison: Comparison) -> tuple[str, ...]:
    reached = [run for run in found.runs if run.reached]
    ratio = fmt.ratio(found.ratio.estimate, found.ratio.interval) if found.ratio else fmt.MISSING
    return (
        f"{found.target:.0%}",
        f"{len(reached)} of {counted(len(found.runs), 'run')}",
        fmt.count_range([run.epochs for run in reached]),
        "baseline" if comparison.is_baseline else ratio,
        time_text(found),
    )
