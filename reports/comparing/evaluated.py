"""The tested networks of a report, each with its single diagnoses where they are still there."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lungbench.diagnoses import Diagnoses, read_diagnoses
from lungbench.metrics import metrics_of
from lungbench.record import Metrics, RunRecord
from reports.comparing.cells import turn_text
from reports.comparing.comparison import Cell, Study
from reports.results.load import Results, Run


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """One run whose network diagnosed the test images.

    Attributes:
        execution: What it is a run of.
        metrics: All that its record and its diagnoses say; a record that was written before some
            of them were known is completed from what it kept.
        diagnoses: With probabilities; None where the file is gone or isn't what the record tells.
    """

    execution: Results
    cell: Cell
    run: RunRecord
    metrics: Metrics
    diagnoses: Diagnoses | None

    @property
    def title(self) -> str:
        """The network, its device and the run: `VGG16 on gpu:0, run 2`."""
        return f"{self.cell.title} on {self.cell.label}, run {turn_text(self.run)}"

    @property
    def names(self) -> tuple[str, str, str]:
        """The first cells of its row in a table: network, device and run."""
        return self.cell.title, self.cell.label, turn_text(self.run)


def evaluated(study: Study, executions: Sequence[Results]) -> tuple[Evaluated, ...]:
    """Return every run that was tested, in the order of the cells."""
    folders = {str(execution.folder): execution for execution in executions}
    return tuple(
        each
        for comparison in study.comparisons
        for each in _of_cell(comparison.cell, folders[comparison.cell.key.execution])
    )


def colours_of(networks: Iterable[Evaluated]) -> dict[str, str]:
    """Return the style sheet's class of each cell's lines, `c1` to `c10`, by the cell's label."""
    labels = dict.fromkeys(each.cell.label for each in networks)
    return {label: f"c{number % 10 + 1}" for number, label in enumerate(labels)}


def by_network(networks: Iterable[Evaluated]) -> list[list[Evaluated]]:
    """Put the runs of one network on the same classes together, in their order."""
    groups: dict[tuple[str, tuple[str, ...]], list[Evaluated]] = defaultdict(list)
    for each in networks:
        groups[each.cell.title, each.run.data.classes].append(each)
    return list(groups.values())


def _of_cell(cell: Cell, execution: Results) -> Iterable[Evaluated]:
    runs = {run.record.run_id: run for run in execution.runs}
    for record in cell.runs:
        if record.metrics is not None:
            diagnoses = _diagnoses(runs[record.run_id], record.metrics)
            metrics = diagnoses.metrics() if diagnoses else _completed(record, record.metrics)
            yield Evaluated(execution, cell, record, metrics, diagnoses)


def _diagnoses(run: Run, metrics: Metrics) -> Diagnoses | None:
    try:
        found = read_diagnoses(run.folder, run.record.data.classes)
    except (OSError, ValueError, KeyError):
        return None
    fitting = found.probabilities is not None and found.confusion == metrics.confusion
    return found if fitting else None


def _completed(record: RunRecord, metrics: Metrics) -> Metrics:
    """Add to an old record what follows from its matrix."""
    if metrics.kappa is not None or metrics.mcc is not None:
        return metrics
    try:
        return metrics_of(metrics.confusion, record.data.classes)
    except ValueError:
        return metrics
