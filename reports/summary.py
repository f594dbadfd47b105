"""What the report's first screen says, as `summary.json`, for scripts and for the terminal."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from lungbench.experiment import Frozen
from lungbench.files import write_atomically
from lungbench.stats import Interval, Speedup
from reports.comparison import Cell, Comparison, Study, combined_by_device, compare
from reports.learning import Spread, accuracy_spread, gap_spread, time_to_accuracy
from reports.load import Results, load
from reports.quality import EQUIVALENCE_MARGIN, Paired, QualityVerdict
from reports.sentences import quality_label, verdict_sentences
from reports.summary_figures import (
    AcrossModels,
    CellFigures,
    FailureFigures,
    Limits,
    PairedFigures,
    QualityFigures,
    ReachFigures,
    SpeedupFigures,
    SpreadFigures,
    TimeToAccuracyFigures,
)

SUMMARY_FILE = "summary.json"

CONFIDENCE = 0.95


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
        speedup=_speedup(comparison.speedup),
        refusal=comparison.refusal,
        quality=_quality(cell, comparison),
        quality_verdict=quality_label(comparison),
        time_to_accuracy=_time_to_accuracy(comparison),
        accuracy_spread=_spread(accuracy_spread(cell)),
        train_test_gap=_spread(gap_spread(cell)),
        verdict=verdict_sentences(comparison),
    )


def _speedup(speedup: Speedup | None) -> SpeedupFigures | None:
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
        difference_method=_method(verdict) if verdict else None,
        paired=_paired(verdict.paired) if verdict and verdict.paired else None,
    )


def _method(verdict: QualityVerdict) -> Literal["paired", "unpaired"]:
    return "paired" if verdict.paired else "unpaired"


def _paired(paired: Paired) -> PairedFigures:
    return PairedFigures(
        repeats=paired.repeats,
        baseline_only=paired.baseline_only,
        other_only=paired.other_only,
        mcnemar_p=paired.p_values,
        mcnemar_p_adjusted=paired.p_adjusted,
    )


def _time_to_accuracy(comparison: Comparison) -> TimeToAccuracyFigures | None:
    found = time_to_accuracy(comparison)
    if found is None:
        return None
    return TimeToAccuracyFigures(
        target=found.target,
        runs=tuple(ReachFigures(**asdict(run)) for run in found.runs),
        ratio=_speedup(found.ratio),
    )


def _spread(spread: Spread | None) -> SpreadFigures | None:
    if spread is None:
        return None
    return SpreadFigures(
        mean=spread.mean,
        standard_deviation=spread.deviation,
        low=spread.low,
        high=spread.high,
        runs=spread.runs,
    )


def _across_models(study: Study) -> tuple[AcrossModels, ...]:
    return tuple(
        AcrossModels(
            label=label, models=models, speedup=mean.estimate, interval=_limits(mean.interval)
        )
        for label, (mean, models) in combined_by_device(study).items()
    )


def _limits(interval: Interval | None) -> Limits | None:
    return None if interval is None else Limits(low=interval.low, high=interval.high)
