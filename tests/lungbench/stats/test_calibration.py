from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from scipy.stats import binned_statistic
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from lungbench.stats.calibration import (
    BINS,
    COLDEST,
    HOTTEST,
    Bin,
    brier,
    calibration_error,
    fit_temperature,
    reliability,
    scaled,
)

Table = tuple[NDArray[np.float64], NDArray[np.int64]]


def random_table(number: int) -> Table:
    """One of a thousand: 2 to 5 classes, some absent, of probabilities also 0, 1 and equal."""
    random = np.random.default_rng(number)
    images, classes = int(random.integers(1, 60)), int(random.integers(2, 6))
    labels = random.integers(0, random.integers(1, classes + 1), images)
    match number % 4:
        case 0:
            found = softmax(random.normal(0, 3, (images, classes)), axis=1)
        case 1:  # all of them sure
            found = np.eye(classes)[random.integers(0, classes, images)]
        case 2:  # all of them equal
            found = np.full((images, classes), 1 / classes)
        case _:  # tenths, as few as there are bins, so that confidences stand on their edges
            found = random.multinomial(10, np.full(classes, 1 / classes), images) / 10
    return found, labels


TABLES = [random_table(number) for number in range(1000)]


def test_the_brier_score_is_scikit_learns_on_a_thousand_random_tables() -> None:
    for found, labels in TABLES:
        theirs = brier_score_loss(
            labels, found, labels=range(found.shape[1]), scale_by_half=False
        ) if found.shape[1] > 2 else 2 * brier_score_loss(
            labels, found[:, 1], pos_label=1, labels=[0, 1], scale_by_half=True
        )  # fmt: skip
        assert brier(found, labels) == pytest.approx(theirs, abs=1e-12)


def test_a_brier_score_is_0_of_the_sure_and_right_and_2_of_the_sure_and_wrong() -> None:
    sure = np.eye(3)
    assert brier(sure, [0, 1, 2]) == 0
    assert brier(sure, [1, 2, 0]) == 2


def confidences_of(table: Table) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    found, labels = table
    return found.max(axis=1), found.argmax(axis=1) == labels


def test_the_bins_are_scikit_learns_on_a_thousand_random_tables() -> None:
    for table in TABLES:
        sure, right = confidences_of(table)
        bins = reliability(sure, right)
        accuracies, means = calibration_curve(right, sure, n_bins=BINS)
        assert [each.accuracy for each in bins] == pytest.approx(accuracies.tolist())
        assert [each.confidence for each in bins] == pytest.approx(means.tolist())
        assert sum(each.images for each in bins) == sure.size


def test_the_calibration_error_is_the_one_of_scipys_bins_on_a_thousand_random_tables() -> None:
    edges = np.arange(BINS + 1) / BINS
    for table in TABLES:
        sure, right = confidences_of(table)
        # scipy's bins hold their lower edge, ours their upper one: so both are turned round.
        sums = binned_statistic(-sure, right - sure, "sum", bins=-edges[::-1]).statistic
        expected = np.abs(sums).sum() / sure.size
        assert calibration_error(reliability(sure, right)) == pytest.approx(expected, abs=1e-12)


def test_a_bin_holds_its_upper_edge_and_only_the_first_its_lower() -> None:
    bins = reliability([0.0, 0.1, 0.1000001, 1.0], [True, False, True, True])
    assert [(each.low, each.high, each.images) for each in bins] == [
        (0.0, 0.1, 2),
        (0.1, 0.2, 1),
        (0.9, 1.0, 1),
    ]


def test_an_honest_network_has_no_calibration_error() -> None:
    honest = (Bin(0.5, 0.6, 20, 0.55, 0.55), Bin(0.9, 1.0, 10, 0.95, 0.95))
    assert calibration_error(honest) == 0


def test_a_calibration_error_weighs_the_bins_by_their_images() -> None:
    bins = (Bin(0.5, 0.6, 3, 0.6, 0.5), Bin(0.9, 1.0, 1, 1.0, 0.5))
    assert calibration_error(bins) == pytest.approx((3 * 0.1 + 0.5) / 4)


def test_no_diagnosis_has_no_bin_and_no_error() -> None:
    assert reliability([], []) == ()
    assert calibration_error(()) is None


