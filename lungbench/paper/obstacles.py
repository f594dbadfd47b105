"""Why no whole numbers fit a run: the one printed rate in the way, or those that exclude others."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, islice

from lungbench.paper.class_sizes import STEPS
from lungbench.paper.count_limits import Demands, class_limits, demands
from lungbench.paper.counts import exact_rate
from lungbench.paper.integer_counts import (
    CountVector,
    OutOfSteps,
    Sizes,
    Steps,
    class_fits,
    count_vectors,
)
from lungbench.paper.rounding import PrintedRate, Rounding, halves_up
from lungbench.paper.table import ALL_CLASSES, PrintedClass, PrintedRun

_MOST_EXAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A printed rate without which whole numbers fit.

    Attributes:
        of: A class, or `overall`.
        rate: The rate's name.
        printed: As printed.
        sizes: The smallest class sizes that then fit.
        lowest: What the rate would be there, with as many decimals; the least of it.
        highest: The most of it.
    """

    of: str
    rate: str
    printed: str
    sizes: Sizes
    lowest: Decimal
    highest: Decimal


@dataclass(frozen=True, slots=True)
class Clash:
    """Rates of one class that no whole numbers give together, at any of the sizes tried."""

    of: str
    rates: tuple[str, ...]


def obstacles(
    run: PrintedRun, rounding: Rounding, candidates: Iterable[Sizes]
) -> tuple[Obstacle, ...]:
    """Return each rate that alone is in the way, at the first sizes where leaving one out helps.

    Several may do: only one of them need be wrong. None where two rates or more are wrong, or where
    the steps ran out.
    """
    steps = Steps(STEPS)
    without = list(_each_left_out(run, rounding))
    try:
        for sizes in candidates:
            found = [
                obstacle
                for left_out in without
                if (obstacle := _obstacle(left_out, sizes, steps)) is not None
            ]
            if found:
                return tuple(found)
    except OutOfSteps:
        pass
    return ()


def clashes(run: PrintedRun, rounding: Rounding, candidates: Sequence[Sizes]) -> tuple[Clash, ...]:
    """Return the fewest rates of each class that exclude each other at all sizes tried."""
    return tuple(
        clash
        for label, each in enumerate(run.classes)
        if (clash := _clash(label, each, rounding, candidates)) is not None
    )


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """One rate, and what a run's others demand."""

    of: str
    label: int | None
    rate: str
    printed: PrintedRate
    others: Demands


def _each_left_out(run: PrintedRun, rounding: Rounding) -> Iterator[_LeftOut]:
    """Yield each rate of the run in turn; a class keeps one at least."""
    for label, each in enumerate(run.classes):
        for name, printed in each.rates.items() if len(each.rates) > 1 else ():
            fewer = {other: rate for other, rate in each.rates.items() if other != name}
            classes = list(run.classes)
            classes[label] = replace(each, rates=fewer)
            others = demands(replace(run, classes=tuple(classes)), rounding)
            yield _LeftOut(each.name, label, name, printed, others)
    if run.overall is not None:
        others = demands(replace(run, overall=None), rounding)
        yield _LeftOut(ALL_CLASSES[0], None, "accuracy", run.overall, others)


def _obstacle(left_out: _LeftOut, sizes: Sizes, steps: Steps) -> Obstacle | None:
    """Return what the rate left out would be at these sizes; None where still nothing fits."""
    vectors = islice(count_vectors(left_out.others, sizes, steps), _MOST_EXAMPLES)
    rates = [rate for counts in vectors if (rate := _rate(left_out, counts, sizes)) is not None]
    if not rates:
        return None
    decimals = left_out.printed.decimals
    return Obstacle(
        of=left_out.of,
        rate=left_out.rate,
        printed=left_out.printed.text,
        sizes=sizes,
        lowest=halves_up(min(rates), decimals),
        highest=halves_up(max(rates), decimals),
    )


def _rate(left_out: _LeftOut, counts: CountVector, sizes: Sizes) -> Fraction | None:
    if left_out.label is None:
        return Fraction(sum(each.tp for each in counts), sum(sizes))
    return exact_rate(left_out.rate, counts[left_out.label])


def _clash(
    label: int, each: PrintedClass, rounding: Rounding, candidates: Sequence[Sizes]
) -> Clash | None:
    steps = Steps(STEPS)
    try:
        for names in _subsets(tuple(each.rates)):
            limits = tuple(class_limits({name: each.rates[name] for name in names}, rounding))
            if not any(
                class_fits(limits, sizes[label], sum(sizes) - sizes[label], steps)
                for sizes in candidates
            ):
                return Clash(each.name, names)
    except OutOfSteps:
        pass
    return None


def _subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield all choices of names, the fewest first."""
    for number in range(1, len(names) + 1):
        yield from combinations(names, number)
