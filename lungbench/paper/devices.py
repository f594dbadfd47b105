"""Whether two devices of a published table differ beyond chance, where no image is published.

Known are counts, not which images they are, and that decides what can be said:

- On the same images, McNemar's test is the right one, but it needs the images. Its p-value has
  bounds, though: `lungbench.paper.pairings` finds the least and the greatest over every way in
  which the two networks' right diagnoses may fall on the images. With both below 5 % the networks
  differ however they fell; with both above it they can't be shown to differ however they fell; else
  only the images can tell.
- On different images, Fisher's exact test and Newcombe's interval need nothing but the counts. On
  the same images they are too careful as a rule, never a proof that nothing differs.

Where the printed decimals leave several counts possible, all bounds are over those as well.

Both are about two trained networks on these test images. They do not say that the device is the
cause: another seed on the same device changes an accuracy too, and one run a side can't tell the
two apart. And they take the class sizes for the smallest that fit; if a test set was a multiple of
them, the same rates would be stronger evidence.

P-values are adjusted by Holm's method over all comparisons of a table. An adjusted p-value never
falls where a p-value rises, so bounds stay bounds.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from lungbench.paper.count_limits import Between
from lungbench.paper.counts import Solutions
from lungbench.paper.integer_counts import Sizes
from lungbench.paper.pairings import PValues, mcnemar_bounds
from lungbench.paper.unpaired import fisher, newcombe
from lungbench.stats.agreement import holm
from lungbench.stats.intervals import Interval

_SIGNIFICANT = 0.05

Verdict = Literal["differ", "not_shown", "open", "not_compared"]


@dataclass(frozen=True, slots=True)
class Side:
    """One device of a model, and the counts that it may have had.

    Attributes:
        found: None where no whole numbers fit.
        sizes: Of its classes; None likewise.
    """

    model: str
    device: str
    found: Solutions | None
    sizes: Sizes | None


@dataclass(frozen=True, slots=True)
class Tests:
    """What the counts of two devices allow to compute.

    Attributes:
        baseline_right: The fewest and the most images that the baseline diagnosed rightly.
        other_right: The same of the other device.
        images: Test images of the baseline and of the other device.
        difference: Newcombe's 95 % interval of the other's accuracy minus the baseline's, as on
            different images; the widest at the ends of what is possible.
        fisher: As on different images.
        mcnemar: As on the same images; None where the class sizes differ.
        fisher_adjusted: The same by Holm, over all comparisons of the table.
        mcnemar_adjusted: Likewise.
    """

    baseline_right: Between
    other_right: Between
    images: tuple[int, int]
    difference: Interval
    fisher: PValues
    mcnemar: PValues | None
    fisher_adjusted: PValues
    mcnemar_adjusted: PValues | None


@dataclass(frozen=True, slots=True)
class DeviceComparison:
    """A model's device against its first one.

    Attributes:
        tests: None where no integers fit one of the two.
        verdict: Of McNemar's bounds where the sizes are the same, else of Fisher's test:
            `differ` below 5 % whatever is open, `not_shown` above it whatever is open, `open`
            where that depends on what is not published, `not_compared` without tests.
    """

    model: str
    baseline: str
    other: str
    tests: Tests | None
    verdict: Verdict


def device_comparisons(sides: Sequence[Side]) -> tuple[DeviceComparison, ...]:
    """Compare every device of a model with the one that stands first, and adjust all p-values."""
    compared = [_comparison(baseline, other) for baseline, other in _pairs(sides)]
    tested = [each.tests for each in compared if each.tests is not None]
    fishers = _adjusted([tests.fisher for tests in tested])
    # A comparison without McNemar's test counts by Fisher's in the family of the verdicts.
    mcnemars = _adjusted([tests.mcnemar or tests.fisher for tests in tested])
    adjusted = iter(zip(fishers, mcnemars, strict=True))
    return tuple(
        each if each.tests is None else _judged(each, each.tests, *next(adjusted))
        for each in compared
    )


def fisher_bounds(one: Between, two: Between, images: tuple[int, int]) -> PValues:
    """Return bounds of Fisher's p-value over all counts in two ranges.

    It falls as the shares move apart, so its extremes are at ends of the ranges; where the shares
    may be equal it may be 1.
    """
    ends = [fisher((one[0], two[1]), images), fisher((one[1], two[0]), images)]
    may_be_equal = one[0] * images[1] <= two[1] * images[0] and (
        two[0] * images[0] <= one[1] * images[1]
    )
    return PValues(min(ends), 1.0 if may_be_equal else max(ends))


def _pairs(sides: Sequence[Side]) -> Iterator[tuple[Side, Side]]:
    of_model: dict[str, list[Side]] = defaultdict(list)
    for side in sides:
        of_model[side.model].append(side)
    for baseline, *others in of_model.values():
        yield from ((baseline, other) for other in others)


def _comparison(baseline: Side, other: Side) -> DeviceComparison:
    tests = None
    if baseline.found and other.found and baseline.sizes and other.sizes:
        tests = _tests((baseline.found, other.found), (baseline.sizes, other.sizes))
    return DeviceComparison(baseline.model, baseline.device, other.device, tests, "not_compared")


def _tests(found: tuple[Solutions, Solutions], sizes: tuple[Sizes, Sizes]) -> Tests:
    one, two = found
    images = sum(sizes[0]), sum(sizes[1])
    intervals = [newcombe(right, images) for right in product(one.right, two.right)]
    by_fisher = fisher_bounds(one.right, two.right, images)
    by_mcnemar = None
    if sizes[0] == sizes[1]:
        lead = two.right[0] - one.right[1], two.right[1] - one.right[0]
        by_mcnemar = mcnemar_bounds(one.right_of_class, two.right_of_class, sizes[0], lead)
    return Tests(
        baseline_right=one.right,
        other_right=two.right,
        images=images,
        difference=Interval(
            min(each.low for each in intervals), max(each.high for each in intervals)
        ),
        fisher=by_fisher,
        mcnemar=by_mcnemar,
        fisher_adjusted=by_fisher,
        mcnemar_adjusted=by_mcnemar,
    )


def _adjusted(p_values: Sequence[PValues]) -> list[PValues]:
    least = holm([each.least for each in p_values])
    greatest = holm([each.greatest for each in p_values])
    return [PValues(*each) for each in zip(least, greatest, strict=True)]


def _judged(
    each: DeviceComparison, tests: Tests, by_fisher: PValues, by_mcnemar: PValues
) -> DeviceComparison:
    paired = None if tests.mcnemar is None else by_mcnemar
    tests = replace(tests, fisher_adjusted=by_fisher, mcnemar_adjusted=paired)
    return replace(each, tests=tests, verdict=_verdict(by_mcnemar))


def _verdict(p: PValues) -> Verdict:
    if p.greatest <= _SIGNIFICANT:
        return "differ"
    return "not_shown" if p.least > _SIGNIFICANT else "open"
