"""How each network learned: the paper's figures 5 to 7."""

from collections.abc import Sequence
from statistics import median

from lungbench.counted import counted
from lungbench.record import Epoch, RunRecord
from reports.comparing.cells import turn_text
from reports.comparing.comparison import Cell, Study
from reports.drawings.bands import MOST_LINES
from reports.drawings.learning import Learnt, learning_bands, learning_curves
from reports.forms import format as fmt
from reports.forms.blocks import Figure, LegendEntry, Panel, table

_READING = (
    "Above, the share of images diagnosed rightly after each epoch, below the loss; {lines}. Where "
    "the training line leaves the validation line behind, the network learns its training images "
    "by heart. Training images are augmented and the dropout is on while they are "
    "counted, so validation may well lie above. The diamond is the accuracy on the test images; "
    "how far it lies below the training line is the gap in the table below the drawings."
)

_LINES = "one line a run"
_BANDS = (
    f"one line a run, but of a cell with more than {MOST_LINES} runs the median, in a band from "
    "the least to the largest, in which a run that ended early counts as far as it got; of their "
    "accuracies on the test images likewise"
)

_TITLES = (
    "Network",
    "Device",
    "#Run",
    "#Epochs",
    "#Training",
    "#Validation",
    "#Gap",
    "#Best validation",
    "#at epoch",
    "#Training loss",
    "#Validation loss",
)


def curves(study: Study) -> Figure | None:
    """Draw every cell's learning curves; None where no epoch was recorded."""
    cells = [each.cell for each in study.comparisons if any(run.epochs for run in each.cell.runs)]
    if not cells:
        return None
    return Figure(
        reading=_READING.format(lines=_BANDS if any(map(_banded, cells)) else _LINES),
        panels=tuple(_panel(cell, number) for number, cell in enumerate(cells)),
        table=table(
            "Accuracy and loss at the last epoch; the gap is training minus validation",
            _TITLES,
            [_row(cell, run) for cell in cells for run in cell.runs if run.epochs],
        ),
        legend=(
            LegendEntry("line c1", "training"),
            LegendEntry("line dashed c2", "validation"),
            LegendEntry("hollow", "test images, after the last epoch"),
        ),
    )


def _panel(cell: Cell, number: int) -> Panel:
    title = f"{cell.title} on {cell.label}"
    words = _range_words if _banded(cell) else _run_words
    alternative = f"Learning curves of {title}: {words(_last(cell))}."
    draw = learning_bands if _banded(cell) else learning_curves
    svg = draw([_learnt(run) for run in cell.runs], f"curves{number}", alternative)
    return Panel(title, svg, alternative)


def _banded(cell: Cell) -> bool:
    return len(_last(cell)) > MOST_LINES


def _last(cell: Cell) -> list[Epoch]:
    return [run.epochs[-1] for run in cell.runs if run.epochs]


def _run_words(last: Sequence[Epoch]) -> str:
    return "; ".join(
        f"after epoch {epoch.epoch} training {fmt.share(epoch.accuracy)}, "
        f"validation {fmt.share(epoch.val_accuracy)}"
        for epoch in last
    )


def _range_words(last: Sequence[Epoch]) -> str:
    training = _range([epoch.accuracy for epoch in last])
    validation = _range([epoch.val_accuracy for epoch in last])
    runs = counted(len(last), "run")
    return f"median of {runs} after the last epoch: training {training}, validation {validation}"


def _range(values: Sequence[float | None]) -> str:
    """Write the median of what is known, and its range."""
    known = [value for value in values if value is not None]
    if not known:
        return fmt.MISSING
    return f"{fmt.share(median(known))} ({fmt.share_range(min(known), max(known))})"


def _learnt(run: RunRecord) -> Learnt:
    tested = run.metrics.overall_accuracy if run.metrics else None
    return Learnt(f"run {turn_text(run)}", run.epochs, tested)


def _row(cell: Cell, run: RunRecord) -> tuple[str, ...]:
    last = run.epochs[-1]
    best = max(run.epochs, key=lambda epoch: epoch.val_accuracy or 0)
    known = best.val_accuracy is not None
    return (
        cell.title,
        cell.label,
        turn_text(run),
        fmt.count(len(run.epochs)),
        fmt.share(last.accuracy),
        fmt.share(last.val_accuracy),
        _gap(last),
        fmt.share(best.val_accuracy),
        fmt.count(best.epoch) if known else fmt.MISSING,
        fmt.significant(last.loss),
        fmt.significant(last.val_loss),
    )


def _gap(epoch: Epoch) -> str:
    if epoch.accuracy is None or epoch.val_accuracy is None:
        return fmt.MISSING
    return fmt.points(epoch.accuracy - epoch.val_accuracy)
