"""What the figures say, in sentences that claim no more than the figures do."""

from collections.abc import Sequence

from lungbench.counted import counted
from lungbench.stats.intervals import Combined, geometric_mean
from reports.comparing.cells import Axis
from reports.comparing.comparison import Comparison
from reports.comparing.learning import TimeToAccuracy
from reports.forms import format as fmt
from reports.wording.quality_sentences import pairing_sentence, quality_sentence
from reports.wording.timing_only import prediction_sentence

# Of cells that share a reason; more are counted.
_MOST_NAMED = 4
# The sides of such a comparison don't do literally the same work, and this is how.
_ASKED: dict[Axis, str] = {
    "precision": "precision, as asked, and so in their arithmetic",
    "pipeline": "the input pipeline, as asked, and so in the pixels that they train on",
    "backend": "the backend, as asked, and so in their arithmetic and random numbers",
}
_VALUES = {
    "cached": "the cached pipeline",
    "paper": "the paper's pipeline",
    "tensorflow": "TensorFlow",
    "jax": "JAX",
    "torch": "PyTorch",
}


def verdict_sentences(comparison: Comparison) -> tuple[str, ...]:
    """Return all that is to be said of one cell beside its baseline; nothing of the baseline."""
    said = (
        speed_sentence(comparison),
        why_no_interval(comparison),
        quality_sentence(comparison),
        pairing_sentence(comparison),
        prediction_sentence(comparison),
        asked_sentence(comparison),
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
    interval, where = speedup.interval, shared_words(comparison)
    here, there = sides(comparison)
    word = "on" if comparison.axis == "device" else "with"
    as_fast = f"as fast {word} {here} as {word} {there}{where}"
    times = (
        f"{fmt.seconds(cell.steady_epoch_s)} against {fmt.seconds(baseline.steady_epoch_s)} "
        f"a steady epoch, {_runs(comparison)}"
    )
    if interval is None:
        return f"{cell.title} trained {fmt.ratio(speedup.estimate)} {as_fast}: {times}."
    if interval.low <= 1 <= interval.high:
        return (
            f"{cell.title}: no difference in speed is shown between {here} and "
            f"{there}{where}, {fmt.ratio(speedup.estimate, interval)}: {times}."
        )
    return f"{cell.title} trains {fmt.ratio(speedup.estimate, interval)} {as_fast}: {times}."


def asked_sentence(comparison: Comparison) -> str | None:
    """Say what differs by intent where it is not the device alone; None where nothing is shown."""
    if comparison.axis == "device" or comparison.speedup is None:
        return None
    return f"The two sides differ in {_ASKED[comparison.axis]}; all else was checked to be equal."


def sides(comparison: Comparison) -> tuple[str, str]:
    """Name the two sides by what they differ in: `cpu:threads=2` and `cpu:threads=1`."""
    cell, baseline = comparison.cell, comparison.baseline
    if baseline is None:
        return cell.label, "the baseline"
    if comparison.axis == "device":
        return cell.name.without_variant, baseline.name.without_variant
    here, there = (side.key.value(comparison.axis) for side in (cell, baseline))
    return value_words(here), value_words(there)


def value_words(value: str) -> str:
    """Return how a sentence calls one value of an axis."""
    return _VALUES.get(value, value)


def shared_words(comparison: Comparison) -> str:
    """Return what both sides share, to stand behind them: ` (float32, paper)`, ` on gpu:0`."""
    if comparison.axis == "device":
        variant = ", ".join(comparison.cell.name.variant.values())
        return f" ({variant})" if variant else ""
    return f" on {comparison.cell.name.without(comparison.axis)}"


def refusal_sentence(alike: Sequence[Comparison]) -> str:
    """Say why there is no speed-up of one or several networks, on one or several devices."""
    labels = list(dict.fromkeys(each.cell.label for each in alike))
    if len(labels) == 1:
        names = f"{fmt.listed([each.cell.title for each in alike])} on {labels[0]}"
    else:
        each_on = [f"{each.cell.title} on {each.cell.label}" for each in alike]
        more = each_on[_MOST_NAMED:]
        rest = [f"{len(more)} more"] if len(more) > 1 else more
        names = fmt.listed([*each_on[:_MOST_NAMED], *rest])
    return f"{names}: {alike[0].refusal}"


def refusals(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """Say why speed-ups are missing, those with the same reason together."""
    groups: dict[str, list[Comparison]] = {}
    for each in comparisons:
        if each.refusal:
            groups.setdefault(each.refusal, []).append(each)
    return tuple(refusal_sentence(alike) for alike in groups.values())


def time_text(found: TimeToAccuracy) -> str:
    """Write the training times to a target; one that was not reached is shown, never dropped."""
    reached = [run.train_s for run in found.runs if run.reached]
    missed: dict[int, list[float]] = {}
    for run in found.runs:
        if not run.reached:
            missed.setdefault(run.epochs, []).append(run.train_s)
    told = [
        f"not reached in {counted(epochs, 'epoch')}, {fmt.listed([*map(fmt.seconds, times)])}"
        for epochs, times in missed.items()
    ]
    if reached:
        of = f" ({counted(len(reached), 'run')})" if missed else ""
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


def speedup_text(comparison: Comparison) -> str:
    """Write a speed-up with its interval, or in a word why there is none."""
    if comparison.is_baseline:
        return "baseline"
    if comparison.speedup is None:
        return "refused" if comparison.differences else fmt.MISSING
    text = fmt.ratio(comparison.speedup.estimate, comparison.speedup.interval)
    return text if comparison.speedup.interval else f"{text}, no interval"


def mean_sentence(label: str, mean: Combined, models: Sequence[str]) -> str:
    """Say what a geometric mean over models is, and what its interval is about."""
    about = ", an interval over the runs of these networks, not over others"
    if mean.interval is None:
        about = ", without an interval, since a network has none"
    return (
        f"{label}, geometric mean over {fmt.listed(models)}: "
        f"{fmt.ratio(mean.estimate, mean.interval)}{about}."
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


def _runs(comparison: Comparison) -> str:
    speedup = comparison.speedup
    if speedup is None:
        return ""
    if speedup.baseline_runs == speedup.other_runs:
        return f"{counted(speedup.other_runs, 'run')} each"
    return f"{speedup.other_runs} against {counted(speedup.baseline_runs, 'run')}"
