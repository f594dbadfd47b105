from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.metrics import RATE_NAMES, Confusion, Counts, counts_of
from lungbench.paper.count_limits import class_limits, demands
from lungbench.paper.integer_counts import (
    CountVector,
    OutOfSteps,
    Steps,
    class_fits,
    confusions,
    count_vectors,
    fits,
)
from lungbench.paper.rounding import PrintedRate, Rounding, bounds, halves_up, printed_rate
from lungbench.paper.table import PrintedClass, PrintedRun

MANY = 10_000_000


def matrices(classes: int, cells: st.SearchStrategy[int]) -> st.SearchStrategy[Confusion]:
    row = st.tuples(*[cells] * classes).filter(any)  # every class has images
    return st.tuples(*[row] * classes)


# Up to 3 images a class, of which there are up to 1,000 matrices.
SMALL = matrices(3, st.integers(0, 1))


def counts_in(matrix: Confusion) -> CountVector:
    return tuple(counts_of(matrix, label) for label in range(len(matrix)))


def printed(value: Fraction, decimals: int) -> PrintedRate:
    rate = printed_rate(str(halves_up(value, decimals)))
    assert rate is not None
    return rate


def run_of(matrix: Confusion, rates: tuple[str, ...] = RATE_NAMES, decimals: int = 4) -> PrintedRun:
    """What a paper prints of a matrix; a precision of 0 / 0 as 0, as scikit-learn does."""
    classes = tuple(
        PrintedClass(
            str(label),
            {name: printed(counts.rates()[name] or Fraction(0), decimals) for name in rates},
        )
        for label, counts in enumerate(counts_in(matrix))
    )
    right = sum(row[label] for label, row in enumerate(matrix))
    return PrintedRun(
        "m", "cpu", classes, printed(Fraction(right, sum(map(sum, matrix))), decimals)
    )


def sizes_of(matrix: Confusion) -> tuple[int, ...]:
    return tuple(map(sum, matrix))


def all_matrices(sizes: tuple[int, ...]) -> Iterator[Confusion]:
    """Every matrix with these row sums."""
    rows = [
        [row for row in product(range(size + 1), repeat=len(sizes)) if sum(row) == size]
        for size in sizes
    ]
    yield from product(*rows)


def prints(matrix: Confusion, run: PrintedRun, rounding: Rounding) -> bool:
    """Whether a matrix gives every printed rate, by fractions and without the search's algebra."""
    right = sum(row[label] for label, row in enumerate(matrix))
    pairs = [(Fraction(right, sum(map(sum, matrix))), run.overall)]
    for counts, each in zip(counts_in(matrix), run.classes, strict=True):
        pairs += [(counts.rates()[name], rate) for name, rate in each.rates.items()]
    return all(rate is None or is_within(value, rate, rounding) for value, rate in pairs)


def is_within(value: Fraction | None, rate: PrintedRate, rounding: Rounding) -> bool:
    if value is None:
        return rate.digits == 0
    low, high, parts, low_open, high_open = bounds(rate, rounding)
    scaled = value * parts
    return (
        low < scaled < high
        or (scaled == low and not low_open)
        or (scaled == high and not high_open)
    )


RATE_SETS = st.lists(st.sampled_from(RATE_NAMES), min_size=1, max_size=5, unique=True).map(tuple)
ROUNDED = st.sampled_from(["half_up", "half_even", "half_either", "truncated"])


@given(SMALL, RATE_SETS, st.integers(1, 4), ROUNDED)
@settings(max_examples=60)
def test_three_small_classes_give_what_brute_force_gives(
    matrix: Confusion, rates: tuple[str, ...], decimals: int, rounding: Rounding
) -> None:
    run, sizes = run_of(matrix, rates, decimals), sizes_of(matrix)
    found = {
        confusion
        for counts in count_vectors(demands(run, rounding), sizes, Steps(MANY))
        for confusion in confusions(counts)
    }
    expected = {each for each in all_matrices(sizes) if prints(each, run, rounding)}
    assert expected <= found
    # A precision printed as 0 is taken a hair wider, because 0 / 0 is printed so as well.
    precisions = [each.rates.get("precision") for each in run.classes]
    if all(rate is None or rate.digits > 0 for rate in precisions):
        assert found == expected


