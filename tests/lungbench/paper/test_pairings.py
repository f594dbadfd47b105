from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from lungbench.paper.pairings import PValues, mcnemar_bounds
from lungbench.stats.agreement import mcnemar

Between = tuple[int, int]
ANY_LEAD = (-10_000, 10_000)


def spans(images: int) -> st.SearchStrategy[Between]:
    number = st.integers(0, images)
    return st.tuples(number, number).map(lambda ends: (min(ends), max(ends)))


# Of a class: between how many right diagnoses either network has, and the images.
CLASS = st.integers(1, 5).flatmap(lambda n: st.tuples(spans(n), spans(n), st.just(n)))


def all_p_values(
    baseline: tuple[int, ...], other: tuple[int, ...], images: tuple[int, ...]
) -> list[float]:
    """By brute force: the images that both diagnosed rightly, in every possible number."""
    sides = zip(baseline, other, images, strict=True)
    shared = [range(max(0, a + b - n), min(a, b) + 1) for a, b, n in sides]
    return [mcnemar(sum(baseline) - sum(both), sum(other) - sum(both)) for both in product(*shared)]


@given(st.lists(CLASS, min_size=1, max_size=3))
@settings(max_examples=150)
def test_the_bounds_of_known_counts_are_the_extremes_of_all_pairings(
    classes: list[tuple[Between, Between, int]],
) -> None:
    baseline, other = ([each[side][0] for each in classes] for side in (0, 1))
    images = [each[2] for each in classes]
    known = ([(right, right) for right in side] for side in (baseline, other))
    p_values = all_p_values(tuple(baseline), tuple(other), tuple(images))
    bounds = mcnemar_bounds(*known, images, ANY_LEAD)
    assert bounds == PValues(min(p_values), max(p_values))


@given(st.lists(CLASS, min_size=1, max_size=2), st.integers(-4, 4))
@settings(max_examples=60)
def test_the_bounds_of_ranges_hold_every_pairing_of_all_counts_in_them(
    classes: list[tuple[Between, Between, int]], lead: int
) -> None:
    images = tuple(each[2] for each in classes)
    ways = [
        [range(low, high + 1) for low, high in (each[side] for each in classes)] for side in (0, 1)
    ]
    pairs = list(product(product(*ways[0]), product(*ways[1])))
    of_lead = [(a, b) for a, b in pairs if sum(b) - sum(a) == lead]
    for possible, known in ((pairs, ANY_LEAD), (of_lead, (lead, lead))):
        if possible:
            p_values = [p for a, b in possible for p in all_p_values(a, b, images)]
            bounds = mcnemar_bounds(
                [each[0] for each in classes], [each[1] for each in classes], images, known
            )
            assert bounds.least <= min(p_values)
            assert bounds.greatest >= max(p_values)


def test_a_p_value_is_mcnemars() -> None:
    # 3 images are right for the baseline only, in the first class, and 12 for the other only.
    bounds = mcnemar_bounds([(3, 3), (0, 0)], [(0, 0), (12, 12)], [3, 12], ANY_LEAD)
    assert bounds == pytest.approx((binomtest(3, 15).pvalue,) * 2)


def test_classes_narrow_what_the_sums_alone_leave_open() -> None:
    # Both have 7 and 4 of 10 right; they share 1 to 4 by these sums, but 1 in the first class and
    # 0 or 1 in the second by its counts.
    in_all = mcnemar_bounds([(7, 7)], [(4, 4)], [10], ANY_LEAD)
    by_class = mcnemar_bounds([(5, 5), (2, 2)], [(1, 1), (3, 3)], [5, 5], ANY_LEAD)
    assert in_all == PValues(mcnemar(3, 0), mcnemar(6, 3))
    assert by_class == PValues(mcnemar(4, 1), mcnemar(6, 3))


@pytest.mark.parametrize(
    ("baseline", "other", "images"),
    [
        ([(3, 3)], [(1, 1)], [2]),
        ([(1, 1)], [(-1, 1)], [2]),
        ([(2, 1)], [(1, 1)], [2]),
        ([(1, 1), (1, 1)], [(1, 1)], [2]),
    ],
)
def test_counts_that_are_no_right_diagnoses_are_refused(
    baseline: list[Between], other: list[Between], images: list[int]
) -> None:
    with pytest.raises(ValueError, match=r"zip|no right diagnoses"):
        mcnemar_bounds(baseline, other, images, ANY_LEAD)


def test_a_lead_that_the_classes_exclude_is_refused() -> None:
    with pytest.raises(ValueError, match="a lead of"):
        mcnemar_bounds([(1, 1)], [(1, 1)], [2], (1, 2))
