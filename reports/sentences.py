"""What the figures say, in sentences that claim no more than the figures do."""

from collections.abc import Sequence

from lungbench.stats import geometric_mean
from reports import format as fmt
from reports.comparison import Comparison
from reports.learning import TimeToAccuracy
from reports.quality import EQUIVALENCE_MARGIN, Quality, QualityVerdict

_LABELS = {
    "equivalent": "equally good",
    "different": "not equally good",
    "inconclusive": "inconclusive",
}


def verdict_sentences(comparison: Comparison) -> tuple[str, ...]:
    """Return all that is to be said of one cell beside its baseline; nothing of the baseline."""
    said = (
        speed_sentence(comparison),
        why_no_interval(comparison),
        quality_sentence(comparison),
        pairing_sentence(comparison),
        machines_sentence(comparison),
    )
    return tuple(sentence for sentence in said if sentence)


def speed_sentence(comparison: Comparison) -> str | None:
    """Say how much faster a cell trains than its baseline; None for the baseline itself."""
    cell, baseline, speedup = comparison.cell, comparison.baseline, comparison.speedup
    if comparison.refusal:
        return refusal_sentence([comparison])
    if baseline is None or speedup is None:
        return None
    interval, sides = speedup.interval, f"on {cell.label} as on {baseline.label}"
    times = (
        f"{fmt.seconds(cell.steady_epoch_s)} against {fmt.seconds(baseline.steady_epoch_s)} "
        f"a steady epoch, {_runs(comparison)}"
    )
    if interval is None:
        return f"{cell.title} trained {fmt.ratio(speedup.estimate)} as fast {sides}: {times}."
    if interval.low <= 1 <= interval.high:
        return (
            f"{cell.title}: no difference in speed is shown between {cell.label} and "
            f"{baseline.label}, {fmt.ratio(speedup.estimate, interval)}: {times}."
        )
    return f"{cell.title} trains {fmt.ratio(speedup.estimate, interval)} as fast {sides}: {times}."


def refusal_sentence(alike: Sequence[Comparison]) -> str:
    """Say why there is no speed-up of one or several networks on one device."""
    titles = fmt.listed([each.cell.title for each in alike])
    return f"{titles} on {alike[0].cell.label}: {alike[0].refusal}"


def refusals(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """Say why speed-ups are missing, networks with the same reason together."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for each in comparisons:
        if each.refusal:
            groups.setdefault((each.cell.label, each.refusal), []).append(each)
    return tuple(refusal_sentence(alike) for alike in groups.values())


def quality_sentence(comparison: Comparison) -> str | None:
    """Say whether a cell diagnoses as well as its baseline; None where nothing is compared."""
    if comparison.speedup is None or comparison.baseline is None:
        return None
    verdict, here, there = comparison.verdict, comparison.cell.quality, comparison.baseline.quality
    if verdict is None or here is None or there is None:
        return "Whether both diagnose equally well can't be said: a side was not evaluated."
    return (
        f"{_verdict_words(verdict, one_run=_one_run(here, there))}: accuracy "
        f"{fmt.share(here.accuracy)} against {fmt.share(there.accuracy)}, a difference of "
        f"{fmt.points(verdict.difference, verdict.interval)} on "
        f"{fmt.plural(here.images, 'test image')}.{_guessing(here, there)}"
    )


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


def time_text(found: TimeToAccuracy) -> str:
    """Write the training times to a target; one that was not reached is shown, never dropped."""
    reached = [run.train_s for run in found.runs if run.reached]
    missed: dict[int, list[float]] = {}
    for run in found.runs:
        if not run.reached:
            missed.setdefault(run.epochs, []).append(run.train_s)
    told = [
        f"not reached in {fmt.plural(epochs, 'epoch')}, {fmt.listed([*map(fmt.seconds, times)])}"
        for epochs, times in missed.items()
    ]
    if reached:
        of = f" ({fmt.plural(len(reached), 'run')})" if missed else ""
        told.insert(0, fmt.seconds(geometric_mean(reached)) + of)
    return "; ".join(told)


def machines_sentence(comparison: Comparison) -> str | None:
    """Name the two machines where the sides did not train on the same one."""
    if not comparison.other_host or comparison.baseline is None or comparison.speedup is None:
        return None
    return (
        f"The two sides are different machines ({comparison.cell.key.hostname} and "
        f"{comparison.baseline.key.hostname}): this compares machines, not devices alone."
    )


def why_no_interval(comparison: Comparison) -> str | None:
    """Say why a speed-up has no interval; None where it has one, or is none."""
    speedup = comparison.speedup
    if speedup is None or speedup.interval:
        return None
    if min(speedup.baseline_runs, speedup.other_runs) == 1:
        return (
            "One run on a side, so there is no interval: "
            "how far it varies from run to run is unknown."
        )
    return "The runs show no spread at all, so there is no interval."


def quality_label(comparison: Comparison) -> str:
    """Return the quality verdict in a word or two."""
    if comparison.is_baseline:
        return "baseline"
    if comparison.speedup is None or comparison.baseline is None:
        return "not compared"
    here, there = comparison.cell.quality, comparison.baseline.quality
    if comparison.verdict is None or here is None or there is None:
        return "not evaluated"
    if not here.beats_guessing and not there.beats_guessing:
        return "neither beats guessing"
    label = _LABELS[comparison.verdict.kind]
    return f"{label}, one run" if comparison.verdict.conclusive and _one_run(here, there) else label


def _runs(comparison: Comparison) -> str:
    speedup = comparison.speedup
    if speedup is None:
        return ""
    if speedup.baseline_runs == speedup.other_runs:
        return f"{fmt.plural(speedup.other_runs, 'run')} each"
    return f"{speedup.other_runs} against {fmt.plural(speedup.baseline_runs, 'run')}"


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