@given(st.integers(2, 4).flatmap(lambda n: matrices(n, st.integers(0, 60))), RATE_SETS)
@settings(max_examples=100)
def test_the_true_matrix_is_always_found(matrix: Confusion, rates: tuple[str, ...]) -> None:
    run = run_of(matrix, tuple({"recall", "precision", *rates}))
    vectors = list(count_vectors(demands(run, "half_up"), sizes_of(matrix), Steps(MANY)))
    assert counts_in(matrix) in vectors


@given(matrices(3, st.integers(0, 6)))
@settings(max_examples=60)
def test_every_matrix_of_three_classes_with_given_counts_is_found_once(matrix: Confusion) -> None:
    counts = counts_in(matrix)
    found = list(confusions(counts))
    assert len(found) == len(set(found))
    assert all(counts_in(each) == counts for each in found)
    # By the one free number: the images of the first class that were diagnosed as the second.
    a, b, c = counts
    expected = 0
    for free in range(a.fn + 1):
        third_as_second = b.fp - free
        third_as_first = c.fn - third_as_second
        second_as_first = a.fp - third_as_first
        cells = (third_as_second, third_as_first, second_as_first, b.fn - second_as_first)
        expected += min(cells) >= 0
    assert len(found) == expected


@given(matrices(4, st.integers(0, 2)))
@settings(max_examples=20)
def test_every_matrix_of_four_classes_with_given_counts_is_found_once(matrix: Confusion) -> None:
    counts = counts_in(matrix)
    found = list(confusions(counts))
    assert len(found) == len(set(found))
    rows = [
        [
            (*row[:label], each.tp, *row[label:])
            for row in product(range(each.fn + 1), repeat=3)
            if sum(row) == each.fn
        ]
        for label, each in enumerate(counts)
    ]
    columns = [each.tp + each.fp for each in counts]
    expected = {
        rows_chosen
        for rows_chosen in product(*rows)
        if [sum(column) for column in zip(*rows_chosen, strict=True)] == columns
    }
    assert set(found) == expected


def test_counts_whose_rows_and_columns_don_t_add_up_have_no_matrix() -> None:
    # The first class misses 1 image, which only the second could take, but it has none too many.
    counts = (Counts(tp=4, fp=0, fn=1, tn=5), Counts(tp=5, fp=0, fn=0, tn=5))
    assert list(confusions(counts)) == []


def test_sums_that_agree_do_not_make_a_matrix_of_two_classes() -> None:
    # Where the second class is perfect, the first class's miss has no column to go to, though it
    # has one false positive as well: both sums are 1.
    sound = run_of(((3, 1), (1, 3)))
    assert fits(demands(sound, "half_up"), (4, 4), Steps(MANY))
    wrong = PrintedRun("m", "cpu", (sound.classes[0], run_of(((4, 0), (0, 4))).classes[1]))
    assert not fits(demands(wrong, "half_up"), (4, 4), Steps(MANY))


def test_a_precision_of_no_images_is_printed_as_0_and_as_nothing_else() -> None:
    # Everything is diagnosed as the second class, so that the first has a precision of 0 / 0.
    run = run_of(((0, 5), (0, 5)))
    [counts] = count_vectors(demands(run, "half_up"), (5, 5), Steps(MANY))
    assert counts[0] == Counts(tp=0, fp=0, fn=5, tn=5)
    high = run_of(((4, 1), (0, 5)), ("precision",))
    found = list(count_vectors(demands(high, "half_up"), (5, 5), Steps(MANY)))
    assert found
    assert all(each.tp + each.fp > 0 for vector in found for each in vector)


def test_a_search_ends_when_its_steps_are_taken() -> None:
    run = run_of(((50, 50), (50, 50)), ("accuracy",), decimals=1)
    with pytest.raises(OutOfSteps):
        list(count_vectors(demands(run, "half_up"), (100, 100), Steps(50)))


def test_a_class_may_fit_alone() -> None:
    rates = {"recall": printed(Fraction(1, 3), 4)}
    limits = tuple(class_limits(rates, "half_up"))
    assert class_fits(limits, 3, 6, Steps(MANY))
    assert not class_fits(limits, 4, 6, Steps(MANY))
