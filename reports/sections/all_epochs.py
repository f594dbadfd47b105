"""What all epochs take, where some cells were only timed for a few of them."""

from collections.abc import Sequence

from reports.comparing.comparison import Cell
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.wording.timing_only import TIMING_ONLY, prediction_source, prediction_time

_TITLES = (
    "Network",
    "Device",
    "#Runs",
    "#Time of all epochs [95%]",
    "Where it is from",
    "Diagnosis",
)
_CAPTION = (
    "Time of all epochs, from the start of a run and without its evaluation (means of the runs; an "
    "interval spans those of its runs)"
)


def all_epochs(cells: Sequence[Cell]) -> Table | None:
    """Set predicted times beside measured ones; None where no cell was only timed."""
    if not any(cell.timing_only for cell in cells):
        return None
    return table(_CAPTION, _TITLES, [_row(cell) for cell in cells])


def _row(cell: Cell) -> tuple[str, ...]:
    found = cell.full_time
    return (
        cell.title,
        cell.label,
        fmt.count(found.runs if found else None),
        prediction_time(found) if found else fmt.MISSING,
        prediction_source(found) if found else fmt.MISSING,
        TIMING_ONLY if cell.timing_only else "made" if cell.quality else fmt.MISSING,
    )
