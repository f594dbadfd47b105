"""How well each network diagnoses: the paper's Tables I to VI for every run, and what they lack."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.counted import counted
from lungbench.record import ClassRates, Macro, Metrics, RunRecord
from reports.comparing.cells import turn_text
from reports.comparing.comparison import Cell, Study
from reports.comparing.evaluated import Evaluated, evaluated
from reports.comparing.quality import accuracy_interval
from reports.forms import format as fmt
from reports.forms.blocks import Figure, Table, table
from reports.results.full_time import timed_only
from reports.results.load import Results
from reports.sections.against import AGAINST_READING, against
from reports.sections.further import FURTHER_READING, further, overview
from reports.sections.reliability import reliability_figure
from reports.sections.roc import roc
from reports.sections.seeds import SEEDS_READING, seeds
from reports.sections.worst import Worst, worst
from reports.wording.findings import AXIS_TITLES
from reports.wording.timing_only import TIMING_ONLY, trained_of_planned

# The paper's columns, in its order.
_RATES = ("accuracy", "precision", "recall", "specificity", "f1")
_TITLES = ("Class", "#Accuracy", "#Precision", "#Recall", "#Specificity", "#F1", "#Images")


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One count of a confusion matrix.

    Attributes:
        shade: Its share of the true class, from `0.00` to `1.00`, for the style sheet.
        right: Whether it is on the diagonal.
    """

    count: str
    shade: str
    right: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    """A confusion matrix: true classes down, predicted classes across."""

    caption: str
    classes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[MatrixCell, ...]], ...]


