from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from sklearn.metrics import confusion_matrix as sklearn_matrix

from lungbench.metrics import (
    RATE_NAMES,
    Counts,
    confusion_matrix,
    counts_of,
    macro_rates,
    metrics_of,
)

NAMES = ("a", "b", "c", "d", "e")


@st.composite
def diagnoses(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    classes = draw(st.integers(2, 5))
    label = st.integers(0, classes - 1)
    pairs = draw(st.lists(st.tuples(label, label), min_size=1, max_size=60))
    return classes, [true for true, _ in pairs], [predicted for _, predicted in pairs]


@given(diagnoses())
@settings(max_examples=60, deadline=None)
def test_the_matrix_is_scikit_learns(drawn: tuple[int, list[int], list[int]]) -> None:
    classes, true, predicted = drawn
    expected = sklearn_matrix(true, predicted, labels=range(classes)).tolist()
    assert confusion_matrix(true, predicted, classes) == tuple(map(tuple, expected))


@given(diagnoses())
@settings(max_examples=60, deadline=None)
def test_the_rates_are_scikit_learns(drawn: tuple[int, list[int], list[int]]) -> None:
    classes, true, predicted = drawn
    names = NAMES[:classes]
    metrics = metrics_of(confusion_matrix(true, predicted, classes), names)
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, predicted, labels=range(classes), zero_division=np.nan
    )
    assert metrics.overall_accuracy == pytest.approx(accuracy_score(true, predicted))
    for label, name in enumerate(names):
        rates = metrics.per_class[name]
        is_true, is_predicted = np.array(true) == label, np.array(predicted) == label
        # One against the rest, specificity is the recall of the rest.
        _, rest, _, _ = precision_recall_fscore_support(
            ~is_true, ~is_predicted, labels=[True], zero_division=np.nan
        )
        ours = (rates.precision, rates.recall, rates.f1, rates.specificity, rates.accuracy)
        theirs = (
            precision[label], recall[label], f1[label], rest[0],
            accuracy_score(is_true, is_predicted),
        )  # fmt: skip
        as_numbers = [np.nan if rate is None else rate for rate in ours]
        assert as_numbers == pytest.approx(theirs, nan_ok=True)


@given(diagnoses())
@settings(max_examples=60, deadline=None)
def test_the_counts_of_every_class_add_up_to_the_images(
    drawn: tuple[int, list[int], list[int]],
) -> None:
    classes, true, predicted = drawn
    matrix = confusion_matrix(true, predicted, classes)
    for label in range(classes):
        counts = counts_of(matrix, label)
        assert counts.tp + counts.fp + counts.fn + counts.tn == len(true)
        assert counts.tp + counts.fn == true.count(label)
        assert counts.tp + counts.fp == predicted.count(label)


def test_rates_follow_their_definitions() -> None:
    assert Counts(tp=3, fp=1, fn=2, tn=4).rates() == {
        "accuracy": Fraction(7, 10),
        "precision": Fraction(3, 4),
        "recall": Fraction(3, 5),
        "specificity": Fraction(4, 5),
        "f1": Fraction(2, 3),  # 6 / (6 + 1 + 2)
    }


@pytest.mark.parametrize(
    ("counts", "undefined"),
    [
        (Counts(tp=0, fp=0, fn=2, tn=8), {"precision"}),  # never predicted
        (Counts(tp=0, fp=2, fn=0, tn=8), {"recall"}),  # no such image
        (Counts(tp=0, fp=0, fn=0, tn=8), {"precision", "recall", "f1"}),  # neither
        (Counts(tp=5, fp=0, fn=3, tn=0), {"specificity"}),  # no other image
        (Counts(tp=0, fp=0, fn=0, tn=0), set(RATE_NAMES)),  # no image at all
    ],
)
def test_a_rate_of_nothing_is_none(counts: Counts, undefined: set[str]) -> None:
    assert {name for name, rate in counts.rates().items() if rate is None} == undefined


def test_a_macro_rate_is_none_where_one_class_has_none() -> None:
    metrics = metrics_of(((2, 1), (0, 0)), ("present", "absent"))
    assert metrics.per_class["absent"].recall is None
    assert metrics.macro.recall is None
    assert metrics.macro.precision == 0.5  # of 1 and 0: absent was predicted once, wrongly


def test_a_macro_rate_averages_unrounded_rates() -> None:
    thirds = {name: Fraction(1, 3) for name in RATE_NAMES}
    sevenths = {name: Fraction(1, 7) for name in RATE_NAMES}
    assert macro_rates([thirds, sevenths])["f1"] == Fraction(5, 21)


def test_the_order_of_the_classes_names_the_rows() -> None:
    metrics = metrics_of(((9, 1), (4, 6)), ("covid", "healthy"))
    assert metrics.per_class["covid"].fn == 1
    assert metrics.per_class["healthy"].fn == 4
    assert metrics.overall_accuracy == 0.75


def test_no_images_make_a_matrix_of_zeros() -> None:
    assert confusion_matrix([], [], 2) == ((0, 0), (0, 0))


@pytest.mark.parametrize(
    ("true", "predicted"), [([0, 1], [0]), ([0, 2], [0, 1]), ([0, 1], [0, -1]), ([-1], [0])]
)
def test_labels_that_fit_no_matrix_are_refused(true: list[int], predicted: list[int]) -> None:
    with pytest.raises(ValueError, match="label"):
        confusion_matrix(true, predicted, 2)


@pytest.mark.parametrize("confusion", [(), ((0, 0), (0, 0)), ((1,),), ((1, 2), (3,)), ((1, 2),)])
def test_what_is_no_confusion_matrix_is_refused(confusion: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="no confusion matrix"):
        metrics_of(confusion, ("a", "b"))
