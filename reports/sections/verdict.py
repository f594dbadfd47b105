"""What a reader must know in ten seconds."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.stats import Combined, Speedup
from reports import format as fmt
from reports.comparison import Comparison, Study, combined_by_device
from reports.load import Failure, Results
from reports.sections.diagnosis import weights_warning
from reports.sections.trust import Trust
from reports.sentences import quality_label, refusals, verdict_sentences

_MOST_FIGURES = 4


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One large figure.

    Attributes:
        value: The figure.
        interval: Its interval, or why there is none.
        label: What it is of.
        quality: The evidence on the diagnosis that goes with it.
    """

    value: str
    interval: str
    label: str
    quality: str


@dataclass(frozen=True, slots=True)
class Finding:
    """All that is said of one cell; the first sentence is about its speed."""

    claim: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first section.

    Attributes:
        remarks: What else must be known before reading on, such as runs that failed.
    """

    figures: tuple[KeyFigure, ...]
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]


def verdict(executions: Sequence[Results], study: Study, trusted: Trust) -> Verdict:
    """Sum the report up."""
    said = [verdict_sentences(each) for each in study.comparisons if each.speedup]
    said += [(refusal,) for refusal in refusals(study.comparisons)]
    return Verdict(
        figures=_figures(study),
        findings=tuple(Finding(first, tuple(rest)) for first, *rest in said),
        remarks=tuple(_remarks(executions, study, trusted)),
    )


def _figures(study: Study) -> tuple[KeyFigure, ...]:
    shown = [_figure(each) for each in study.comparisons if each.speedup]
    across = [
        KeyFigure(
            value=fmt.ratio(mean.estimate),
            interval=_mean_words(mean),
            label=f"{fmt.listed(models)} on {label}",
            quality="quality: see each network",
        )
        for label, (mean, models) in combined_by_device(study).items()
    ]
    if len(shown) > _MOST_FIGURES:
        return tuple(across[:_MOST_FIGURES])
    return (*shown, *across)[:_MOST_FIGURES]


def _figure(comparison: Comparison) -> KeyFigure:
    speedup, cell, baseline = comparison.speedup, comparison.cell, comparison.baseline
    if speedup is None or baseline is None:
        raise ValueError("only a speed-up makes a key figure")
    return KeyFigure(
        value=fmt.ratio(speedup.estimate),
        interval=_interval_words(speedup),
        label=f"{cell.title}, {cell.label} over {baseline.label}",
        quality=f"diagnosis: {quality_label(comparison)}",
    )


def _mean_words(mean: Combined) -> str:
    if mean.interval is None:
        return "geometric mean, no interval"
    return f"geometric mean, 95% interval {fmt.limits(mean.interval)}"


def _interval_words(speedup: Speedup) -> str:
    interval = speedup.interval
    if interval is None:
        one = min(speedup.baseline_runs, speedup.other_runs) == 1
        return "one run: no interval" if one else "no interval"
    open_end = ", no difference shown" if interval.low <= 1 <= interval.high else ""
    return f"95% interval {fmt.limits(interval)}{open_end}"


def _remarks(executions: Sequence[Results], study: Study, trusted: Trust) -> list[str]:
    failures = [each for execution in executions for each in execution.failures]
    completed = sum(len(execution.completed) for execution in executions)
    remarks = [note for execution in executions for note in execution.notes]
    if not completed:
        remarks.append("No run completed, so there is nothing to compare.")
    elif not any(not each.is_baseline for each in study.comparisons):
        remarks.append("Only the baseline device has completed runs, so there is no speed-up.")
    remarks += filter(None, (trusted.pointer, weights_warning(study)))
    if failures:
        remarks.append(f"{_failed(failures)} The reasons stand under “Failed and skipped runs”.")
    return remarks


def _failed(failures: Sequence[Failure]) -> str:
    statuses = dict.fromkeys(each.status for each in failures)
    counts = [f"{sum(each.status == status for each in failures)} {status}" for status in statuses]
    return f"Runs without a result: {fmt.listed(counts)}."
