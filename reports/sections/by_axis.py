"""What precision, input pipeline and backend buy, each on the same device with all else equal."""

from dataclasses import dataclass

from reports.comparing.cells import Axis
from reports.comparing.comparison import AxisStudy, Comparison, combined_by_label
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.wording.findings import AXIS_TITLES
from reports.wording.quality_sentences import accuracy_text, quality_label
from reports.wording.sentences import mean_sentence, refusals, speedup_text

# What differs besides the name, since the two sides can't do literally the same work.
_DIFFERS: dict[Axis, str] = {
    "precision": (
        "in precision, as asked, and so in their arithmetic: the mixed ones calculate with 16 bits "
        "a number and keep the weights in float32."
    ),
    "pipeline": (
        "in the input pipeline, as asked: cached decodes every image once, before the training; "
        "paper reads, decodes and augments the files in every epoch with Keras's "
        "ImageDataGenerator. Each has an order and random draws of its own, so both train on the "
        "same images and not on the same pixels. Both are tested on the same pixels."
    ),
    "backend": (
        "in the backend, as asked: another library does the arithmetic and draws the random "
        "numbers, so that one seed starts from other weights."
    ),
}
_VALUE_TITLES: dict[Axis, str] = {
    "precision": "Precision",
    "pipeline": "Pipeline",
    "backend": "Backend",
}


@dataclass(frozen=True, slots=True)
class ByAxis:
    """One axis besides the device.

    Attributes:
        reading: What is compared with what, and in what the sides differ.
        table: One row a cell of another value than the first.
        across: The geometric means over models, a sentence each.
        refusals: Why speed-ups are missing, a sentence each.
    """

    title: str
    reading: str
    table: Table
    across: tuple[str, ...]
    refusals: tuple[str, ...]


def by_axis(study: AxisStudy) -> ByAxis:
    """Build the part of one axis."""
    titles = (
        "Network",
        "Device",
        _VALUE_TITLES[study.axis],
        "#Speed-up [95%]",
        "Diagnosis",
        "#Accuracy [95%]",
        "#Difference [95%]",
        "#Steady epoch",
        "#Runs",
    )
    title = AXIS_TITLES[study.axis]
    rows = [_row(each) for each in study.comparisons]
    means = combined_by_label(study.comparisons)
    return ByAxis(
        title=title,
        reading=(
            f"Each row is set against {study.baseline}, the first of the experiment, on the same "
            f"device and machine. The two sides differ {_DIFFERS[study.axis]} All else was "
            "checked to be equal. McNemar's tests stand under “Diagnosis”, adjusted over all rows."
        ),
        table=table(f"{title}, against {study.baseline}", titles, rows, only_known=True),
        across=tuple(mean_sentence(label, *found) for label, found in means.items()),
        refusals=refusals(study.comparisons),
    )


def _row(comparison: Comparison) -> tuple[str, ...]:
    cell, verdict = comparison.cell, comparison.verdict
    return (
        cell.title,
        cell.name.without(comparison.axis),
        cell.key.value(comparison.axis),
        speedup_text(comparison),
        quality_label(comparison),
        accuracy_text(cell),
        fmt.points(verdict.difference, verdict.interval) if verdict else fmt.MISSING,
        fmt.seconds(cell.steady_epoch_s),
        fmt.count(len(cell.runs)),
    )
