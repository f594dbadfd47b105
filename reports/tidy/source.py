"""The runs of execution folders, one after the other, with those that left no record."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lungbench.executions.execution import EXPERIMENT_FILE, executions, no_execution
from lungbench.experiment import RunSpec
from lungbench.record import Epoch, RunRecord
from reports.results.load import Results, load


@dataclass(frozen=True, slots=True)
class Source:
    """An execution's folder, and what tables call it.

    Attributes:
        label: The folder's name; of a second one of the same name and experiment, `NAME (2)`.
    """

    folder: Path
    label: str


@dataclass(frozen=True, slots=True)
class SourceRun:
    """One run of an execution, whether it has a record or not.

    Attributes:
        experiment: The experiment's name.
        execution: See `Source.label`.
        status: The record's, or `broken` and `missing` where there is no readable record.
        reason: Why there is no result, in words; None where there is one.
        spec: What was asked for; None where neither a record nor the experiment tells.
    """

    experiment: str
    execution: str
    folder: Path
    run_id: str
    status: str
    reason: str | None
    spec: RunSpec | None
    record: RunRecord | None

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The epochs that ended."""
        return self.record.epochs if self.record else ()

    @property
    def epochs_ended(self) -> int | None:
        """How many there are; None without a record."""
        return len(self.record.epochs) if self.record else None

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes, in the order of the labels."""
        return self.record.data.classes if self.record else None

    @property
    def images(self) -> dict[str, int]:
        """Images by split; empty where they are unknown."""
        counts = self.record.data.counts if self.record else {}
        return {split: sum(by_class.values()) for split, by_class in counts.items()}

    @property
    def gpu_names(self) -> tuple[str, ...] | None:
        """The machine's GPUs; None where there is none."""
        gpus = self.record.host.gpus if self.record else ()
        return tuple(gpu.name or "unnamed" for gpu in gpus) or None

    @property
    def gpu_drivers(self) -> tuple[str, ...] | None:
        """The versions of their drivers; None where there is none."""
        gpus = self.record.host.gpus if self.record else ()
        return tuple(dict.fromkeys(gpu.driver for gpu in gpus if gpu.driver)) or None

    @property
    def throttle_reasons(self) -> tuple[str, ...] | None:
        """Why GPUs were slowed down; `none` where they were watched and never were."""
        resources = self.record.resources if self.record else None
        found = resources.gpu_throttle_reasons if resources else None
        return None if found is None else found or ("none",)


def sources_in(folders: Iterable[Path]) -> tuple[Source, ...]:
    """Return the executions that folders are or hold, each once, oldest first in each folder.

    Args:
        folders: Of executions, or above them: then all that lie below.

    Raises:
        Refused: A folder neither is nor holds an execution.
    """
    found = dict.fromkeys(each for folder in folders for each in _below(folder))
    seen: Counter[tuple[str, str]] = Counter()
    sources = []
    for folder in found:
        seen[folder.parent.name, folder.name] += 1
        times = seen[folder.parent.name, folder.name]
        sources.append(Source(folder, folder.name if times == 1 else f"{folder.name} ({times})"))
    return tuple(sources)


def runs_of(sources: Sequence[Source]) -> Iterator[SourceRun]:
    """Yield every run, reading one execution at a time.

    Raises:
        LungbenchError: A folder is no execution's any more.
    """
    for source in sources:
        yield from _runs(source, load(source.folder))


def _below(folder: Path) -> list[Path]:
    whole = folder.resolve()
    if (whole / EXPERIMENT_FILE).is_file() or (whole / "runs").is_dir():
        return [whole]
    found = executions(whole) or sorted(path.parent for path in whole.glob(f"*/{EXPERIMENT_FILE}"))
    if not found:
        raise no_execution(folder)
    return found


def _runs(source: Source, results: Results) -> Iterator[SourceRun]:
    experiment = results.experiment
    name = experiment.name if experiment else source.folder.parent.name
    specs = {spec.run_id: spec for spec in experiment.runs()} if experiment else {}
    whole = source.folder / "runs"
    for run in results.runs:
        record = run.record
        yield SourceRun(
            experiment=name,
            execution=source.label,
            folder=run.folder,
            run_id=record.run_id,
            status=record.status,
            reason=record.reason.message if record.reason else None,
            spec=record.spec,
            record=record,
        )
    for failure in results.failures:
        if failure.status in ("broken", "missing"):
            yield SourceRun(
                experiment=name,
                execution=source.label,
                folder=whole / failure.run_id,
                run_id=failure.run_id,
                status=failure.status,
                reason=failure.reason,
                spec=specs.get(failure.run_id),
                record=None,
            )
