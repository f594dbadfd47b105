"""What the figures say, in sentences that claim no more than the figures do."""

from collections.abc import Sequence

from reports import format as fmt
from reports.comparison import Comparison
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
        f"{_verdict_words(verdict)}: accuracy {fmt.share(here.accuracy)} against "
        f"{fmt.share(there.accuracy)}, a difference of "
        f"{fmt.points(verdict.difference, verdict.interval)} on "
        f"{fmt.plural(here.images, 'test image')}.{_guessing(here, there)}"
    )


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
    return _LABELS[comparison.verdict.kind]


def _runs(comparison: Comparison) -> str:
    speedup = comparison.speedup
    if speedup is None:
        return ""
    if speedup.baseline_runs == speedup.other_runs:
        return f"{fmt.plural(speedup.other_runs, 'run')} each"
    return f"{speedup.other_runs} against {fmt.plural(speedup.baseline_runs, 'run')}"


def _verdict_words(verdict: QualityVerdict) -> str:
    margin = fmt.points(EQUIVALENCE_MARGIN).lstrip("+")
    if verdict.kind == "equivalent":
        return f"Both diagnose equally well, within {margin}"
    if verdict.kind == "inconclusive":
        return "Whether both diagnose equally well is inconclusive"
    better = "better" if verdict.difference > 0 else "worse"
    return f"They don't diagnose equally well, it is {better}"


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
