import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    matthews_corrcoef,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
    precision_score,
)
from sklearn.metrics import confusion_matrix as sklearn_matrix

from lungbench.metrics import (
    RATE_NAMES,
    Confusion,
    Counts,
    confusion_matrix,
    counts_of,
    kappa,
    macro_rates,
    mcc,
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
@settings(max_examples=60)
def test_the_matrix_is_scikit_learns(drawn: tuple[int, list[int], list[int]]) -> None:
    classes, true, predicted = drawn
    expected = sklearn_matrix(true, predicted, labels=range(classes)).tolist()
    assert confusion_matrix(true, predicted, classes) == tuple(map(tuple, expected))


@given(diagnoses())
@settings(max_examples=60)
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
@settings(max_examples=60)
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


def random_matrix(number: int) -> Confusion:
    """One of a thousand: 2 to 5 classes, some never true, some never predicted, some always."""
    random = np.random.default_rng(number)
    classes = int(random.integers(2, 6))
    counts = random.integers(0, 30, (classes, classes)) + 20 * np.eye(classes, dtype=int)
    match number % 5:
        case 0:
            counts[random.integers(classes)] = 0
        case 1:
            counts[:, random.integers(classes)] = 0
        case 2:  # all diagnoses are one class
            counts[:, 1:] = 0
        case 3:  # all images are one class, of which one diagnosis is right
            counts[1:] = 0
            counts[0] *= number % 2 == 0
            counts[0, 0] = 1
    return tuple(map(tuple, counts.tolist()))


MATRICES = [random_matrix(number) for number in range(1000)]


def diagnosed(matrix: Confusion) -> tuple[list[int], list[int], list[int]]:
    """True and predicted labels of each cell of a matrix, and its images."""
    cells = [(t, p, count) for t, row in enumerate(matrix) for p, count in enumerate(row) if count]
    true, predicted, counts = zip(*cells, strict=True)
    return list(true), list(predicted), list(counts)


def test_the_papers_five_rates_are_scikit_learns_on_a_thousand_random_matrices() -> None:
    undefined = 0
    for matrix in MATRICES:
        true, predicted, counts = diagnosed(matrix)
        names = NAMES[: len(matrix)]
        found = metrics_of(matrix, names)
        assert found.overall_accuracy == pytest.approx(
            accuracy_score(true, predicted, sample_weight=counts)
        )
        precision, recall, f1, _ = precision_recall_fscore_support(
            true, predicted, labels=range(len(matrix)), sample_weight=counts, zero_division=np.nan
        )
        counted = multilabel_confusion_matrix(
            true, predicted, labels=range(len(matrix)), sample_weight=counts
        )
        for label, name in enumerate(names):
            rates, ((tn, fp), (_, tp)) = found.per_class[name], counted[label].tolist()
            of_rest = tn / (tn + fp) if tn + fp else np.nan
            as_one = (tp + tn) / sum(counts)
            theirs = (as_one, precision[label], recall[label], of_rest, f1[label])
            ours = (rates.accuracy, rates.precision, rates.recall, rates.specificity, rates.f1)
            undefined += ours.count(None)
            assert [np.nan if rate is None else rate for rate in ours] == pytest.approx(
                theirs, nan_ok=True, abs=1e-12
            )
    assert undefined > 100  # the thousand hold rates of nothing too


def test_kappa_is_scikit_learns_on_a_thousand_random_matrices() -> None:
    undefined = 0
    for matrix in MATRICES:
        true, predicted, counts = diagnosed(matrix)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what isn't defined
            theirs = cohen_kappa_score(true, predicted, sample_weight=counts)
        ours = kappa(matrix)
        if len({*true, *predicted}) == 1:  # scikit-learn has no one answer to it over its versions
            undefined += 1
            assert ours is None
        else:
            assert ours is not None
            assert float(ours) == pytest.approx(theirs, abs=1e-12)
    assert undefined > 50


def test_mcc_is_scikit_learns_on_a_thousand_random_matrices() -> None:
    undefined = 0
    for matrix in MATRICES:
        true, predicted, counts = diagnosed(matrix)
        ours = mcc(matrix)
        if len(set(true)) == 1 or len(set(predicted)) == 1:  # scikit-learn's is 0 there
            undefined += 1
            assert ours is None
        else:
            theirs = matthews_corrcoef(true, predicted, sample_weight=counts)
            assert ours == pytest.approx(theirs, abs=1e-12)
            assert ours is not None
            assert -1 <= ours <= 1
    assert undefined > 300


def test_npv_is_of_scikit_learns_counts_on_a_thousand_random_matrices() -> None:
    undefined = 0
    for matrix in MATRICES:
        true, predicted, counts = diagnosed(matrix)
        labels = range(len(matrix))
        each = multilabel_confusion_matrix(true, predicted, sample_weight=counts, labels=labels)
        for label, ((tn, _), (fn, _)) in enumerate(each.astype(int).tolist()):
            npv = counts_of(matrix, label).npv
            undefined += not tn + fn
            assert npv == (Fraction(tn, tn + fn) if tn + fn else None)
    assert undefined > 100


def test_npv_is_the_precision_of_the_rest() -> None:
    for matrix in MATRICES[:50]:
        true, predicted, counts = diagnosed(matrix)
        rest, of_rest = np.array(true) != 0, np.array(predicted) != 0
        npv = counts_of(matrix, 0).npv
        if npv is not None:
            theirs = precision_score(rest, of_rest, sample_weight=counts)
            assert float(npv) == pytest.approx(theirs, abs=1e-12)


def test_what_follows_from_the_matrix_stands_in_the_record() -> None:
    metrics = metrics_of(((9, 1), (4, 6)), ("covid", "healthy"))
    assert metrics.per_class["covid"].npv == 6 / 7
    assert metrics.per_class["healthy"].npv == 9 / 13
    assert metrics.macro.npv == pytest.approx((6 / 7 + 9 / 13) / 2)
    assert metrics.kappa == 0.5  # 15 of 20 are right; 10 * 13 / 20 + 10 * 7 / 20 = 10 by chance
    # (9 * 6 - 1 * 4) / sqrt(10 * 10 * 13 * 7), the formula of two classes.
    assert metrics.mcc == pytest.approx(50 / math.sqrt(9100))


def test_perfect_diagnoses_have_a_kappa_and_an_mcc_of_exactly_1() -> None:
    for images in range(1, 200):
        matrix = ((images, 0, 0), (0, 2 * images, 0), (0, 0, 7))
        assert (kappa(matrix), mcc(matrix)) == (1, 1.0)


def test_without_probabilities_nothing_is_said_that_needs_them() -> None:
    metrics = metrics_of(((9, 1), (4, 6)), ("covid", "healthy"))
    assert metrics.per_class["covid"].auc is None
    assert metrics.per_class["covid"].average_precision is None
    assert (metrics.brier, metrics.calibration_error, metrics.macro.auc) == (None, None, None)


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
