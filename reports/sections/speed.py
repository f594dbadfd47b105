"""How much faster, with the evidence beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lungbench.device import Device
from lungbench.models import MODELS
from lungbench.paper import recomputed as paper
from lungbench.stats.intervals import geometric_mean
from reports.comparing.comparison import Cell, Comparison, Study, combined_by_label
from reports.comparing.work import work_of
from reports.drawings.bars import Axis, ForestRow, forest
from reports.forms import format as fmt
from reports.forms.blocks import Fact, Figure, LegendEntry, Panel, Table, table
from reports.sections.all_epochs import all_epochs
from reports.sections.by_axis import ByAxis, by_axis
from reports.sections.to_accuracy import TARGET_READING, to_accuracy
from reports.sections.whole_time import WHOLE_READING, end_to_end_s, times_of, whole_time
from reports.wording.quality_sentences import accuracy_text, quality_label
from reports.wording.sentences import mean_sentence, refusals, speedup_text
from reports.wording.timing_only import TIMING_ONLY

_READING = (
    "Each row is one device; the drawings have the same rows. Every dot is one run, the "
    "short upright line is their mean, the horizontal line its 95% interval; one much wider than "
    "the drawing ends at its edge, and the table has its limits. Left of the dashed line at 1 is "
    "slower than the baseline. A speed-up counts only where the accuracies agree."
)

_TITLES = (
    "Network",
    "Device",
    "#Speed-up [95%]",
    "Diagnosis",
    "#Accuracy [95%]",
    "#Difference [95%]",
    "#First epoch",
    "#Steady epoch",
    "#Images/s",
    "#Runs",
    "#Paper, CPU to GPU",
)


@dataclass(frozen=True, slots=True)
class Speed:
    """The section on speed.

    Attributes:
        baseline: What all others are compared with, in a sentence.
        figure: None where nothing completed.
        all_epochs: What the full training takes; None where no run was stopped early.
        whole: First epoch, steady epochs and end to end; None where nothing was timed.
        whole_reading: How to read that table.
        across: The geometric means over models, a sentence each.
        axes: What each further axis of the matrix buys.
        to_accuracy: Time to a validation accuracy; None where no baseline beats guessing.
        to_accuracy_reading: How to read that table.
        refusals: Why speed-ups are missing, a sentence each.
        same_work: What was checked to be equal on both sides, with its value.
        beside_the_paper: How its speed-ups may be held against these.
    """

    baseline: str
    figure: Figure | None
    all_epochs: Table | None
    whole: Table | None
    whole_reading: str
    across: tuple[str, ...]
    axes: tuple[ByAxis, ...]
    to_accuracy: Table | None
    to_accuracy_reading: str
    refusals: tuple[str, ...]
    same_work: tuple[Fact, ...]
    beside_the_paper: str


def speed(study: Study) -> Speed:
    """Build the section."""
    return Speed(
        baseline=_baseline(study),
        figure=_figure(study.comparisons) if study.comparisons else None,
        all_epochs=all_epochs([each.cell for each in study.comparisons]),
        whole=whole_time(study.comparisons),
        whole_reading=WHOLE_READING,
        across=tuple(
            mean_sentence(label, *found)
            for label, found in combined_by_label(study.comparisons).items()
        ),
        axes=tuple(by_axis(axis) for axis in study.axes),
        to_accuracy=to_accuracy(study.comparisons),
        to_accuracy_reading=TARGET_READING,
        refusals=refusals(study.comparisons),
        same_work=_same_work(study),
        beside_the_paper=_beside_the_paper(study),
    )


def _baseline(study: Study) -> str:
    if study.baseline_device is None:
        return "There is no baseline, since there are no runs."
    return (
        f"The baseline is {study.baseline_device}, the first device of the experiment. A speed-up "
        "is the baseline's steady epoch time divided by the other device's, between the geometric "
        "means of independent runs; the interval is Welch's on logarithms, over runs and not "
        "epochs. The first epoch holds tracing and compilation and is shown apart."
    )


def _beside_the_paper(study: Study) -> str:
    ratios = [f"{MODELS[each.model].title} {fmt.ratio(each.estimate)}" for each in paper.speedups()]
    theirs = f"The paper's own epoch times, one run a side, come to {fmt.listed(ratios)}."
    if any(each.speedup and _published(each) for each in study.comparisons):
        return f"{theirs} They stand beside ours as diamonds: other machines, other images."
    return f"{theirs} Those are of a CPU beside a GPU, which nothing here compares."


def _figure(comparisons: Sequence[Comparison]) -> Figure:
    panels = [_epoch_panel(comparisons), _accuracy_panel(comparisons)]
    if any(each.speedup for each in comparisons):
        panels.insert(0, _speedup_panel(comparisons))
    if any(times_of(each.cell, end_to_end_s) for each in comparisons):
        panels.append(_whole_panel(comparisons))
    marks = [
        LegendEntry("dot baseline", "a run of the baseline"),
        LegendEntry("dot c1", "a run of another device"),
        LegendEntry("hollow", "a first epoch; among speed-ups, the paper's CPU to GPU"),
        LegendEntry("rule", "the baseline; among accuracies, always naming the largest class"),
    ]
    return Figure(_READING, tuple(panels), _table(comparisons), tuple(marks), open_table=True)


def _speedup_panel(comparisons: Sequence[Comparison]) -> Panel:
    rows = [_speedup_row(each) for each in comparisons]
    axis = Axis("times as fast as the baseline", bars=True)
    words = "; ".join(
        f"{each.cell.title} on {each.cell.label} "
        f"{fmt.ratio(each.speedup.estimate, each.speedup.interval)}"
        for each in comparisons
        if each.speedup
    )
    alternative = f"Speed-up over the baseline: {words}."
    return Panel("Speed-up", forest(rows, axis, "speedup", alternative), alternative)


def _speedup_row(comparison: Comparison) -> ForestRow:
    """Return a cell's row: empty where its speed-up is refused, 1 for the baseline."""
    cell, speedup = comparison.cell, comparison.speedup
    row = ForestRow(*_place(cell), comparison.is_baseline, None, reference=1.0)
    reference = (comparison.baseline or cell).steady_epoch_s
    if reference is None or not (speedup or comparison.is_baseline):
        return row
    interval, published = speedup.interval if speedup else None, _published(comparison)
    return replace(
        row,
        estimate=speedup.estimate if speedup else 1.0,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        dots=tuple(reference / each for each in cell.steady_epochs_s),
        said=speedup_text(comparison),
        dots_said=tuple(fmt.ratio(reference / each) for each in cell.steady_epochs_s),
        hollow_said=(f"the paper, {fmt.ratio(published.estimate)}",) if published else (),
        hollow=(published.estimate,) if published else (),
    )


