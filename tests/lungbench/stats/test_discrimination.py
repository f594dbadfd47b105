import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import mannwhitneyu
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from lungbench.stats.discrimination import newcombe, roc
from lungbench.stats.intervals import normal_quantile, wilson

Case = tuple[NDArray[np.bool_], NDArray[np.float64]]

shares = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]) | st.floats(0, 1)


def random_case(number: int) -> Case:
    """One of a thousand: few images and many, ties, sure ones, and sides without an image."""
    random = np.random.default_rng(number)
    images = int(random.integers(1, 80))
    is_class = random.random(images) < random.choice([0.0, 0.1, 0.3, 0.5, 1.0])
    scores = random.random(images) * 0.7 + 0.3 * is_class
    steps = random.choice([0, 1, 4])  # of 1 all are equal, of 4 many are, none of 0
    return is_class, np.floor(scores * steps) / steps if steps else scores


CASES = [random_case(number) for number in range(1000)]


def has_both(is_class: NDArray[np.bool_]) -> bool:
    return bool(is_class.any() and not is_class.all())


def test_the_area_is_scikit_learns_on_a_thousand_random_tables() -> None:
    degenerate = 0
    for is_class, scores in CASES:
        area = roc(is_class, scores).auc
        if has_both(is_class):
            assert area is not None
            assert float(area) == pytest.approx(roc_auc_score(is_class, scores), abs=1e-12)
        else:
            degenerate += 1
            assert area is None
    assert degenerate > 100


def test_the_area_is_the_mann_whitney_statistic_over_the_pairs() -> None:
    for is_class, scores in CASES[:200]:
        if has_both(is_class):
            statistic = mannwhitneyu(scores[is_class], scores[~is_class]).statistic
            pairs = int(is_class.sum()) * int((~is_class).sum())
            assert roc(is_class, scores).auc == Fraction(statistic) / pairs


def test_average_precision_is_scikit_learns_on_a_thousand_random_tables() -> None:
    for is_class, scores in CASES:
        found = roc(is_class, scores).average_precision
        if is_class.any():
            assert found == pytest.approx(average_precision_score(is_class, scores), abs=1e-12)
        else:
            assert found is None


def test_the_curve_is_scikit_learns_without_what_is_on_a_straight_line() -> None:
    for is_class, scores in CASES:
        points = roc(is_class, scores).points
        if not has_both(is_class):
            assert points is None
            continue
        assert points is not None
        across, up, _ = roc_curve(is_class, scores, drop_intermediate=False)
        everything = list(zip(across.tolist(), up.tolist(), strict=True))
        assert set(points) <= set(everything)
        assert points[0] == (0, 0)
        assert points[-1] == (1, 1)
        assert np.interp(across, *zip(*points, strict=True)) == pytest.approx(
            [max(y for x, y in everything if x == each) for each in across], abs=1e-12
        )


def test_a_curve_keeps_its_corners_only() -> None:
    # Two images of the class first, then two of the other: up, up, across, across.
    found = roc([True, True, False, False], np.array([0.9, 0.8, 0.2, 0.1]))
    assert found.points == ((0, 0), (0, 1), (1, 1))


def test_equal_probabilities_count_half() -> None:
    tied = roc([True, False, True, False], np.array([0.5, 0.5, 0.5, 0.5]))
    assert tied.auc == Fraction(1, 2)
    assert tied.points == ((0, 0), (1, 1))
    assert tied.average_precision == 0.5  # half of all images are of the class


def test_the_class_alone_has_a_precision_but_no_area() -> None:
    alone = roc([True, True], np.array([0.2, 0.7]))
    assert alone.auc is None
    assert alone.auc_interval() is None
    assert alone.average_precision == 1


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="probabilities"):
        roc([True, False], np.array([0.3, np.nan]))
    with pytest.raises(ValueError, match="probabilities"):
        roc([True, False], np.array([0.3]))


def delong(is_class: NDArray[np.bool_], scores: NDArray[np.float64]) -> tuple[float, float] | None:
    """DeLong's limits on the logit scale by their definition: every pair of images by itself."""
    right = np.greater.outer(scores[is_class], scores[~is_class])
    pairs = right + 0.5 * np.equal.outer(scores[is_class], scores[~is_class])
    if min(pairs.shape) == 1 or not 0 < pairs.mean() < 1:
        return None
    of_class, of_rest = pairs.mean(axis=1), pairs.mean(axis=0)
    variance = of_class.var(ddof=1) / of_class.size + of_rest.var(ddof=1) / of_rest.size
    area = pairs.mean()
    reach = normal_quantile(0.95) * np.sqrt(variance) / (area * (1 - area))
    return float(expit(logit(area) - reach)), float(expit(logit(area) + reach))