@dataclass(frozen=True, slots=True)
class RunDiagnosis:
    """One run's diagnosis.

    Attributes:
        short: Its overall accuracy alone.
        rates: The paper's five of each class.
        further: What else is said of each class, with intervals.
    """

    title: str
    accuracy: str
    short: str
    rates: Table
    matrix: Matrix
    further: Table


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The section on diagnosis.

    Attributes:
        against: Every device against the baseline, and every value of another axis against the
            first, a table an axis; none where nothing is compared.
        against_reading: How to read these tables.
        overview: Overall accuracy and macro means of every run, as the paper's Table VII.
        further: The further metrics of every run, a row a run.
        further_reading: What they are.
        seeds: Spread over seeds and the train-test gap of every cell.
        seeds_reading: How to read that table, and what it can't show.
        warning: What some accuracies do not say; None where nothing is to be warned of.
        unevaluated: Completed runs without metrics, and why, a sentence each.
        roc: ROC curves; like the two after it None where no probabilities were kept.
        reliability: How right the networks are by their confidence.
        worst: The images that were diagnosed wrongly with the highest confidence.
    """

    against: tuple[Table, ...]
    against_reading: str
    overview: Table | None
    further: Table | None
    further_reading: str
    seeds: Table | None
    seeds_reading: str
    warning: str | None
    runs: tuple[RunDiagnosis, ...]
    unevaluated: tuple[str, ...]
    roc: Figure | None
    reliability: Figure | None
    worst: Worst | None


def diagnosis(study: Study, executions: Sequence[Results], *, pictures: bool = True) -> Diagnosis:
    """Build the section.

    Args:
        study: All cells, set against their baselines.
        executions: What was read.
        pictures: Whether images that were diagnosed wrongly are shown.
    """
    networks = evaluated(study, executions)
    pairs = [(each.cell, run) for each in study.comparisons for run in each.cell.runs]
    rows = [
        _overview_row(cell, run, run.metrics)
        for cell, run in pairs
        if run.metrics or (networks and timed_only(run))
    ]
    titles = (
        "Network",
        "Device",
        "#Run",
        "#Overall accuracy [95%]",
        "#Accuracy",
        "#Precision",
        "#Recall",
        "#Specificity",
        "#F1",
    )
    caption = "Overall accuracy, and the unweighted means over classes (the paper's Table VII)"
    return Diagnosis(
        against=_against(study),
        against_reading=AGAINST_READING,
        overview=table(caption, titles, rows) if rows else None,
        further=overview(networks),
        further_reading=FURTHER_READING,
        seeds=seeds([each.cell for each in study.comparisons]),
        seeds_reading=SEEDS_READING,
        warning=weights_warning(study),
        runs=tuple(_run(network) for network in networks),
        unevaluated=tuple(_unevaluated(cell, run) for cell, run in pairs if not run.metrics),
        roc=roc(networks),
        reliability=reliability_figure(networks),
        worst=worst(networks, pictures=pictures),
    )


def _against(study: Study) -> tuple[Table, ...]:
    tables = [against(study.comparisons, "Accuracy, device against device")]
    for axis in study.axes:
        title = AXIS_TITLES[axis.axis]
        caption = f"Accuracy, {title[0].lower()}{title[1:]}, against {axis.baseline}"
        tables.append(against(axis.comparisons, caption))
    return tuple(each for each in tables if each)


def _unevaluated(cell: Cell, run: RunRecord) -> str:
    if timed_only(run):
        return (
            f"{_title(cell, run)}: {TIMING_ONLY}. It was stopped after {trained_of_planned(cell)} "
            "to predict its time, so it diagnosed nothing."
        )
    return f"{_title(cell, run)} completed, but left no metrics."


def weights_warning(study: Study) -> str | None:
    """Say of which networks the accuracy says nothing, since their frozen layers are random."""
    titles = dict.fromkeys(
        each.cell.title
        for each in study.comparisons
        if any(_frozen_at_random(run) for run in each.cell.runs)
    )
    if not titles:
        return None
    return (
        f"The frozen layers of {fmt.listed(list(titles))} hold random weights (weights = none) "
        "instead of ImageNet's. The times are those of the architecture; the accuracy says "
        "nothing about the network with ImageNet weights."
    )


def _frozen_at_random(run: RunRecord) -> bool:
    model = run.model
    return (
        model is not None
        and model.weights == "none"
        and model.trainable_parameters < model.parameters
    )


def _run(network: Evaluated) -> RunDiagnosis:
    run, metrics = network.run, network.metrics
    return RunDiagnosis(
        title=network.title,
        accuracy=_overall(metrics),
        short=fmt.share(metrics.overall_accuracy),
        rates=_rates(network),
        matrix=_matrix(run, metrics),
        further=further(network),
    )


def _title(cell: Cell, run: RunRecord) -> str:
    return f"{cell.title} on {cell.label}, run {turn_text(run)}"


def _overall(metrics: Metrics) -> str:
    images = sum(map(sum, metrics.confusion))
    accuracy = fmt.share_with_interval(metrics.overall_accuracy, accuracy_interval(metrics))
    return f"{accuracy} of {counted(images, 'test image')}"


def _overview_row(cell: Cell, run: RunRecord, metrics: Metrics | None) -> tuple[str, ...]:
    first = (cell.title, cell.label, turn_text(run))
    if metrics is None:
        return (*first, TIMING_ONLY, *[fmt.MISSING] * len(_RATES))
    return (
        *first,
        fmt.share_with_interval(metrics.overall_accuracy, accuracy_interval(metrics)),
        *_rate_texts(metrics.macro),
    )


def _rates(network: Evaluated) -> Table:
    run, metrics = network.run, network.metrics
    rows = [
        (name, *_rate_texts(rates), fmt.count(rates.tp + rates.fn))
        for name in run.data.classes
        if (rates := metrics.per_class.get(name))
    ]
    total = fmt.count(sum(map(sum, metrics.confusion)))
    rows.append(("Mean of classes", *_rate_texts(metrics.macro), total))
    return table(f"{network.title}: each class against the rest", _TITLES, rows)


def _rate_texts(rates: ClassRates | Macro) -> tuple[str, ...]:
    return tuple(fmt.rate(getattr(rates, name)) for name in _RATES)


def _matrix(run: RunRecord, metrics: Metrics) -> Matrix:
    return Matrix(
        caption="Confusion matrix: true class down, diagnosis across",
        classes=run.data.classes,
        rows=tuple(
            (name, _matrix_row(counts, index))
            for index, (name, counts) in enumerate(
                zip(run.data.classes, metrics.confusion, strict=False)
            )
        ),
    )


def _matrix_row(counts: Sequence[int], diagonal: int) -> tuple[MatrixCell, ...]:
    total = sum(counts) or 1
    return tuple(
        MatrixCell(fmt.count(count), f"{count / total:.2f}", right=index == diagonal)
        for index, count in enumerate(counts)
    )