def _place(cell: Cell) -> tuple[str, str]:
    """Return the heading and the name of a cell's row: the variant makes names too long to draw."""
    return cell.heading, cell.name.without_variant


def _epoch_panel(comparisons: Sequence[Comparison]) -> Panel:
    rows = [
        ForestRow(
            *_place(each.cell),
            baseline=each.is_baseline,
            estimate=each.cell.steady_epoch_s,
            dots=each.cell.steady_epochs_s,
            hollow=each.cell.first_epochs_s,
            said=fmt.seconds(each.cell.steady_epoch_s),
            dots_said=tuple(map(fmt.seconds, each.cell.steady_epochs_s)),
            hollow_said=tuple(
                f"first epoch, {fmt.seconds(time_s)}" for time_s in each.cell.first_epochs_s
            ),
        )
        for each in comparisons
    ]
    words = "; ".join(
        f"{each.cell.title} on {each.cell.label} first {fmt.seconds(each.cell.first_epoch_s)}, "
        f"then {fmt.seconds(each.cell.steady_epoch_s)}"
        for each in comparisons
    )
    alternative = f"Training time of an epoch: {words}."
    axis = Axis("seconds of training per epoch", bars=True)
    return Panel("Epoch time", forest(rows, axis, "epochs", alternative), alternative)


