"""What a report found, told so briefly that the first screen holds it.

A few comparisons are told one by one. More are told together, one finding for each device and for
each value of another axis: how many are faster, the two ends with their intervals, and what the
diagnoses are worth; each single one stands in its table.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

from lungbench.stats.intervals import Speedup
from reports.comparing.comparison import AxisStudy, Comparison, Study
from reports.forms import format as fmt
from reports.wording.quality_sentences import accuracies_text, pairing_sentence, quality_label
from reports.wording.sentences import (
    asked_sentence,
    machines_sentence,
    sides,
    verdict_sentences,
    why_no_interval,
)

# A claim and its evidence, a sentence each.
Sentences = tuple[str, ...]

AXIS_TITLES = {
    "device": "Speed-up",
    "precision": "By precision",
    "pipeline": "By input pipeline",
    "backend": "By backend",
}
# The paper's three networks on one more device are still told one by one.
_MOST_TOLD_SINGLY = 3
_MOST_NAMED = 2


def device_findings(study: Study) -> tuple[Sentences, ...]:
    """Return what the devices buy."""
    shown = [each for each in study.comparisons if each.speedup]
    if len(shown) <= _MOST_TOLD_SINGLY:
        return tuple(verdict_sentences(each) for each in shown)
    return tuple(map(_together, _grouped(shown, sides)))


def axis_findings(study: AxisStudy) -> tuple[Sentences, ...]:
    """Return what each further value of an axis buys."""
    shown = [each for each in study.comparisons if each.speedup]
    return tuple(map(_together, _grouped(shown, sides)))


def _grouped(
    comparisons: Iterable[Comparison], key: Callable[[Comparison], Hashable]
) -> list[list[Comparison]]:
    groups = defaultdict(list)
    for each in comparisons:
        groups[key(each)].append(each)
    return list(groups.values())


def _together(group: Sequence[Comparison]) -> Sentences:
    if len(group) == 1:
        return verdict_sentences(group[0])
    tellers = (
        why_no_interval,
        _no_evidence,
        pairing_sentence,
        asked_sentence,
        machines_sentence,
    )
    shared = (sentence for teller in tellers for sentence in _shared(group, teller))
    return (_claim(group), _diagnoses(group), *shared)


def _claim(group: Sequence[Comparison]) -> str:
    here, there = sides(group[0])
    word = "On" if group[0].axis == "device" else "With"
    slowest, *_, fastest = sorted(_with_speedups(group), key=lambda pair: pair[1].estimate)
    low, high = (f"{_ratio(found)} ({_name(each, group)})" for each, found in (slowest, fastest))
    return f"{word} {here} instead of {there}, {_outcomes(group, low, high)}."


def _with_speedups(group: Sequence[Comparison]) -> list[tuple[Comparison, Speedup]]:
    return [(each, each.speedup) for each in group if each.speedup]


def _ratio(speedup: Speedup) -> str:
    return fmt.ratio(speedup.estimate, speedup.interval)


def _name(comparison: Comparison, group: Sequence[Comparison]) -> str:
    """Name one of a group by what tells it from the others."""
    rest = comparison.cell.name.besides(comparison.axis)
    return ", ".join(rest if rest and _one_network(group) else (comparison.cell.title, *rest))


def _one_network(group: Sequence[Comparison]) -> bool:
    return len({each.cell.key.model for each in group}) == 1


def _outcomes(group: Sequence[Comparison], low: str, high: str) -> str:
    """Say how many are faster or slower, of how many nothing can be said, and the two ends."""
    counts = Counter(_outcome(speedup) for _, speedup in _with_speedups(group))
    one = group[0].cell.title if _one_network(group) else None
    if counts["unknown"] == len(group):
        return f"{one or 'the networks'} trained {low} to {high} as fast"
    training = f"training {one}" if one else "training"
    shown = [
        f"{word} in {_of(counts[word], group)}" for word in ("faster", "slower") if counts[word]
    ]
    said = [f"{training} is {fmt.listed(shown)} comparisons"] if shown else []
    if counts["open"]:
        said.append(f"no difference in speed is shown in {_of(counts['open'], group)}")
    if counts["unknown"]:
        said.append(f"{_of(counts['unknown'], group)} have no interval")
    return f"{'; '.join(said)}: from {low} to {high}"


def _outcome(speedup: Speedup) -> str:
    interval = speedup.interval
    if interval is None:
        return "unknown"
    if interval.low <= 1 <= interval.high:
        return "open"
    return "faster" if interval.low > 1 else "slower"


def _of(count: int, group: Sequence[Comparison]) -> str:
    if count < len(group):
        return f"{count} of {len(group)}"
    return "both" if count == 2 else f"all {count}"  # noqa: PLR2004 - what "both" means


def _diagnoses(group: Sequence[Comparison]) -> str:
    accuracies = accuracies_text(group)
    found = f"{accuracies[0].upper()}{accuracies[1:]}; diagnosis" if accuracies else "Diagnosis"
    return f"{found}: {diagnosis_counts(group)}. Each under “{AXIS_TITLES[group[0].axis]}”."


def diagnosis_counts(group: Sequence[Comparison]) -> str:
    """Count the verdicts on the diagnosis; where few differ, they are named."""
    by_label = {quality_label(alike[0]): alike for alike in _grouped(group, quality_label)}
    return fmt.listed(
        [
            f"{label.replace(', one run', ' (one run)')} in {_of(len(alike), group)}"
            f"{_named(label, alike, group)}"
            for label, alike in by_label.items()
        ]
    )


def _named(label: str, alike: Sequence[Comparison], group: Sequence[Comparison]) -> str:
    if not label.startswith("not equally good") or len(alike) > _MOST_NAMED:
        return ""
    named = [
        f"{_name(each, group)}: {fmt.points(each.verdict.difference, each.verdict.interval)}"
        for each in alike
        if each.verdict
    ]
    return f" ({'; '.join(named)})"


def _no_evidence(comparison: Comparison) -> str | None:
    if not comparison.timed_only:
        return None
    return "A side that was only timed diagnosed nothing: that speed-up has no quality evidence."


def _shared(group: Sequence[Comparison], teller: Callable[[Comparison], str | None]) -> list[str]:
    """Say once what holds of several, and of how many where not of all."""
    counts = Counter(sentence for each in group if (sentence := teller(each)))
    return [
        sentence if count == len(group) else f"In {count} of {len(group)}: {sentence}"
        for sentence, count in counts.items()
    ]
