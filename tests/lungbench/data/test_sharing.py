"""Which groups of images are torn apart, counted on tables written by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from lungbench.data.image_table import UNKNOWN, ImageTable
from lungbench.data.sharing import MOST_LISTED, sharing

TableOf = Callable[..., ImageTable]


@pytest.fixture
def four(table_of: TableOf) -> ImageTable:
    """Two classes; a trains, b validates, c and d test."""
    return table_of(["covid", "covid", "normal", "normal"], ["train", "validation", "test", "test"])


def test_images_that_share_nothing_make_no_group(four: ImageTable) -> None:
    found = sharing(four, np.arange(4))
    assert (found.known, found.groups, found.images, found.examples) == (4, 0, 0, ())


def test_a_group_in_one_split_and_class_is_counted_and_harmless(four: ImageTable) -> None:
    found = sharing(four, np.array([0, 1, 2, 2]))
    assert (found.groups, found.images) == (1, 2)
    assert (found.across_classes, found.across_splits, found.told_test_images) == (0, 0, 0)


def test_a_group_of_training_and_test_tells_its_test_images(four: ImageTable) -> None:
    found = sharing(four, np.array([7, 1, 7, 7]))
    assert (found.groups, found.images, found.across_classes, found.across_splits) == (1, 3, 1, 1)
    assert found.told_test_images == 2


def test_a_group_of_validation_and_test_tells_testing_nothing_of_training(
    four: ImageTable,
) -> None:
    found = sharing(four, np.array([0, 1, 2, 1]))
    assert (found.across_splits, found.told_test_images) == (1, 0)


def test_images_of_no_known_group_share_nothing(four: ImageTable) -> None:
    found = sharing(four, np.array([UNKNOWN, UNKNOWN, 0, 0]))
    assert (found.known, found.groups, found.images, found.across_splits) == (2, 1, 2, 0)


def test_an_image_in_two_splits_is_no_group_by_itself(table_of: TableOf) -> None:
    table = table_of(["a", "b"], [("train", "test"), "train"])
    assert sharing(table, np.arange(2)).across_splits == 0


def test_examples_show_two_labels_first_then_two_splits(table_of: TableOf) -> None:
    classes = ["a", "a", "a", "a", "a", "b"]
    table = table_of(classes, ["train", "train", "train", "test", "train", "train"])
    found = sharing(table, np.array([0, 0, 1, 1, 2, 2]))
    assert [(pair.one.path, pair.other.path) for pair in found.examples] == [
        ("4.png", "5.png"),
        ("2.png", "3.png"),
        ("0.png", "1.png"),
    ]
    labels, splits, harmless = found.examples
    assert (labels.across_classes, labels.across_splits) == (True, False)
    assert (splits.across_classes, splits.across_splits) == (False, True)
    assert (harmless.across_classes, harmless.across_splits) == (False, False)
    assert splits.other.splits == ("test",)


def test_given_pairs_are_the_examples(four: ImageTable) -> None:
    found = sharing(four, np.array([0, 0, 0, 3]), np.array([[1, 2, 1], [0, 1, 0]]))
    assert [(pair.one.path, pair.other.path, pair.mirrored) for pair in found.examples] == [
        ("1.png", "2.png", True),
        ("0.png", "1.png", False),
    ]


def test_no_more_examples_are_listed_than_a_person_reads(table_of: TableOf) -> None:
    table = table_of(["a", "b"] * 100, ["train"] * 200)
    found = sharing(table, np.repeat(np.arange(100), 2))
    assert (found.groups, len(found.examples)) == (100, MOST_LISTED)


def test_no_image_shares_nothing(table_of: TableOf) -> None:
    found = sharing(table_of([], []), np.zeros(0, dtype=np.int64))
    assert (found.known, found.groups, found.examples) == (0, 0, ())