def _whole_panel(comparisons: Sequence[Comparison]) -> Panel:
    times = [times_of(each.cell, end_to_end_s) for each in comparisons]
    means = [geometric_mean(found) if found else None for found in times]
    rows = [
        ForestRow(
            *_place(each.cell),
            baseline=each.is_baseline,
            estimate=mean,
            dots=found,
            said=fmt.duration(mean),
            dots_said=tuple(map(fmt.duration, found)),
        )
        for each, found, mean in zip(comparisons, times, means, strict=True)
    ]
    words = "; ".join(
        f"{each.cell.title} on {each.cell.label} {fmt.duration(mean)}"
        for each, mean in zip(comparisons, means, strict=True)
    )
    alternative = f"Time of a whole run, from start to end: {words}."
    axis = Axis("seconds of a whole run", bars=True)
    return Panel("End to end", forest(rows, axis, "whole", alternative), alternative)


def _accuracy_panel(comparisons: Sequence[Comparison]) -> Panel:
    rows = [_accuracy_row(each) for each in comparisons]
    axis = Axis("overall accuracy, test images", highest=1.0, number_format=".0%")
    words = "; ".join(
        f"{each.cell.title} on {each.cell.label} {accuracy_text(each.cell)}" for each in comparisons
    )
    alternative = f"Overall accuracy on the test images: {words}."
    return Panel("Accuracy", forest(rows, axis, "accuracy", alternative), alternative)


def _accuracy_row(comparison: Comparison) -> ForestRow:
    cell, quality = comparison.cell, comparison.cell.quality
    group, label = _place(cell)
    return ForestRow(
        group,
        f"{label}, {TIMING_ONLY}" if cell.timing_only else label,
        baseline=comparison.is_baseline,
        estimate=quality.accuracy if quality else None,
        low=quality.interval.low if quality else None,
        high=quality.interval.high if quality else None,
        dots=quality.accuracies if quality else (),
        said=accuracy_text(cell),
        dots_said=tuple(map(fmt.share, quality.accuracies)) if quality else (),
        reference=quality.largest_class if quality else None,
    )


def _table(comparisons: Sequence[Comparison]) -> Table:
    rows = [_row(each) for each in comparisons]
    caption = "Times, speed-up and accuracy of every cell (means of its runs)"
    return table(caption, _TITLES, rows, only_known=True)


def _row(comparison: Comparison) -> tuple[str, ...]:
    cell, verdict, published = comparison.cell, comparison.verdict, _published(comparison)
    return (
        cell.title,
        cell.label,
        speedup_text(comparison),
        quality_label(comparison),
        accuracy_text(cell),
        fmt.points(verdict.difference, verdict.interval) if verdict else fmt.MISSING,
        fmt.seconds(cell.first_epoch_s),
        fmt.seconds(cell.steady_epoch_s),
        fmt.significant(cell.mean_images_per_s),
        _runs(cell),
        fmt.ratio(published.estimate) if published else fmt.MISSING,
    )


def _runs(cell: Cell) -> str:
    """Count the runs, and of them those whose times count where that isn't all."""
    runs, timed = len(cell.runs), len(cell.timed_runs)
    return fmt.count(runs) if timed == runs else f"{fmt.count(runs)}, {fmt.count(timed)} timed"


def _published(comparison: Comparison) -> paper.PublishedSpeedup | None:
    """Return the paper's speed-up of this network where ours is a CPU's beside a GPU's too."""
    if comparison.baseline is None or comparison.is_baseline:
        return None
    sides = (comparison.baseline.key.device, comparison.cell.key.device)
    if [Device.parse(side).kind for side in sides] != ["cpu", "gpu"]:
        return None
    model = comparison.cell.key.model
    return next((each for each in paper.speedups() if each.model == model), None)


def _same_work(study: Study) -> tuple[Fact, ...]:
    """Return the facts that every compared pair was checked for, with the values found."""
    works = [work_of(run) for each in study.comparisons if each.speedup for run in each.cell.runs]
    names = dict.fromkeys(name for work in works for name in work)
    return tuple(
        Fact(name, fmt.listed(list(dict.fromkeys(work[name] for work in works if name in work))))
        for name in names
    )
