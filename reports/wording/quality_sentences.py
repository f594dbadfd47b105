"""What is said of the diagnosis of two sides, and in how few words a table says it."""

from collections.abc import Sequence

from lungbench.counted import counted
from reports.comparing.comparison import Cell, Comparison
from reports.comparing.quality import EQUIVALENCE_MARGIN, Quality, QualityVerdict
from reports.forms import format as fmt
from reports.wording.timing_only import TIMING_ONLY, no_quality_sentence

_LABELS = {
    "equivalent": "equally good",
    "different": "not equally good",
    "inconclusive": "inconclusive",
}


def quality_sentence(comparison: Comparison) -> str | None:
    """Say whether a cell diagnoses as well as its baseline; None where nothing is compared."""
    if comparison.speedup is None or comparison.baseline is None:
        return None
    verdict, here, there = comparison.verdict, comparison.cell.quality, comparison.baseline.quality
    if no_evidence := no_quality_sentence(comparison):
        return no_evidence
    if verdict is None or here is None or there is None:
        return "Whether both diagnose equally well can't be said: a side was not evaluated."
    return (
        f"{_verdict_words(verdict, one_run=_one_run(here, there))}: accuracy "
        f"{fmt.share(here.accuracy)} against {fmt.share(there.accuracy)}, a difference of "
        f"{fmt.points(verdict.difference, verdict.interval)} on "
        f"{counted(here.images, 'test image')}.{_guessing(here, there)}"
    )


def accuracies_text(comparisons: Sequence[Comparison]) -> str | None:
    """Write the accuracies of both sides: `accuracy 90.1 to 94.7% against 91.0%`.

    None where no pair was evaluated on both sides.
    """
    pairs = [
        (each.cell.quality.accuracy, each.baseline.quality.accuracy)
        for each in comparisons
        if each.baseline and each.cell.quality and each.baseline.quality
    ]
    if not pairs:
        return None
    here, there = (_share_range(side) for side in zip(*pairs, strict=True))
    return f"accuracy {here} against {there}"


def _share_range(shares: Sequence[float]) -> str:
    low, high = min(shares), max(shares)
    alone = fmt.share(low)
    return alone if alone == fmt.share(high) else fmt.share_range(low, high)


def pairing_sentence(comparison: Comparison) -> str | None:
    """Say what the interval of the accuracies leaves out; None where it leaves out nothing."""
    verdict = comparison.verdict
    if verdict is None:
        return None
    if verdict.paired is None:
        return (
            "The predictions of single images could not be paired, so the interval is Newcombe's "
            "unpaired one, which knows nothing of seeds and is usually wider."
        )
    if len(verdict.paired.repeats) == 1:
        return "One run on a side: networks trained with another seed may differ in other ways."
    return None


def accuracy_text(cell: Cell) -> str:
    """Write a cell's accuracy with its interval; what was only timed has none by intent."""
    if cell.timing_only:
        return TIMING_ONLY
    quality = cell.quality
    return fmt.share_with_interval(quality.accuracy, quality.interval) if quality else fmt.MISSING


def quality_label(comparison: Comparison) -> str:
    """Return the quality verdict in a word or two."""
    if label := _label_without_verdict(comparison):
        return label
    here = comparison.cell.quality
    there = comparison.baseline.quality if comparison.baseline else None
    if comparison.verdict is None or here is None or there is None:
        return "not evaluated"
    if not here.beats_guessing and not there.beats_guessing:
        return "neither beats guessing"
    label = _LABELS[comparison.verdict.kind]
    return f"{label}, one run" if comparison.verdict.conclusive and _one_run(here, there) else label


def _label_without_verdict(comparison: Comparison) -> str | None:
    """Return the label of what is no comparison, or has no diagnosis by intent."""
    if comparison.is_baseline:
        return f"baseline, {TIMING_ONLY}" if comparison.cell.timing_only else "baseline"
    if comparison.cell.timing_only:
        return TIMING_ONLY
    if comparison.speedup is None or comparison.baseline is None:
        return "not compared"
    return f"baseline {TIMING_ONLY}" if comparison.timed_only else None


def _verdict_words(verdict: QualityVerdict, *, one_run: bool) -> str:
    margin = fmt.points(EQUIVALENCE_MARGIN).lstrip("+")
    if verdict.kind == "equivalent":
        return (
            f"{'These two networks' if one_run else 'Both'} diagnose equally well, within {margin}"
        )
    if verdict.kind == "inconclusive":
        return "Whether both diagnose equally well is inconclusive"
    better = "better" if verdict.difference > 0 else "worse"
    if one_run:
        return f"These two networks don't diagnose equally well, this one is {better}"
    return f"They don't diagnose equally well, it is {better}"


def _one_run(here: Quality, there: Quality) -> bool:
    """Whether a verdict is of two networks only: with one seed, it can't be of their devices."""
    return min(len(here.accuracies), len(there.accuracies)) == 1


def _guessing(here: Quality, there: Quality) -> str:
    if here.beats_guessing and there.beats_guessing:
        return ""
    who = (
        "Neither side is" if not (here.beats_guessing or there.beats_guessing) else "One side isn't"
    )
    return (
        f" {who} shown to beat naming the largest class every time "
        f"({fmt.share(here.largest_class)})."
    )
