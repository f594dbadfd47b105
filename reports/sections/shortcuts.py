"""What needs no lungs to be seen: guessing and shortcut baselines beside the networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from lungbench.counted import counted
from lungbench.data.shortcut_baselines import Baseline, ShortcutBaselines
from reports.comparing.cells import Cell
from reports.comparing.comparison import Study
from reports.comparing.shortcuts import Contest, beats_guessing, contests, interval_of
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.results.load import Results
from reports.wording.quality_sentences import accuracy_text

TITLE = "What needs no lungs to be seen"

READING = (
    "Each logistic regression is given features without anatomy: how the files are stored (size, "
    "aspect, bytes per pixel, colour mode, format), the statistics of the greys, or the image "
    "reduced to 16 × 16 greys, too coarse for the edges of an infiltrate. It is trained and "  # noqa: RUF001
    "tested on the split of the networks. The best is chosen on the validation images. A network "
    "that is not shown to be better than it may have learnt nothing else: only the difference can "
    "come from the lungs, and not even all of that must. Shown is what the interval and McNemar’s "  # noqa: RUF001
    "exact test on the same images, adjusted for all cells, both say."
)

_TITLES = (
    "What names the class",
    "#Accuracy [95%]",
    "#Mean recall",
    "#Against the best shortcut [95%]",
    "Shown",
)
_BEST = "the best shortcut"
_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class ShortcutsOf:
    """The baselines of one set of images.

    Attributes:
        title: Names of the executions that trained on it.
        summary: What the table says, in a sentence or two.
    """

    title: str
    summary: str
    table: Table


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """The section.

    Attributes:
        sets: One a set of images that was audited.
        remark: What the verdict must say of it; None where every network is better.
    """

    sets: tuple[ShortcutsOf, ...]
    reading: str
    remark: str | None


def shortcuts(executions: Sequence[Results], study: Study) -> Shortcuts:
    """Build the section."""
    found = contests(executions, study)
    audited: dict[str, list[Results]] = {}
    for execution in executions:
        if execution.audit and execution.audit.facts.shortcuts:
            audited.setdefault(execution.audit.fingerprint, []).append(execution)
    return Shortcuts(
        sets=tuple(_set(alike, found) for alike in audited.values()),
        reading=READING,
        remark=_remark(found),
    )


def _set(alike: Sequence[Results], found: Sequence[Contest]) -> ShortcutsOf:
    audit = alike[0].audit
    baselines = audit.facts.shortcuts if audit else None
    if baselines is None:
        raise ValueError(f"{alike[0].folder} was not audited")
    networks = [each for each in found if each.execution in alike]
    rows = (*_guesses(baselines), *(_row(each, baselines) for each in baselines.baselines))
    caption = "Accuracy on the test images without anatomy, and of the networks"
    return ShortcutsOf(
        title=fmt.listed([each.name for each in alike]),
        summary=_summary(baselines, networks),
        table=table(caption, _TITLES, (*rows, *map(_network, networks))),
    )


def _guesses(baselines: ShortcutBaselines) -> list[tuple[str, ...]]:
    shares = {
        "Any class at random": baselines.chance,
        "Each class as often as in training": baselines.in_proportion,
        f"Always {baselines.majority_class}": baselines.majority,
    }
    return [(name, fmt.share(share), *[fmt.MISSING] * 3) for name, share in shares.items()]


def _row(baseline: Baseline, baselines: ShortcutBaselines) -> tuple[str, ...]:
    accuracy = baseline.right / len(baselines.test)
    return (
        f"Logistic regression on {baseline.sees} ({counted(baseline.features, 'number')})",
        fmt.share_with_interval(accuracy, interval_of(baselines, baseline)),
        fmt.rate(baseline.macro_recall),
        fmt.MISSING,
        _BEST if baseline.sees == baselines.best else fmt.MISSING,
    )


def _network(contest: Contest) -> tuple[str, ...]:
    verdict = contest.verdict
    recalls = [run.metrics.macro.recall for run in contest.cell.runs if run.metrics]
    known = [recall for recall in recalls if recall is not None]
    return (
        _title(contest.cell),
        accuracy_text(contest.cell),
        fmt.rate(fmean(known)) if known else fmt.MISSING,
        fmt.points(verdict.difference, verdict.interval) if verdict else fmt.MISSING,
        contest.shown or fmt.MISSING,
    )


def _title(cell: Cell) -> str:
    return f"{cell.title} on {cell.label}"


def _summary(baselines: ShortcutBaselines, networks: Sequence[Contest]) -> str:
    best, tested = baselines.best_baseline, len(baselines.test)
    accuracy = fmt.share_with_interval(best.right / tested, interval_of(baselines, best))
    said = (
        f"A logistic regression on {best.sees} alone is right in {accuracy} of "
        f"{counted(tested, 'test image')}; guessing, in "
        f"{fmt.share(max(baselines.chance, baselines.majority))}."
    )
    if not beats_guessing(baselines):
        return f"{said} It is not shown to beat guessing."
    known = [each for each in networks if each.shown]
    better = sum(each.shown == "better" for each in known)
    if not known:
        return f"{said} No network was evaluated beside it."
    return f"{said} Shown to be better: {better} of {counted(len(known), 'cell')} of networks."


def _remark(found: Sequence[Contest]) -> str | None:
    """Tell the networks that are worse, or not better, than a shortcut that beats guessing."""
    judged = [each for each in found if each.shown and beats_guessing(each.baselines)]
    worse = [each for each in judged if each.shown == "worse"]
    undecided = [each for each in judged if each.shown == "not shown to be better"]
    if not (worse or undecided):
        return None
    baselines = judged[0].baselines
    best = baselines.best_baseline
    other = (
        f"a logistic regression on {best.sees} alone "
        f"({fmt.share(best.right / len(baselines.test))})"
    )
    said = []
    if worse:
        said.append(f"Worse than {other}: {_which(worse, judged)}.")
    if undecided:
        than = "it" if worse else other
        said.append(f"Not shown to be better than {than}: {_which(undecided, judged)}.")
    return f"{' '.join(said)} See “{TITLE}”."


def _which(some: Sequence[Contest], judged: Sequence[Contest]) -> str:
    """Name a few cells; say of more how many they are of all."""
    names = list(dict.fromkeys(_title(each.cell) for each in some))
    if len(judged) <= _MOST_NAMED:
        return fmt.listed(names)
    return f"{len(some)} of {counted(len(judged), 'cell')}"
