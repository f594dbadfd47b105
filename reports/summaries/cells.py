"""From comparisons to the figures of `summary.json`."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from lungbench.stats.intervals import Interval, Speedup
from reports.comparing.comparison import AxisStudy, Cell, Comparison, combined_by_label
from reports.comparing.learning import Spread, accuracy_spread, gap_spread, time_to_accuracy
from reports.comparing.quality import Paired, QualityVerdict
from reports.summaries.figures import (
    AcrossModels,
    AxisCellFigures,
    AxisFigures,
    CellFigures,
    FullTimeFigures,
    Limits,
    PairedFigures,
    QualityFigures,
    ReachFigures,
    SpeedupFigures,
    SpreadFigures,
    TimeToAccuracyFigures,
)
from reports.summaries.measured import measured
from reports.wording.findings import axis_findings
from reports.wording.quality_sentences import quality_label
from reports.wording.sentences import verdict_sentences


def cell_figures(comparison: Comparison) -> CellFigures:
    """Return the figures of one cell along the devices."""
    cell = comparison.cell
    return CellFigures(
        **_place(cell),
        runs=tuple(run.run_id for run in cell.runs),
        repeats=len({run.spec.repeat for run in cell.runs}),
        baseline=comparison.is_baseline,
        first_epoch_s=cell.first_epoch_s,
        steady_epoch_s=cell.steady_epoch_s,
        images_per_s=cell.mean_images_per_s,
        speedup=_speedup(comparison.speedup),
        refusal=comparison.refusal,
        quality=_quality(cell, comparison),
        quality_verdict=quality_label(comparison),
        timing_only=cell.timing_only,
        predicted=_predicted(cell),
        time_to_accuracy=_time_to_accuracy(comparison),
        accuracy_spread=_spread(accuracy_spread(cell)),
        train_test_gap=_spread(gap_spread(cell)),
        verdict=verdict_sentences(comparison),
        measured=measured(cell.runs),
    )


def axis_figures(study: AxisStudy) -> AxisFigures:
    """Return the figures of one axis besides the device."""
    return AxisFigures(
        axis=study.axis,
        baseline=study.baseline,
        comparisons=tuple(_axis_cell(each) for each in study.comparisons),
        across_models=across_models(study.comparisons),
        verdict=tuple(sentence for finding in axis_findings(study) for sentence in finding),
    )


def _axis_cell(comparison: Comparison) -> AxisCellFigures:
    cell, baseline = comparison.cell, comparison.baseline
    return AxisCellFigures(
        **_place(cell),
        value=cell.key.value(comparison.axis),
        runs=tuple(run.run_id for run in cell.runs),
        baseline_runs=tuple(run.run_id for run in baseline.runs) if baseline else (),
        speedup=_speedup(comparison.speedup),
        refusal=comparison.refusal,
        quality=_quality(cell, comparison),
        quality_verdict=quality_label(comparison),
    )


def _place(cell: Cell) -> dict[str, str]:
    return asdict(cell.key) | {
        "execution": Path(cell.key.execution).name,
        "label": f"{cell.title} on {cell.label}",
    }


def _predicted(cell: Cell) -> FullTimeFigures | None:
    found = cell.full_time
    if found is None or not found.predicted:
        return None
    known = found.low_s is not None and found.high_s is not None
    return FullTimeFigures(
        wall_s=found.wall_s,
        interval=Limits(low=found.low_s, high=found.high_s) if known else None,
        trained_epochs=found.trained_epochs,
        planned_epochs=found.planned_epochs,
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


def across_models(comparisons: Iterable[Comparison]) -> tuple[AcrossModels, ...]:
    """Return the means over models of comparisons along one axis."""
    return tuple(
        AcrossModels(
            label=label, models=models, speedup=mean.estimate, interval=_limits(mean.interval)
        )
        for label, (mean, models) in combined_by_label(comparisons).items()
    )


def _limits(interval: Interval | None) -> Limits | None:
    return None if interval is None else Limits(low=interval.low, high=interval.high)
