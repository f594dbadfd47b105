"""How far a seed moves the accuracy, and how far training and test accuracy lie apart."""

from collections.abc import Sequence

from reports.comparing.comparison import Cell
from reports.comparing.learning import Spread, accuracy_spread, gap_spread, training_spread
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.wording.timing_only import TIMING_ONLY

SEEDS_READING = (
    "Each repeat has its own seed; with few repeats the standard deviation is itself uncertain. "
    "The gap is the training accuracy of the last epoch minus the test accuracy: the larger, the "
    "more of the training images was learnt by heart. The comparison is not a fair one: training "
    "accuracy is a running mean over the epoch, of augmented images, with dropout on, all of "
    "which make it lower. So a gap near 0 or below does not show that nothing is overfitted, and "
    "gaps of networks with different dropout are hard to compare. The paper concludes that "
    "its 10-layer network overfits least and gives no figure for it."
)

_TITLES = (
    "Network",
    "Device",
    "#Runs",
    "#Test accuracy, mean",
    "#Standard deviation",
    "#Lowest to highest",
    "#Training accuracy",
    "#Gap, mean",
    "#Gap, lowest to highest",
)


def seeds(cells: Sequence[Cell]) -> Table | None:
    """Return every cell's spread over seeds and its train-test gap; None without test accuracy."""
    tested = [(cell, accuracy_spread(cell)) for cell in cells]
    rows = [
        (cell.title, cell.label, *_row(cell, found))
        for cell, found in tested
        if found or cell.timing_only
    ]
    caption = "Spread over seeds, and training against test accuracy"
    anything = any(found for _, found in tested)
    return table(caption, _TITLES, rows, only_known=True) if anything else None


def _row(cell: Cell, tested: Spread | None) -> tuple[str, ...]:
    if tested is None:
        return (fmt.count(len(cell.runs)), TIMING_ONLY, *[fmt.MISSING] * 5)
    return _texts(tested, training_spread(cell), gap_spread(cell))


def _texts(test: Spread, training: Spread | None, gap: Spread | None) -> tuple[str, ...]:
    several = test.runs > 1
    return (
        fmt.count(test.runs),
        fmt.share(test.mean),
        fmt.points(test.deviation).lstrip("+"),
        fmt.share_range(test.low, test.high) if several else fmt.MISSING,
        fmt.share(training.mean if training else None),
        fmt.points(gap.mean if gap else None),
        fmt.points_range(gap.low, gap.high) if gap and several else fmt.MISSING,
    )
