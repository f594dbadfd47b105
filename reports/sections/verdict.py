"""What a reader must know in ten seconds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.stats.intervals import Combined, Interval, Speedup
from reports.comparing.cells import Axis, Cell
from reports.comparing.comparison import Comparison, Study, combined_by_label
from reports.comparing.leaks import leak_sentence
from reports.comparing.quality import EQUIVALENCE_MARGIN
from reports.forms import format as fmt
from reports.forms.blocks import Fact
from reports.results.load import Failure, Results
from reports.sections.diagnosis import weights_warning
from reports.sections.trust import Trust
from reports.wording.findings import axis_findings, device_findings, diagnosis_counts
from reports.wording.glossary import device_words, terms_of
from reports.wording.quality_sentences import accuracies_text, quality_label
from reports.wording.sentences import refusals, sides

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
        reading: What the words beside the figures mean; None where there are no figures.
        terms: What the short names of devices, precisions and pipelines mean.
    """

    figures: tuple[KeyFigure, ...]
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]
    reading: str | None
    terms: tuple[Fact, ...]


def verdict(
    executions: Sequence[Results], study: Study, trusted: Trust, remark: str | None = None
) -> Verdict:
    """Sum the report up.

    Args:
        executions: What was read.
        study: All cells, set against their baselines.
        trusted: Whether the figures can be trusted.
        remark: What the section on shortcuts has to say here.
    """
    said = list(device_findings(study))
    said += [finding for axis in study.axes for finding in axis_findings(axis)]
    said += [(refusal,) for refusal in refusals(study.every)]
    return Verdict(
        figures=_figures(study),
        findings=tuple(Finding(first, tuple(rest)) for first, *rest in said),
        remarks=tuple(_remarks(executions, study, (trusted.pointer, remark))),
        reading=_reading(study),
        terms=terms_of(study) if study.comparisons else (),
    )


def _figures(study: Study) -> tuple[KeyFigure, ...]:
    """Return the first figures: one axis changed at a time, from the experiment's first cell."""
    along = (study.comparisons, *(axis.comparisons for axis in study.axes))
    plain = [[each for each in group if _from_first_cell(each, study)] for group in along]
    shown = [_figure(each, each.speedup) for group in plain for each in group if each.speedup]
    across = [figure for group in plain for figure in _mean_figures(group)]
    if len(shown) > _MOST_FIGURES and across:
        return tuple(across[:_MOST_FIGURES])
    return (*shown, *across)[:_MOST_FIGURES]


def _from_first_cell(comparison: Comparison, study: Study) -> bool:
    """Whether a comparison starts from the first value of every axis but the one that it is of."""
    first: list[tuple[Axis, str | None]] = [(each.axis, each.baseline) for each in study.axes]
    first.append(("device", study.baseline_device))
    key = comparison.cell.key
    return all(key.value(axis) == value for axis, value in first if axis != comparison.axis)


def _mean_figures(group: Sequence[Comparison]) -> list[KeyFigure]:
    """Return the means over models of comparisons along one axis."""
    by_label = defaultdict(list)
    for each in group:
        if each.speedup:
            by_label[each.cell.label].append(each)
    return [
        KeyFigure(
            value=fmt.ratio(mean.estimate),
            interval=_mean_words(mean),
            label=f"{fmt.listed(models)}, {_against(by_label[label][0])}",
            quality=_diagnosis(diagnosis_counts(by_label[label]), by_label[label]),
        )
        for label, (mean, models) in combined_by_label(group).items()
    ]


def _figure(comparison: Comparison, speedup: Speedup) -> KeyFigure:
    return KeyFigure(
        value=fmt.ratio(speedup.estimate),
        interval=_interval_words(speedup),
        label=f"{comparison.cell.title}, {_against(comparison)}",
        quality=_diagnosis(quality_label(comparison), (comparison,)),
    )


