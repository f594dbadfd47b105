from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.metrics import RATE_NAMES, Confusion, counts_of
from lungbench.paper import class_sizes
from lungbench.paper.check import paper_table
from lungbench.paper.class_sizes import (
    SizesFound,
    is_multiple,
    likeliest_sizes,
    unequal_sizes,
)
from lungbench.paper.integer_counts import Sizes
from lungbench.paper.rounding import PrintedRate, halves_up, printed_rate
from lungbench.paper.table import PrintedClass, PrintedRun

PAPER = paper_table()


def printed(value: Fraction, decimals: int) -> PrintedRate:
    rate = printed_rate(str(halves_up(value, decimals)))
    assert rate is not None
    return rate


def run_of(matrix: Confusion, decimals: int = 4) -> PrintedRun:
    classes = tuple(
        PrintedClass(
            str(label),
            {
                name: printed(counts_of(matrix, label).rates()[name] or Fraction(0), decimals)
                for name in RATE_NAMES
            },
        )
        for label in range(len(matrix))
    )
    return PrintedRun("m", "cpu", classes)


def with_images(run: PrintedRun, images: tuple[int | None, ...]) -> PrintedRun:
    pairs = zip(run.classes, images, strict=True)
    return replace(run, classes=tuple(replace(each, images=n) for each, n in pairs))


# Rows of one class size: the errors are two parts of what the diagonal leaves.
EQUAL = st.integers(1, 150).flatmap(
    lambda size: st.tuples(
        *[
            st.tuples(st.integers(0, size), st.integers(0, size)).map(
                lambda cuts: (min(cuts), max(cuts) - min(cuts), size - max(cuts))
            )
        ]
        * 3
    )
)


@given(EQUAL)
@settings(max_examples=25)
def test_the_true_size_of_equal_classes_is_among_those_that_fit(matrix: Confusion) -> None:
    size = sum(matrix[0])
    found = likeliest_sizes(run_of(matrix), "half_up", 150)
    assert (size,) * 3 in found.fitting
    assert found.complete
    assert found.how == "equal"


UNEQUAL = st.tuples(*[st.tuples(*[st.integers(0, 25)] * 3).filter(any)] * 3)


@given(UNEQUAL)
@settings(max_examples=10)
def test_the_true_sizes_of_unequal_classes_are_among_those_that_fit(matrix: Confusion) -> None:
    found = unequal_sizes(run_of(matrix, 5), "half_up", 75)
    sizes = tuple(map(sum, matrix))
    assert found.searched_to is not None
    assert sizes in found.fitting or not found.complete
    assert sizes in found.fitting or sum(sizes) > found.searched_to


def test_unequal_classes_are_found_by_their_rates_alone() -> None:
    # 4 decimals of 5 rates, and sizes without a common factor.
    matrix = ((90, 7, 3), (4, 60, 1), (2, 5, 133))
    run = run_of(matrix)
    assert likeliest_sizes(run, "half_up", 500).fitting == ()
    found = unequal_sizes(run, "half_up", 200)
    assert found.smallest == (100, 65, 140)
    assert found.complete
    assert found.searched_to == 600


def test_known_images_of_some_classes_or_of_all_narrow_the_search() -> None:
    matrix = ((90, 7, 3), (4, 60, 1), (2, 5, 133))
    one_known = with_images(run_of(matrix), (None, 65, None))
    assert unequal_sizes(one_known, "half_up", 200).smallest == (100, 65, 140)
    all_known = replace(run_of(matrix), images=305)
    assert unequal_sizes(all_known, "half_up", 200).fitting == ((100, 65, 140),)
    wrong = replace(run_of(matrix), images=304)
    assert unequal_sizes(wrong, "half_up", 200).fitting == ()


@pytest.mark.parametrize("run", PAPER, ids=lambda run: f"{run.model}-{run.device}")
def test_each_table_of_the_paper_has_169_images_a_class(run: PrintedRun) -> None:
    found = likeliest_sizes(run, "half_either", 2000)
    assert found.smallest == (169, 169, 169)
    assert found.complete
    assert {(169 * k,) * 3 for k in range(1, 12)} <= set(found.fitting)


def test_no_table_of_the_paper_fits_with_its_digits_cut_off() -> None:
    for run in PAPER:
        assert not likeliest_sizes(run, "truncated", 400).fitting


def test_given_sizes_are_tried_alone() -> None:
    right = likeliest_sizes(with_images(PAPER[0], (169, 169, 169)), "half_either", 10)
    assert right == SizesFound(((169, 169, 169),), "given", None, complete=True)
    wrong = likeliest_sizes(with_images(PAPER[0], (169, 169, 170)), "half_either", 10)
    assert wrong == SizesFound((), "given", None, complete=True)


@pytest.mark.parametrize(
    ("images", "overall", "fitting"),
    [
        ((169, None, None), None, [(169, 169, 169)]),
        ((168, None, None), None, []),
        ((169, 170, None), None, []),
        ((None, None, None), 507, [(169, 169, 169)]),
        ((None, None, None), 508, []),
        ((None, None, None), 1014, [(338, 338, 338)]),
    ],
)
def test_what_is_known_of_equal_classes_leaves_one_size(
    images: tuple[int | None, ...], overall: int | None, fitting: list[Sizes]
) -> None:
    run = replace(with_images(PAPER[0], images), images=overall)
    assert list(likeliest_sizes(run, "half_either", 2000).fitting) == fitting


def test_a_search_that_stops_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_sizes, "STEPS", 1000)
    found = likeliest_sizes(PAPER[0], "half_either", 2000)
    assert not found.complete
    assert found.searched_to is not None
    assert 100 < found.searched_to < 1000
    monkeypatch.setattr(class_sizes, "STEPS", 5000)
    unequal = unequal_sizes(PAPER[0], "half_either", 2000)
    assert not unequal.complete
    assert unequal.searched_to in {48 * 2**k for k in range(7)}


def test_multiples_are_no_other_sizes() -> None:
    found = SizesFound(((2, 4), (3, 4), (4, 8), (5, 10)), "equal", 10, complete=True)
    assert found.others == ((3, 4), (5, 10))
    assert is_multiple((4, 8), (2, 4))
    assert not is_multiple((4, 9), (2, 4))
