"""What the report's first screen says, as `summary.json`, for scripts and for the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from lungbench.experiment import Frozen
from lungbench.files import write_atomically
from lungbench.stats import Interval
from reports.comparison import Cell, Comparison, Study, combined_by_device, compare
from reports.load import Results, load
from reports.quality import EQUIVALENCE_MARGIN
from reports.sentences import quality_label, verdict_sentences

SUMMARY_FILE = "summary.json"

CONFIDENCE = 0.95


class Limits(Frozen):
    """A confidence interval."""

    low: float
    high: float


class SpeedupFigures(Frozen):
    """A speed-up over the baseline; no interval where a side has one run."""

    estimate: float
    interval: Limits | None
    baseline_runs: int
    other_runs: int


class QualityFigures(Frozen):
    """Accuracy on the test images, and how it compares with the baseline's."""

    overall_accuracy: float
    interval: Limits
    test_images: int
    largest_class_share: float
    difference: float | None = None
    difference_interval: Limits | None = None


class CellFigures(Frozen):
    """One cell: its repeats, its times, and how it compares.

    Attributes:
        runs: The run ids of its completed repeats.
        baseline: Whether others are compared with it.
        refusal: Why there is no speed-up, naming what differs with both values.
        quality_verdict: `baseline`, `equally good`, `not equally good`, `inconclusive`,
            `neither beats guessing`, `not compared` or `not evaluated`.
        verdict: The sentences that the report says of it.
    """

    execution: str
    hostname: str
    model: str
    device: str
    precision: str
    backend: str
    pipeline: str
    label: str
    runs: tuple[str, ...]
    repeats: int
    baseline: bool
    first_epoch_s: float | None
    steady_epoch_s: float | None
    images_per_s: float | None
    speedup: SpeedupFigures | None
    refusal: str | None
    quality: QualityFigures | None
    quality_verdict: str
    verdict: tuple[str, ...]


class AcrossModels(Frozen):
    """The geometric mean of several models' speed-ups on one device."""

    label: str
    models: tuple[str, ...]
    speedup: float


class FailureFigures(Frozen):
    """One run without a result."""

    run_id: str
    status: str
    reason: str


class Summary(Frozen):
    """Everything that the report's first screen says."""

    schema_version: Literal[1] = 1
    executions: tuple[str, ...]
    baseline_device: str | None
    confidence: float = CONFIDENCE
    equivalence_margin: float = EQUIVALENCE_MARGIN
    cells: tuple[CellFigures, ...]
    across_models: tuple[AcrossModels, ...]
    failures: tuple[FailureFigures, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All verdict sentences, for the terminal."""
        return tuple(sentence for cell in self.cells for sentence in cell.verdict)


def write_summary(results: Path) -> Summary:
    """Write `summary.json` into an execution folder and return what it says.

    Raises:
        LungbenchError: `results` is no execution folder.
        OSError: It can't be written.
    """
    summary = summarise([load(results)])
    write_atomically(results / SUMMARY_FILE, summary.model_dump_json(indent=2) + "\n")
    return summary


def summarise(executions: Sequence[Results]) -> Summary:
    """Sum up executions that were read."""
    study = compare(executions)
    return Summary(
        executions=tuple(execution.name for execution in executions),
        baseline_device=study.baseline_device,
        cells=tuple(_cell(each) for each in study.comparisons),
        across_models=_across_models(study),
        failures=tuple(
            FailureFigures(run_id=each.run_id, status=each.status, reason=each.reason)
            for execution in executions
            for each in execution.failures
        ),
    )


def _cell(comparison: Comparison) -> CellFigures:
    cell, key = comparison.cell, comparison.cell.key
    return CellFigures(
        execution=Path(key.execution).name,
        hostname=key.hostname,
        model=key.model,
        device=key.device,
        precision=key.precision,
        backend=key.backend,
        pipeline=key.pipeline,
        label=f"{cell.title} on {cell.label}",
        runs=tuple(run.run_id for run in cell.runs),
        repeats=len(cell.runs),
        baseline=comparison.is_baseline,
        first_epoch_s=cell.first_epoch_s,
        steady_epoch_s=cell.steady_epoch_s,
        images_per_s=cell.mean_images_per_s,
        speedup=_speedup(comparison),
        refusal=comparison.refusal,
        quality=_quality(cell, comparison),
        quality_verdict=quality_label(comparison),
        verdict=verdict_sentences(comparison),
    )


def _speedup(comparison: Comparison) -> SpeedupFigures | None:
    speedup = comparison.speedup
    if speedup is None:
        return None
    return SpeedupFigures(
        estimate=speedup.estimate,
        interval=_limits(speedup.interval),
        baseline_runs=speedup.baseline_runs,
        other_runs=speedup.other_runs,
    )


def _quality(cell: Cell, comparison: Comparison) -> QualityFigures | None:
    quality, verdict = cell.quality, comparison.verdict
    if quality is None:
        return None
    return QualityFigures(
        overall_accuracy=quality.accuracy,
        interval=Limits(low=quality.interval.low, high=quality.interval.high),
        test_images=quality.images,
        largest_class_share=quality.largest_class,
        difference=verdict.difference if verdict else None,
        difference_interval=_limits(verdict.interval) if verdict else None,
    )


def _across_models(study: Study) -> tuple[AcrossModels, ...]:
    return tuple(
        AcrossModels(label=label, models=models, speedup=speedup)
        for label, (speedup, models) in combined_by_device(study).items()
    )


def _limits(interval: Interval | None) -> Limits | None:
    return None if interval is None else Limits(low=interval.low, high=interval.high)