def _diagnosis(found: str, comparisons: Sequence[Comparison]) -> str:
    return "; ".join(filter(None, (f"diagnosis: {found}", accuracies_text(comparisons))))


def _against(comparison: Comparison) -> str:
    """Say what stands against what: `JAX instead of TensorFlow on 2 CPU threads`."""
    cell, baseline = comparison.cell, comparison.baseline
    if comparison.axis == "device" and baseline:
        said = f"{_place(cell)} instead of {_place(baseline)}"
        return said + _in_brackets(tuple(cell.name.variant.values()))
    here, there = sides(comparison)
    said = f"{here} instead of {there} on {device_words(cell.key.device)}"
    return said + _in_brackets(cell.name.besides(comparison.axis)[1:])


def _place(cell: Cell) -> str:
    """Name a device in words, with what tells it from others of its kind."""
    return device_words(cell.key.device) + _in_brackets(cell.name.place)


def _in_brackets(words: Sequence[str]) -> str:
    return f" ({', '.join(words)})" if words else ""


def _mean_words(mean: Combined) -> str:
    if mean.interval is None:
        return "geometric mean, no interval"
    return f"geometric mean, 95% interval {fmt.limits(mean.interval)}{_shown(mean.interval)}"


def _interval_words(speedup: Speedup) -> str:
    interval = speedup.interval
    if interval is None:
        one = min(speedup.baseline_runs, speedup.other_runs) == 1
        return "one run: no interval" if one else "no interval"
    return f"95% interval {fmt.limits(interval)}{_shown(interval)}"


def _shown(interval: Interval) -> str:
    """Say what nobody should have to know of a ratio; that more than 1 is faster, the card says."""
    if interval.low <= 1 <= interval.high:
        return ", no difference shown"
    return ", slower" if interval.high < 1 else ""


def _reading(study: Study) -> str | None:
    """Explain the cards in the words that stand on them; None where there are none."""
    labels = {quality_label(each) for each in study.every if each.speedup}
    if not labels:
        return None
    margin = fmt.points(EQUIVALENCE_MARGIN).lstrip("+")
    said = ["How many times as fast an epoch is as on the other side: below 1× is slower."]  # noqa: RUF001
    largest = {
        fmt.share(each.cell.quality.largest_class)
        for each in study.every
        if each.speedup and each.cell.quality
    }
    if largest:
        said.append(
            "Accuracy: the share of the test images named rightly; always naming the largest class "
            f"would reach {fmt.listed(sorted(largest), 'or')}."
        )
    if any(label.startswith("equally good") for label in labels):
        said.append(f"“Equally good”: both accuracies are shown to lie within {margin}.")
    if "inconclusive" in labels:
        said.append(
            "“Inconclusive”: these test images and repeats show neither that both accuracies lie "
            f"within {margin} of each other nor that they differ."
        )
    return " ".join(said)


def _remarks(
    executions: Sequence[Results], study: Study, pointers: Sequence[str | None]
) -> list[str]:
    failures = [each for execution in executions for each in execution.failures]
    completed = sum(len(execution.completed) for execution in executions)
    remarks = [note for execution in executions for note in execution.notes]
    if not completed:
        remarks.append("No run completed, so there is nothing to compare.")
    elif all(each.is_baseline for each in study.every):
        remarks.append("Only the baseline device has completed runs, so there is no speed-up.")
    leaks = dict.fromkeys(map(leak_sentence, executions))
    remarks += filter(None, (*leaks, *pointers, weights_warning(study)))
    if failures:
        remarks.append(f"{_failed(failures)} The reasons stand under “Failed and skipped runs”.")
    return remarks


def _failed(failures: Sequence[Failure]) -> str:
    statuses = dict.fromkeys(each.status for each in failures)
    counts = [f"{sum(each.status == status for each in failures)} {status}" for status in statuses]
    return f"Runs without a result: {fmt.listed(counts)}."
