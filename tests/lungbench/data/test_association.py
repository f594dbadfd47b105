from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.data.association import MOST_KINDS, THE_REST, Association, associations, cramers_v
from lungbench.data.image_table import ImageTable

TableOf = Callable[..., ImageTable]


def found(table: ImageTable, name: str) -> Association:
    return next(each for each in associations(table) if each.name == name)


def test_a_class_of_its_own_collection_is_told_by_it(table_of: TableOf) -> None:
    table = table_of(["a"] * 10 + ["b"] * 10, ["train"] * 20, collection=["x"] * 10 + ["y"] * 10)
    known = found(table, "collection")
    assert (known.known, known.kinds, known.accuracy, known.largest_class) == (20, 2, 1.0, 0.5)
    assert known.cramers_v == pytest.approx(1.0)
    assert known.counts == {"x": {"a": 10, "b": 0}, "y": {"a": 0, "b": 10}}


def test_classes_spread_evenly_over_collections_are_not_told(table_of: TableOf) -> None:
    table = table_of(["a", "b"] * 10, ["train"] * 20, collection=["x", "x", "y", "y"] * 5)
    known = found(table, "collection")
    assert (known.cramers_v, known.accuracy, known.largest_class) == (0.0, 0.5, 0.5)


def test_what_nobody_told_is_unknown(table_of: TableOf) -> None:
    known = found(table_of(["a", "b"], ["train", "test"]), "collection")
    assert (known.known, known.cramers_v, known.accuracy, known.counts) == (0, None, None, {})


def test_one_kind_tells_nothing(table_of: TableOf) -> None:
    table = table_of(["a", "b", "b", "b"], ["train"] * 4, mode=["L"] * 4)
    known = found(table, "colour mode")
    assert (known.kinds, known.cramers_v) == (1, None)
    assert known.accuracy == known.largest_class == 0.75


def test_a_size_of_each_image_alone_tells_no_class(table_of: TableOf) -> None:
    widths = [str(100 + number) for number in range(30)]
    table = table_of(["a", "b", "c"] * 10, ["train"] * 30, width=widths, height=["100"] * 30)
    known = found(table, "image size")
    assert (known.kinds, known.cramers_v) == (30, None)  # all are rare, and so are one kind
    assert known.accuracy == pytest.approx(1 / 3)


def test_rare_kinds_are_summed_up(table_of: TableOf) -> None:
    names = ["common"] * 5 + [f"rare {number:02d}" for number in range(40)]
    table = table_of(["a"] * 45, ["train"] * 45, collection=names)
    counts = found(table, "collection").counts
    assert next(iter(counts)) == "common"
    assert len(counts) == MOST_KINDS + 1
    assert counts[THE_REST] == {"a": 45 - 5 - (MOST_KINDS - 1)}


def test_cramers_v_is_corrected_as_bergsma_says() -> None:
    # By hand: chi2 = 40/3 of n = 30, less (2-1)(2-1)/29, over 2 - 1/29 - 1.
    counts = np.array([[12, 3], [2, 13]])
    expected = np.outer([15, 15], [14, 16]) / 30
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert cramers_v(counts) == pytest.approx(((chi2 / 30 - 1 / 29) / (1 - 1 / 29)) ** 0.5)


@settings(max_examples=50)
@given(
    counts=st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=1, max_size=6)
)
def test_cramers_v_is_a_share_whatever_the_counts(counts: list[list[int]]) -> None:
    v = cramers_v(np.array(counts))
    assert v is None or 0 <= v <= 1
