"""What may be compared with what, by how much they differ, and why the rest may not.

A cell is what its repeats share. Each cell is set against the cell of the baseline device that
did the same work; where something other than the device differs, there is no speed-up but the
list of what differs.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lungbench.models import MODELS
from lungbench.record import RunRecord
from lungbench.stats import Speedup, geometric_mean, speedup
from reports.load import Results
from reports.quality import Quality, QualityVerdict, judge, quality_of
from reports.work import Difference, differences


@dataclass(frozen=True, slots=True)
class CellKey:
    """What all runs of a cell share."""

    execution: str
    hostname: str
    model: str
    precision: str
    backend: str
    pipeline: str
    device: str


@dataclass(frozen=True, slots=True)
class Cell:
    """The completed runs of one cell, by repeat.

    Attributes:
        label: Its device, with whatever else tells it from the report's other cells.
    """

    key: CellKey
    label: str
    runs: tuple[RunRecord, ...]

    @property
    def title(self) -> str:
        """The network's name for readers."""
        return MODELS[self.key.model].title

    @property
    def steady_epochs_s(self) -> tuple[float, ...]:
        """The steady epoch time of each run that has one."""
        times = (run.timing.steady_epoch_s for run in self.runs if run.timing)
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
        times = (run.timing.first_epoch_s for run in self.runs if run.timing)
        return tuple(time for time in times if time)

    @property
    def images_per_s(self) -> tuple[float, ...]:
        """The steady throughput of each run that has one."""
        rates = (run.timing.images_per_s for run in self.runs if run.timing)
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
    return Study(baseline_device, tuple(_compared(cell, baselines) for cell in cells))


def combined_by_device(study: Study) -> dict[str, tuple[float, tuple[str, ...]]]:
    """Return, per label of a device with several models, their geometric mean and their titles."""
    groups: dict[str, list[Comparison]] = defaultdict(list)
    for each in study.comparisons:
        if each.speedup is not None:
            groups[each.cell.label].append(each)
    return {
        label: (
            geometric_mean(each.speedup.estimate for each in group if each.speedup),
            tuple(each.cell.title for each in group),
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
    groups: dict[CellKey, list[RunRecord]] = defaultdict(list)
    for execution in executions:
        for run in execution.completed:
            groups[_key(execution, run.record)].append(run.record)
    label = _labels(groups)
    order = _order(executions)
    return [
        Cell(key, label(key), tuple(sorted(groups[key], key=lambda run: run.spec.repeat)))
        for key in sorted(groups, key=order)
    ]


def _key(execution: Results, record: RunRecord) -> CellKey:
    spec = record.spec
    return CellKey(
        execution=str(execution.folder),
        hostname=record.host.hostname,
        model=spec.model,
        precision=spec.precision,
        backend=spec.backend,
        pipeline=spec.pipeline,
        device=str(spec.device),
    )


def _labels(keys: Iterable[CellKey]) -> Callable[[CellKey], str]:
    """Return how to name a cell: by its device, and by what else the report has several of."""
    found = list(keys)
    several = [
        name
        for name in ("precision", "backend", "pipeline", "hostname")
        if len({getattr(key, name) for key in found}) > 1
    ]
    folders = list(dict.fromkeys(key.execution for key in found))
    same_host = len({(key.execution, key.hostname) for key in found}) > len(
        {key.hostname for key in found}
    )

    def label(key: CellKey) -> str:
        parts = [getattr(key, name) for name in several]
        if len(folders) > 1 and same_host:
            parts.append(f"folder {folders.index(key.execution) + 1}")
        return f"{key.device} ({', '.join(parts)})" if parts else key.device

    return label


def _order(executions: Sequence[Results]) -> Callable[[CellKey], tuple[int, ...]]:
    """Return the sorting key that follows the experiments: model, variant, device, folder."""
    models = _first_seen(executions, lambda record: record.spec.model)
    variants = _first_seen(
        executions,
        lambda record: f"{record.spec.precision} {record.spec.backend} {record.spec.pipeline}",
    )
    devices = _first_seen(executions, lambda record: str(record.spec.device))
    folders = [str(execution.folder) for execution in executions]

    def position(key: CellKey) -> tuple[int, ...]:
        variant = f"{key.precision} {key.backend} {key.pipeline}"
        return (
            models.index(key.model),
            variants.index(variant),
            devices.index(key.device),
            folders.index(key.execution),
        )

    return position


def _first_seen(executions: Sequence[Results], value: Callable[[RunRecord], str]) -> list[str]:
    """Return a field's values in the order of the experiments' matrices, then as found."""
    asked = [
        str(each)
        for execution in executions
        if execution.experiment
        for each in (*execution.experiment.matrix.models, *execution.experiment.matrix.devices)
    ]
    found = [value(run.record) for execution in executions for run in execution.runs]
    return list(dict.fromkeys((*(each for each in asked if each in found), *found)))


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
        verdict=judge(baseline.quality, cell.quality),
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
