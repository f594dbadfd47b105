"""What is said of runs that were stopped after a few timed epochs: a time, and no diagnosis."""

from lungbench.counted import counted
from reports.comparing.comparison import Cell, Comparison
from reports.forms import format as fmt
from reports.results.full_time import FullTime

# What stands where such a run would have a diagnosis.
TIMING_ONLY = "timing only"


def prediction_sentence(comparison: Comparison) -> str | None:
    """Say what all epochs would take on the sides that were only timed; None where none was."""
    if comparison.speedup is None:
        return None
    said = [
        f"{prediction_text(found)} on {side.label}"
        for side in comparison.timed_only
        if (found := side.full_time)
    ]
    return f"All epochs would take {fmt.listed(said)}." if said else None


def prediction_text(found: FullTime) -> str:
    """Write a predicted time: `42 min 12 s [42 min 9 s, 42 min 15 s], predicted from 3 of …`."""
    return f"{prediction_time(found)}, {prediction_source(found)}"


def prediction_time(found: FullTime) -> str:
    """Write the time of all epochs with its interval, if any."""
    if found.low_s is None or found.high_s is None:
        return fmt.duration(found.wall_s)
    limits = f"[{fmt.duration(found.low_s)}, {fmt.duration(found.high_s)}]"
    return f"{fmt.duration(found.wall_s)} {limits}"


def prediction_source(found: FullTime) -> str:
    """Say whether a time is measured, or predicted from how many epochs."""
    of = f"{found.trained_epochs} of {counted(found.planned_epochs, 'epoch')}"
    return f"predicted from {of}" if found.predicted else "measured"


def no_quality_sentence(comparison: Comparison) -> str | None:
    """Say that a side was only timed, and what follows from it; None where both were evaluated."""
    timed = comparison.timed_only
    if comparison.speedup is None or not timed:
        return None
    where = fmt.listed([side.label for side in timed])
    epochs = fmt.listed(list(dict.fromkeys(trained_of_planned(side) for side in timed)))
    return (
        f"No diagnosis was made on {where}, timed only for {epochs}: "
        "this speed-up has no quality evidence."
    )


def trained_of_planned(side: Cell) -> str:
    """Write how far its runs were trained: `3 of 120 epochs`."""
    spec = side.runs[0].spec
    return f"{spec.epochs_to_train} of {counted(spec.epochs, 'epoch')}"