def test_an_interval_is_the_wider_of_delongs_and_newcombes_on_a_thousand_random_tables() -> None:
    wider = {"delong": 0, "newcombe": 0}
    for is_class, scores in CASES:
        found = roc(is_class, scores)
        area, interval = found.auc, found.auc_interval()
        if area is None:
            assert interval is None
            continue
        assert interval is not None
        assert 0 <= interval.low <= area <= interval.high <= 1
        floor = newcombe(float(area), found.positives, found.negatives)
        limits = delong(is_class, scores) or (floor.low, floor.high)
        assert interval.low == pytest.approx(min(floor.low, limits[0]), abs=1e-12)
        assert interval.high == pytest.approx(max(floor.high, limits[1]), abs=1e-12)
        wider["delong" if limits[0] < floor.low else "newcombe"] += 1
    assert min(wider.values()) > 50  # each is needed


sizes = st.integers(1, 400)


@given(st.floats(0.001, 0.999), sizes, sizes)
@settings(max_examples=60)
def test_the_limits_are_where_the_found_area_is_so_many_standard_errors_away(
    area: float, positives: int, negatives: int
) -> None:
    z = normal_quantile(0.95)

    def reached(other: float) -> float:
        # Newcombe's method 5, written as the quartic's two sides are.
        star = (positives + negatives) / 2 - 1
        of_pairs = 1 + star * (1 - other) / (2 - other) + star * other / (1 + other)
        variance = other * (1 - other) * of_pairs / (positives * negatives)
        return (area - other) ** 2 - z * z * variance

    found = newcombe(area, positives, negatives)
    assert found.low == pytest.approx(brentq(reached, 0, area), abs=1e-9)
    assert found.high == pytest.approx(brentq(reached, area, 1), abs=1e-9)


@given(st.floats(0, 1), sizes, sizes)
@settings(max_examples=100)
def test_an_interval_holds_its_area_and_never_leaves_0_to_1(
    area: float, positives: int, negatives: int
) -> None:
    found = newcombe(area, positives, negatives)
    assert 0 <= found.low <= area <= found.high <= 1
    assert found.low < found.high


@given(st.floats(0, 1), sizes, sizes)
@settings(max_examples=60)
def test_an_interval_is_mirrored_with_the_sides(
    area: float, positives: int, negatives: int
) -> None:
    found = newcombe(area, positives, negatives)
    mirrored = newcombe(1 - area, negatives, positives)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high), abs=1e-9)


@given(sizes, sizes)
@settings(max_examples=60)
def test_an_area_of_1_has_a_lower_limit_that_rises_with_the_images(
    positives: int, negatives: int
) -> None:
    few = newcombe(1, positives, negatives)
    assert few.high == 1
    assert 0 < few.low < newcombe(1, positives + 1, negatives + 1).low < 1


def test_one_pair_of_images_is_one_toss() -> None:
    # The area of one pair is right or wrong: a share of one image, whose interval is Wilson's.
    assert newcombe(1, 1, 1).low == pytest.approx(wilson(1, 1).low)


def test_a_sure_network_has_no_interval_of_no_width() -> None:
    perfect = roc(np.repeat([True, False], 12), np.repeat([1.0, 0.0], 12))
    assert perfect.auc == 1
    interval = perfect.auc_interval()
    assert interval is not None
    assert interval.low < 0.9  # 12 images of the class can't tell more


@pytest.mark.parametrize(
    ("area", "positives", "negatives"), [(1.1, 3, 3), (-0.1, 3, 3), (0.5, 0, 3), (0.5, 3, 0)]
)
def test_what_is_no_area_is_refused(area: float, positives: int, negatives: int) -> None:
    with pytest.raises(ValueError, match="no area"):
        newcombe(area, positives, negatives)


def test_no_warning_of_a_division_by_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for is_class, scores in CASES[:50]:
            found = roc(is_class, scores)
            _ = found.points, found.auc, found.average_precision, found.auc_interval()
