"""What may be compared with what, by how much they differ, and why the rest may not.

A cell is what its repeats share. Each cell is set against the cell of the baseline device that
did the same work; where something other than the device differs, there is no speed-up but the
list of what differs.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lungbench.guards import usable_for_timing
from lungbench.models import MODELS
from lungbench.record import RunRecord, Timing
from lungbench.stats import Combined, Speedup, combined, geometric_mean, speedup
from reports.cells import CellKey, key_of, labels, order
from reports.load import Results, Run
from reports.predictions import Outcomes, outcomes_of, pair_up
from reports.quality import Quality, QualityVerdict, adjusted, judge, quality_of
from reports.work import Difference, differences


@dataclass(frozen=True, slots=True)
class Cell:
    """The completed runs of one cell, by repeat.

    Attributes:
        label: Its device, with whatever else tells it from the report's other cells.
        outcomes: What each run's saved predictions say of each test image, by repeat.
    """

    key: CellKey
    label: str
    runs: tuple[RunRecord, ...]
    outcomes: Mapping[int, Outcomes] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The network's name for readers."""
        return MODELS[self.key.model].title

    @property
    def _timings(self) -> tuple[Timing, ...]:
        """The times of the runs whose times may stand in a table."""
        return tuple(run.timing for run in self.runs if run.timing and usable_for_timing(run))

    @property
    def steady_epochs_s(self) -> tuple[float, ...]:
        """The steady epoch time of each run that has one."""
        times = (timing.steady_epoch_s for timing in self._timings)
        return tuple(time for time in times if time)

    @property
    def steady_epoch_s(self) -> float | None:
        """The geometric mean of its runs' steady epoch times."""
        return _mean(self.steady_epochs_s)

    @property
    def first_epoch_s(self) -> float | None:
        """The geometric mean of its runs' first epoch times."""
        return _mean(self.first_epochs_s)

    @property
    def mean_images_per_s(self) -> float | None:
        """The geometric mean of its runs' throughputs."""
        return _mean(self.images_per_s)

    @property
    def first_epochs_s(self) -> tuple[float, ...]:
        """The first epoch's time of each run that has one."""
        times = (timing.first_epoch_s for timing in self._timings)
        return tuple(time for time in times if time)

    @property
    def images_per_s(self) -> tuple[float, ...]:
        """The steady throughput of each run that has one."""
        rates = (timing.images_per_s for timing in self._timings)
        return tuple(rate for rate in rates if rate)

    @property
    def quality(self) -> Quality | None:
        """How well its networks diagnose, if any were evaluated."""
        return quality_of(self.runs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One cell beside its baseline.

    Attributes:
        baseline: None where no completed run of the baseline device fits.
        differences: Why there is no speed-up although both sides have runs.
        missing: Why there is nothing to compare, in words.
        speedup: None for the baseline itself and where a speed-up is refused.
    """

    cell: Cell
    is_baseline: bool
    baseline: Cell | None = None
    differences: tuple[Difference, ...] = ()
    missing: str | None = None
    speedup: Speedup | None = None
    verdict: QualityVerdict | None = None

    @property
    def refusal(self) -> str | None:
        """Why no speed-up is shown, in one sentence; None where one is, and for the baseline."""
        if self.differences:
            return f"no speed-up: {'; '.join(str(each) for each in self.differences)}."
        return None if self.missing is None else f"no speed-up: {self.missing}"

    @property
    def other_host(self) -> bool:
        """Whether the two sides trained on different machines."""
        return self.baseline is not None and self.baseline.key.hostname != self.cell.key.hostname


@dataclass(frozen=True, slots=True)
class Study:
    """All cells of a report, set against their baselines.

    Attributes:
        baseline_device: The first device of the first experiment.
        comparisons: One a cell, models together, in the order of the experiment.
    """

    baseline_device: str | None
    comparisons: tuple[Comparison, ...]


def compare(executions: Sequence[Results]) -> Study:
    """Set every cell against the baseline that did the same work."""
    baseline_device = _baseline_device(executions)
    cells = _cells(executions)
    baselines = [cell for cell in cells if cell.key.device == baseline_device]
    compared = [_compared(cell, baselines) for cell in cells]
    verdicts = adjusted([each.verdict for each in compared])
    return Study(
        baseline_device,
        tuple(
            replace(each, verdict=verdict) for each, verdict in zip(compared, verdicts, strict=True)
        ),
    )


def combined_by_device(study: Study) -> dict[str, tuple[Combined, tuple[str, ...]]]:
    """Return, per label of a device with several models, their geometric mean and their titles."""
    groups: dict[str, list[tuple[str, Speedup]]] = defaultdict(list)
    for each in study.comparisons:
        if each.speedup is not None:
            groups[each.cell.label].append((each.cell.title, each.speedup))
    return {
        label: (
            combined(speedup for _, speedup in group),
            tuple(title for title, _ in group),
        )
        for label, group in groups.items()
        if len(group) > 1
    }


def _mean(values: Sequence[float]) -> float | None:
    return geometric_mean(values) if values else None


def _baseline_device(executions: Sequence[Results]) -> str | None:
    for execution in executions:
        if execution.experiment:
            return str(execution.experiment.matrix.devices[0])
    found = [run.record.spec.device for execution in executions for run in execution.runs]
    return str(min(found)) if found else None  # sorted, "cpu" comes before "gpu"


def _cells(executions: Sequence[Results]) -> list[Cell]:
    groups: dict[CellKey, list[Run]] = defaultdict(list)
    for execution in executions:
        for run in execution.completed:
            groups[key_of(execution, run.record)].append(run)
    label = labels(groups)
    return [_cell(key, label(key), groups[key]) for key in sorted(groups, key=order(executions))]


def _cell(key: CellKey, label: str, found: Sequence[Run]) -> Cell:
    runs = sorted(found, key=lambda run: run.record.spec.repeat)
    outcomes = {run.record.spec.repeat: outcomes_of(run) for run in runs}
    return Cell(
        key,
        label,
        tuple(run.record for run in runs),
        {repeat: each for repeat, each in outcomes.items() if each},
    )


def _compared(cell: Cell, baselines: Sequence[Cell]) -> Comparison:
    if cell in baselines:
        return Comparison(cell, is_baseline=True)
    candidates = [each for each in baselines if each.key.model == cell.key.model]
    if not candidates:
        return Comparison(
            cell, is_baseline=False, missing="no run of the baseline device completed."
        )
    baseline = max(candidates, key=lambda each: _likeness(each.key, cell.key))
    if found := differences(baseline.runs, cell.runs):
        return Comparison(cell, is_baseline=False, baseline=baseline, differences=found)
    if not baseline.steady_epochs_s or not cell.steady_epochs_s:
        return Comparison(cell, is_baseline=False, baseline=baseline, missing=_NO_STEADY_EPOCH)
    return Comparison(
        cell,
        is_baseline=False,
        baseline=baseline,
        speedup=speedup(baseline.steady_epochs_s, cell.steady_epochs_s),
        verdict=judge(baseline.quality, cell.quality, pair_up(baseline.outcomes, cell.outcomes)),
    )


_NO_STEADY_EPOCH = (
    "a side has no steady epoch; the first one holds tracing and compilation, so train 2 or more."
)


def _likeness(one: CellKey, other: CellKey) -> tuple[bool, ...]:
    """Rank baselines: the same variant first, then the same folder, then the same machine."""
    return (
        (one.precision, one.backend, one.pipeline)
        == (other.precision, other.backend, other.pipeline),
        one.execution == other.execution,
        one.hostname == other.hostname,
    )
