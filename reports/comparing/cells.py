"""What makes runs one cell, how a cell is called, and in which order cells stand."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lungbench.guards.judging import usable_for_timing
from lungbench.models import MODELS
from lungbench.record import RunRecord, Timing
from lungbench.stats.intervals import geometric_mean
from reports.comparing.quality import Quality, quality_of
from reports.results.full_time import FullTime, full_time, timed_only
from reports.results.load import Results, Run
from reports.results.predictions import Outcomes, Turn, outcomes_of

Axis = Literal["device", "precision", "pipeline", "backend"]

# Where the values of a cell's key stand in the matrix of an experiment.
_IN_MATRIX = {
    "model": "models",
    "device": "devices",
    "precision": "precisions",
    "backend": "backends",
    "pipeline": "pipelines",
}
_VARIANT = ("precision", "backend", "pipeline")
# What a matrix has where its file says nothing.
_USUAL = ("float32", "tensorflow", "cached")


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

    def value(self, axis: Axis) -> str:
        """Return where the cell stands on an axis of the matrix."""
        return str(getattr(self, axis))


@dataclass(frozen=True, slots=True)
class Name:
    """How a cell is called: by its device, and by what else the report has several of.

    Attributes:
        variant: Precision, backend and pipeline, by axis.
        place: Host and folder.
    """

    device: str
    variant: Mapping[str, str]
    place: tuple[str, ...]

    def __str__(self) -> str:
        return _with(self.device, (*self.variant.values(), *self.place))

    @property
    def without_variant(self) -> str:
        """The device and where it stands: `cpu (ward7)`."""
        return _with(self.device, self.place)

    def besides(self, axis: Axis) -> tuple[str, ...]:
        """Return what a cell shares with its baseline along an axis; may be nothing."""
        device = () if axis == "device" else (self.device,)
        return (*device, *(it for name, it in self.variant.items() if name != axis), *self.place)

    def without(self, axis: Axis) -> str:
        """Return its name without an axis besides the device: `cpu:threads=2 (paper)`."""
        device, *rest = self.besides(axis)
        return _with(device, rest)


@dataclass(frozen=True, slots=True)
class Cell:
    """The completed runs of one cell, by repeat and fold.

    Attributes:
        outcomes: What each run's saved predictions say of each test image, by repeat and fold.
    """

    key: CellKey
    name: Name
    runs: tuple[RunRecord, ...]
    outcomes: Mapping[Turn, Outcomes] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its device, with whatever else tells it from the report's other cells."""
        return str(self.name)

    @property
    def title(self) -> str:
        """The network's name for readers."""
        return MODELS[self.key.model].title

    @property
    def heading(self) -> str:
        """The network with its variant, above rows that are then named by the device alone."""
        return ", ".join((self.title, *self.name.variant.values()))

    @property
    def timing_only(self) -> bool:
        """Whether its runs were stopped after a few timed epochs, and so diagnose nothing."""
        return any(timed_only(run) for run in self.runs)

    @property
    def full_time(self) -> FullTime | None:
        """What all planned epochs take, measured or predicted."""
        return full_time(self.runs)

    @property
    def timed_runs(self) -> tuple[RunRecord, ...]:
        """The runs whose times may stand in a table."""
        return tuple(run for run in self.runs if usable_for_timing(run))

    @property
    def _timings(self) -> tuple[Timing, ...]:
        return tuple(run.timing for run in self.timed_runs if run.timing)

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


def cells_of(executions: Sequence[Results]) -> list[Cell]:
    """Return the cells that have completed runs, in the order of the experiments."""
    groups: dict[CellKey, list[Run]] = defaultdict(list)
    for execution in executions:
        for run in execution.completed:
            groups[key_of(execution, run.record)].append(run)
    name = names(groups)
    return [_cell(key, name(key), groups[key]) for key in sorted(groups, key=order(executions))]


def _cell(key: CellKey, name: Name, found: Sequence[Run]) -> Cell:
    runs = sorted(found, key=lambda run: turn_of(run.record))
    outcomes = {turn_of(run.record): outcomes_of(run) for run in runs}
    return Cell(
        key,
        name,
        tuple(run.record for run in runs),
        {turn: each for turn, each in outcomes.items() if each},
    )


def turn_of(record: RunRecord) -> Turn:
    """Return which of its cell's runs this is: its repeat and its fold."""
    return record.spec.repeat, record.spec.fold or 0


def turn_text(record: RunRecord) -> str:
    """Write which of its cell's runs this is: `2`, or `2, fold 3`."""
    repeat, fold = turn_of(record)
    return f"{repeat}, fold {fold}" if fold else str(repeat)


def key_of(execution: Results, record: RunRecord) -> CellKey:
    """Return the cell that a record belongs to."""
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


def names(keys: Iterable[CellKey]) -> Callable[[CellKey], Name]:
    """Return how to name a cell among these."""
    found = list(keys)
    several = {
        name for name in (*_VARIANT, "hostname") if len({getattr(key, name) for key in found}) > 1
    }
    folders = list(dict.fromkeys(key.execution for key in found))
    same_host = len({(key.execution, key.hostname) for key in found}) > len(
        {key.hostname for key in found}
    )

    def name(key: CellKey) -> Name:
        place = [key.hostname] if "hostname" in several else []
        if len(folders) > 1 and same_host:
            place.append(f"folder {folders.index(key.execution) + 1}")
        variant = {axis: str(getattr(key, axis)) for axis in _VARIANT if axis in several}
        return Name(key.device, variant, tuple(place))

    return name


def baseline_of(executions: Sequence[Results], axis: Axis) -> str | None:
    """Return what an axis is compared with: its first value in the first experiment.

    Without an experiment it is the usual one of the values found; None where there are no runs.
    """
    for execution in executions:
        if execution.experiment:
            return asked_of(execution, axis)[0]
    found = [str(getattr(run.record.spec, axis)) for each in executions for run in each.runs]
    # Sorted, "cpu" comes before "gpu".
    return min(found, key=lambda value: (value not in _USUAL, value)) if found else None


def asked_of(execution: Results, axis: str) -> tuple[str, ...]:
    """Return the values of an axis that an experiment asks for; none where it can't be read."""
    if execution.experiment is None:
        return ()
    return tuple(map(str, getattr(execution.experiment.matrix, _IN_MATRIX[axis])))


def order(executions: Sequence[Results]) -> Callable[[CellKey], tuple[int, ...]]:
    """Return the sorting key that follows the experiments: model, variant, device, folder."""
    positions = {name: _positions(executions, name) for name in ("model", *_VARIANT, "device")}
    folders = [str(execution.folder) for execution in executions]

    def position(key: CellKey) -> tuple[int, ...]:
        places = (found[getattr(key, name)] for name, found in positions.items())
        return (*places, folders.index(key.execution))

    return position


def _positions(executions: Sequence[Results], axis: str) -> dict[str, int]:
    """Number the values of an axis in the order of the experiments' matrices, then as found."""
    asked = [value for execution in executions for value in asked_of(execution, axis)]
    found = [str(getattr(run.record.spec, axis)) for each in executions for run in each.runs]
    return {value: number for number, value in enumerate(dict.fromkeys((*asked, *found)))}


def _mean(values: Sequence[float]) -> float | None:
    return geometric_mean(values) if values else None


def _with(device: str, rest: Sequence[str]) -> str:
    return f"{device} ({', '.join(rest)})" if rest else device