@pytest.mark.parametrize(
    ("sure", "right"), [([0.5], [True, False]), ([1.5], [True]), ([float("nan")], [True])]
)
def test_what_is_no_confidence_is_refused(sure: list[float], right: list[bool]) -> None:
    with pytest.raises(ValueError, match="confidences from 0 to 1"):
        reliability(sure, right)


def test_a_network_that_is_too_sure_is_heated() -> None:
    # Sure at 9 to 1, right 3 times of 4: honest at ln 9 / ln 3.
    assert fit_temperature([[0.9, 0.1]] * 4, [0, 0, 0, 1]) == pytest.approx(log(9) / log(3))


def test_a_network_that_doubts_too_much_is_cooled() -> None:
    # Sure at 3 to 1, right 9 times of 10: honest at ln 3 / ln 9.
    labels = [0] * 9 + [1]
    assert fit_temperature([[0.75, 0.25]] * 10, labels) == pytest.approx(log(3) / log(9))


def test_the_temperature_is_the_minimum_that_scipy_finds() -> None:
    for number in range(0, 200, 4):
        random = np.random.default_rng(number)
        logits = random.normal(0, 3, (40, 3))
        labels = np.array([random.choice(3, p=softmax(row / 2)) for row in logits])
        found = softmax(logits, axis=1)

        def loss(log_temperature: float, f: object = found, y: object = labels) -> float:
            return float(log_loss(y, scaled(f, np.exp(log_temperature)), labels=range(3)))  # type: ignore[arg-type]

        best = minimize_scalar(loss, bounds=(log(COLDEST), log(HOTTEST)), method="bounded")
        assert loss(log(fit_temperature(found, labels))) <= best.fun + 1e-9


@pytest.mark.parametrize(
    ("found", "labels", "expected"),
    [
        ([[0.9, 0.1], [0.2, 0.8]], [0, 1], COLDEST),  # all right
        ([[1.0, 0.0], [0.0, 1.0]], [0, 1], COLDEST),  # all right, and sure
        ([[0.9, 0.1], [0.2, 0.8]], [1, 0], HOTTEST),  # all wrong
        ([[1.0, 0.0], [0.0, 1.0]], [1, 0], HOTTEST),  # all wrong, and sure
        ([[0.5, 0.5], [0.5, 0.5]], [1, 1], 1.0),  # nothing said
    ],
)
def test_a_temperature_without_a_minimum_is_an_end_of_its_range(
    found: list[list[float]], labels: list[int], expected: float
) -> None:
    assert fit_temperature(found, labels) == pytest.approx(expected)


def test_every_random_table_has_a_temperature_within_its_range() -> None:
    for found, labels in TABLES:
        temperature = fit_temperature(found, labels)
        assert COLDEST * (1 - 1e-9) <= temperature <= HOTTEST * (1 + 1e-9)


def test_a_temperature_of_1_changes_nothing() -> None:
    for found, _ in TABLES[:100]:
        assert scaled(found, 1) == pytest.approx(found, abs=1e-12)


@given(st.integers(0, 999), st.floats(0.05, 20))
@settings(max_examples=60)
def test_no_temperature_changes_a_diagnosis(number: int, temperature: float) -> None:
    found, _ = TABLES[number]
    at = scaled(found, temperature)
    assert at.sum(axis=1) == pytest.approx(np.ones(len(found)))
    highest = at.max(axis=1)
    # Rounding may raise an equal one by the last digit; the diagnosed class stays the highest.
    assert at[np.arange(len(found)), found.argmax(axis=1)] == pytest.approx(highest)


@pytest.mark.parametrize("temperature", [0, -1, float("inf"), float("nan")])
def test_what_is_no_temperature_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="no temperature"):
        scaled([[0.5, 0.5]], temperature)


@pytest.mark.parametrize("found", [[[1.2, 0.0]], [[float("nan"), 1.0]], [[-0.1, 1.0]], [0.5, 0.5]])
def test_what_is_no_probability_is_refused(found: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="probabilities from 0 to 1"):
        scaled(found, 2)


@pytest.mark.parametrize("labels", [[], [0, 1], [2], [-1]])
def test_labels_of_other_images_or_classes_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="label"):
        brier([[0.5, 0.5]], labels)
    with pytest.raises(ValueError, match="label"):
        fit_temperature([[0.5, 0.5]], labels)


def test_a_softmax_above_1_by_rounding_is_accepted() -> None:
    assert brier([[1.0000001, 0.0]], [0]) == 0
