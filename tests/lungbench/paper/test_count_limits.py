from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.metrics import Counts
from lungbench.paper.count_limits import Box, Limit, at_least, class_limits, narrowed
from lungbench.paper.rounding import PrintedRate, printed_rate

SMALL = st.integers(-6, 6)
LIMITS = st.lists(st.builds(Limit, SMALL, SMALL, SMALL, SMALL, SMALL), min_size=1, max_size=4)


def rate(text: str) -> PrintedRate:
    found = printed_rate(text)
    assert found is not None
    return found


def meets(limits: list[Limit], images: int, others: int, tp: int, fp: int) -> bool:
    return all(
        limit.images * images + limit.others * others + limit.tp * tp + limit.fp * fp >= limit.least
        for limit in limits
    )


@given(st.integers(-9, 9), st.integers(-40, 40), st.integers(-9, 9), st.integers(-9, 9))
@settings(max_examples=200)
def test_a_range_keeps_what_is_enough_when_multiplied(
    factor: int, least: int, low: int, high: int
) -> None:
    start, end = at_least(factor, least, (low, high))
    expected = [number for number in range(low, high + 1) if factor * number >= least]
    assert list(range(start, end + 1)) == expected


@given(LIMITS, st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=150)
def test_narrowing_loses_no_counts(limits: list[Limit], images: int, others: int) -> None:
    box = Box((1, others), (0, images), (0, others))
    numbers = product(range(1, others + 1), range(images + 1), range(others + 1))
    kept = [each for each in numbers if meets(limits, images, *each)]
    found = narrowed(limits, images, box)
    if kept:
        assert found is not None
        for each in kept:
            assert all(low <= n <= high for n, (low, high) in zip(each, found, strict=True))


def test_one_unknown_is_narrowed_to_what_fits() -> None:
    # 0.8639 of 169 images is 146 of them, and nothing else.
    limits = list(class_limits({"recall": rate("0.8639")}, "half_up"))
    found = narrowed(limits, 169, Box((338, 338), (0, 169), (0, 338)))
    assert found is not None
    assert found.tp == (146, 146)
    assert narrowed(limits, 168, Box((336, 336), (0, 168), (0, 336))) is None


@pytest.mark.parametrize("name", ["accuracy", "precision", "recall", "specificity", "f1"])
def test_every_rate_demands_what_its_fraction_says(name: str) -> None:
    # All counts of a class of 5 among 7 others, against one printed rate.
    limits = list(class_limits({name: rate("0.5")}, "half_up"))
    for tp, fp in product(range(6), range(8)):
        exact = Counts(tp, fp, 5 - tp, 7 - fp).rates()[name]
        expected = exact is not None and Fraction(45, 100) <= exact < Fraction(55, 100)
        assert meets(limits, 5, 7, tp, fp) == expected
